package capability_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
	"github.com/luaroute/caddy-luaroute/luaroute/capability"
	"github.com/luaroute/caddy-luaroute/luaroute/config"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// set returns what a tenant with the host acme.example may use.
func set(t *testing.T, allow *config.Allow) *capability.Set {
	t.Helper()
	s, err := capability.New("acme", []string{"acme.example", "*.Bücher.example"}, allow)
	if err != nil {
		t.Fatal(err)
	}
	return s.Within(capability.Bounds{Body: 1 << 20})
}

func TestATrustedTenantMayEverything(t *testing.T) {
	t.Parallel()
	var s *capability.Set
	config := json.RawMessage(`{"upstreams":[{"dial":"127.0.0.1:1"}],"response_buffers":-1,"headers":{"request":{"set":{"X":["{env.X}"]}}}}`)
	got, err := s.AdmitPool(config)
	for _, err := range []error{
		err, s.Module("http.handlers.file_server"), s.Placeholder("env.X"), s.Text("{file.x}"), s.Strings(config), s.Lib("x"), s.Pool("x"), s.Host("x"),
		s.Certificates(), s.HealthChecks(1e6), s.Address("127.0.0.1:1"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if string(got.Config) != string(config) || got.Checks != 0 || s.Policy() != nil || s.Within(capability.Bounds{}) != nil {
		t.Errorf("got %+v", got)
	}
	if err := s.Module("http.handlers.luaroute"); !errors.Is(err, capability.ErrNested) {
		t.Errorf("got %v", err)
	}
}

// TestEveryModuleOfCaddyIsDecidedAbout goes through all there are: those that are neither safe nor harmless are refused.
func TestEveryModuleOfCaddyIsDecidedAbout(t *testing.T) {
	t.Parallel()
	s := set(t, nil)
	safe := map[string]bool{}
	for _, id := range strings.Fields(`
		http.handlers.copy_response http.handlers.copy_response_headers http.handlers.encode http.handlers.error http.handlers.headers
		http.handlers.log_append http.handlers.request_body http.handlers.rewrite http.handlers.static_response
		http.handlers.subroute http.handlers.vars
		http.matchers.client_ip http.matchers.header http.matchers.header_regexp http.matchers.host http.matchers.method http.matchers.not
		http.matchers.path http.matchers.protocol http.matchers.query http.matchers.remote_ip http.matchers.vars
		http.reverse_proxy.transport.http http.reverse_proxy.upstreams.a http.reverse_proxy.upstreams.srv http.reverse_proxy.upstreams.multi
		http.reverse_proxy.circuit_breakers.luaroute http.ip_sources.static tls.ca_pool.source.inline tls.ca_pool.source.file caddy.network_proxy.none`) {
		safe[id] = true
	}
	refused := 0
	for _, id := range caddy.Modules() {
		if !strings.Contains(id, ".") {
			continue // an app, which nothing loads inside of a handler
		}
		harmless := safe[id] || strings.HasPrefix(id, "http.encoders.") || strings.HasPrefix(id, "http.precompressed.") ||
			strings.HasPrefix(id, "http.reverse_proxy.selection_policies.")
		err := s.Module(id)
		if (err == nil) != harmless {
			t.Errorf("%s: %v", id, err)
		}
		if err == nil {
			delete(safe, id)
			continue
		}
		refused++
		var r *capability.Refusal
		if errors.Is(err, capability.ErrNested) || id == "http.reverse_proxy.transport.luaroute" {
			continue
		}
		if !errors.As(err, &r) {
			t.Fatalf("%s: %v", id, err)
		}
		wider := &config.Allow{}
		switch r.Key {
		case "handlers":
			wider.Handlers = append(r.Has, r.Word)
		case "matchers":
			wider.Matchers = append(r.Has, r.Word)
		}
		if err := set(t, wider).Module(id); err != nil {
			t.Errorf("%s is not allowed by what its refusal says: %v", id, err)
		}
	}
	if refused < 50 || len(safe) > 0 {
		t.Errorf("%d modules are refused; not there are %v", refused, safe)
	}
}

func TestAPlaceholderIsAllowedByWhatItBeginsWith(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		allow   []string
		name    string
		allowed bool
	}{
		{nil, "http.request.host", true},
		{nil, "time.now.unix", true},
		{nil, "http.request.body", false},
		{nil, "http.request.body_base64", false},
		{nil, "httpx.y", false},
		{nil, "env.HOME", false},
		{nil, "file./etc/passwd", false},
		{nil, "system.hostname", false},
		{nil, "secrets.key", false},
		{[]string{"env.HOME"}, "env.HOME", true},
		{[]string{"env.HOME"}, "env.HOMES", false},
		{[]string{"env.HOME"}, "env.OTHER", false},
		{[]string{"env.*"}, "env.OTHER", true},
		{[]string{"http.request.body"}, "http.request.body", true},
		{[]string{"all"}, "file./etc/passwd", true},
		{[]string{"all"}, "http.request.body", true},
		{[]string{"none"}, "http.request.host", false},
	} {
		if err := set(t, &config.Allow{Placeholders: row.allow}).Placeholder(row.name); (err == nil) != row.allowed {
			t.Errorf("%v: %s: %v", row.allow, row.name, err)
		}
	}
}

func TestEveryBraceOfATextMayBeginAPlaceholder(t *testing.T) {
	t.Parallel()
	s := set(t, nil)
	for text, allowed := range map[string]bool{
		"": true, "no braces": true, "{http.request.host}": true, `{"json": "of a kind"}`: true, "{}": true, "a { b } c": true, "body{color:red}": true,
		"{x}": true, "{{http.request.host}}": true, "{console.log(1)}": true,
		"{env.X}": false, `\{env.X}`: false, "{a{env.X}": false, "{{env.X}}": false, "{env.X": false, "{http.request.host}{file.x}": false,
		"{file./etc/x y}": false, "{a.b}": false, "{geo-ip.country_code}": false, "{http.request.host} {system.os}": false,
	} {
		if err := s.Text(text); (err == nil) != allowed {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestATextOfBracesTakesNoTime(t *testing.T) {
	t.Parallel()
	s := set(t, nil)
	took := testkit.Ran(func() {
		if err := s.Text(strings.Repeat("{a", 1<<20)); err != nil {
			t.Error(err)
		}
	})
	if took > 5*time.Second { // by the square it would be many minutes
		t.Errorf("it took %s", took)
	}
}

func TestStringsAreLookedAtWhereverTheyStand(t *testing.T) {
	t.Parallel()
	s := set(t, nil)
	for config, want := range map[string]string{
		`{"a":"{env.X}"}`:                 "a: placeholder {env.X}",
		`{"a":{"b":[1,{"c":"{env.X}"}]}}`: "a.b[1].c: placeholder {env.X}",
		`{"{env.X}":1}`:                   "{env.X}: placeholder {env.X}",
		`["{env.X}"]`:                     "[0]: placeholder {env.X}",
		`"{env.X}"`:                       "placeholder {env.X}",
		strings.Repeat("[", 300) + `"{env.X}"` + strings.Repeat("]", 300): "nested too deeply",
	} {
		if err := s.Strings(json.RawMessage(config)); err == nil || !strings.HasPrefix(strings.TrimPrefix(err.Error(), "the configuration is "), want) {
			t.Errorf("%.60s: %v", config, err)
		}
	}
}

func TestAHostIsOnesOwnInAnySpelling(t *testing.T) {
	t.Parallel()
	s := set(t, nil)
	for host, allowed := range map[string]bool{
		"acme.example": true, "ACME.Example.": true, "a.bücher.example": true, "x.xn--bcher-kva.example": true, "*.bücher.example": true,
		"a.acme.example": false, "*.acme.example": false, "example": false, "*.example": false, "bücher.example": false, "a.b.bücher.example": false, "": false,
	} {
		if err := s.Host(host); (err == nil) != allowed {
			t.Errorf("%q: %v", host, err)
		}
	}
	nobody, err := capability.New("everywhere", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if nobody.Host("acme.example") == nil {
		t.Error("a tenant without hosts names those of others")
	}
}

func TestWhatDialsAsksThePolicyOfTheTenant(t *testing.T) {
	t.Parallel()
	s := set(t, &config.Allow{Handlers: []string{"all"}, Upstreams: []string{"public", "10.0.0.0/8"}})
	const asks = `"protocol":"luaroute"`
	for name, row := range map[string]struct {
		id, config string
		want       []string
	}{
		"a pool":            {"", `{"upstreams":[{"dial":"10.0.0.1:1"}]}`, []string{`{"transport":{"protocol":"luaroute","upstreams":["public","10.0.0.0/8"]},"upstreams":[{"dial":"10.0.0.1:1"}]}`}},
		"a transport":       {"", `{"transport":{"protocol":"http","dial_timeout":1000000001}}`, []string{`{"transport":{"protocol":"luaroute","transport":{"dial_timeout":1000000001,"protocol":"http"},"upstreams":["public","10.0.0.0/8"]}}`}},
		"in another case":   {"", `{"TransPort":{"protocol":"http"}}`, []string{`{"transport":{"protocol":"luaroute","transport":{"protocol":"http"},`}},
		"a proxy by itself": {"http.handlers.reverse_proxy", `{}`, []string{asks}},
		"inside":            {"", `{"handle_response":[{"routes":[{"handle":[{"handler":"reverse_proxy"},{"handler":"subroute","routes":[{"handle":[{"handler":"reverse_proxy"}]}]}]}]}]}`, []string{asks, asks, asks}},
		"a module without":  {"http.handlers.static_response", `{"body":"x"}`, nil},
		"nothing":           {"http.handlers.encode", ``, nil},
	} {
		admit := s.AdmitPool
		if row.id != "" {
			admit = func(c json.RawMessage) (capability.Admitted, error) { return s.Admit(row.id, c) }
		}
		admitted, err := admit(json.RawMessage(row.config))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := string(admitted.Config)
		if n := strings.Count(got, asks); n != len(row.want) || n > 0 && !strings.Contains(got, row.want[0]) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestHealthChecksAreCounted(t *testing.T) {
	t.Parallel()
	s := set(t, &config.Allow{HealthChecks: 3, Handlers: []string{"all"}})
	got, err := s.AdmitPool(json.RawMessage(`{"upstreams":[{"dial":"10.0.0.1:1"},{"dial":"10.0.0.2:1"}],"health_checks":{"active":{"uri":"/"}},
		"handle_response":[{"routes":[{"handle":[{"handler":"reverse_proxy","upstreams":[{"dial":"10.0.0.3:1"}],"health_checks":{"active":{"uri":"/"}}}]}]}]}`))
	if err != nil || got.Checks != 3 || s.HealthChecks(got.Checks) != nil {
		t.Errorf("%d checks, %v", got.Checks, err)
	}
	for active, want := range map[string]int{
		`"interval":"1s"`:                    10, // Caddy's timeout is 5 s
		`"timeout":"40s"`:                    4,  // its interval is 30 s
		`"interval":"5s"`:                    2,
		`"interval":"2s","timeout":"2001ms"`: 4,
	} {
		got, err := s.AdmitPool(json.RawMessage(`{"upstreams":[{"dial":"10.0.0.1:1"},{"dial":"10.0.0.2:1"}],"health_checks":{"active":{` + active + `}}}`))
		if err != nil || got.Checks != want {
			t.Errorf("%s: %d checks may run at once, %v; want %d", active, got.Checks, err, want)
		}
	}
	if err := s.HealthChecks(4); err == nil || !strings.Contains(err.Error(), "it needs `health_checks 4`") {
		t.Errorf("got %v", err)
	}
}

func TestAHealthCheckReadsLittle(t *testing.T) {
	t.Parallel()
	s := set(t, &config.Allow{Handlers: []string{"all"}})
	for active, want := range map[string]string{
		`{}`: "16384", `{"max_size":0}`: "16384", `{"MAX_SIZE":-0}`: "16384", `{"max_size":7}`: "7",
		`{"max_size":-1}`:    "max_size is -1 bytes; expected 0 to 16384",
		`{"max_size":16385}`: "max_size is 16385 bytes",
	} {
		pool := `{"upstreams":[{"dial":"10.0.0.1:1"}],"Health_Checks":{"active":` + active + `}}`
		inner := `{"handle_response":[{"routes":[{"handle":[{"handler":"reverse_proxy",` + pool[1:] + `]}]}]}`
		for _, config := range []string{pool, inner} {
			got, err := s.AdmitPool(json.RawMessage(config))
			if err != nil {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v; want %s", config, err, want)
				}
			} else if text := strings.ToLower(string(got.Config)); strings.Count(text, `"max_size":`) != 1 || !strings.Contains(text, `"max_size":`+want) {
				t.Errorf("%s: got %s; want %s", config, text, want)
			}
		}
	}
	admitted, err := s.AdmitPool(json.RawMessage(`{"upstreams":[{"dial":"10.0.0.1:1"},{"dial":"10.0.0.2:1"}],"health_checks":{"active":{"expect_body":"a{1000}"}}}`))
	if err != nil || admitted.Steps < 2000 {
		t.Errorf("%d instructions, %v", admitted.Steps, err)
	}
}

func TestASurveyNotesWhatIsMissingAndRefusesNothing(t *testing.T) {
	t.Parallel()
	s, needs := set(t, &config.Allow{Libs: []string{"none"}}).Survey()
	if needs.String() != "" {
		t.Errorf("nothing was asked for, and %s is missing", needs)
	}
	for _, err := range []error{
		s.Module("http.handlers.file_server"), s.Module("http.handlers.templates"), s.Module("http.handlers.encode"), s.Placeholder("env.X"), s.Lib("json"),
		s.Certificates(), s.Address("127.0.0.1:1"), s.Address("10.0.0.1:1"), s.HealthChecks(2000), s.Host("other.example"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := `allow {
	certificates
	handlers safe file_server templates
	health_checks 2000
	hosts acme.example *.Bücher.example other.example
	libs json
	placeholders http time env
	upstreams network 127.0.0.1
}`
	if needs.String() != want {
		t.Errorf("got %s\nwant %s", needs, want)
	}
	if err := s.Module("http.handlers.luaroute"); err == nil {
		t.Error("what nothing allows is not refused")
	}
}

func TestARefusedAddressIsTheErrorOfItsPolicy(t *testing.T) {
	t.Parallel()
	var r *dial.Refusal
	if err := set(t, nil).Address("unix//x"); !errors.As(err, &r) {
		t.Errorf("got %v", err)
	}
}

// TestTheDocumentListsWhatIsSafe reads the table of tenants.md.
func TestTheDocumentListsWhatIsSafe(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/tenants.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"handlers", "matchers"} {
		_, rest, _ := strings.Cut(string(page), "\n| `"+key+"` |")
		row, _, _ := strings.Cut(rest, "\n")
		cells := strings.Split(row, "|")
		var listed []string
		for _, name := range strings.Split(cells[1], ",") {
			listed = append(listed, strings.Trim(name, " `"))
		}
		if want := capability.Safe(key); !slices.Equal(listed, want) {
			t.Errorf("the document lists %q, the code %q", listed, want)
		}
	}
}
