package chiproxy

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// headerChange is one change of a header, as all ways to make it have in common.
type headerChange struct {
	kind, name string
	values     []string
}

// withoutPlaceholders returns values as header_up has to write them.
func withoutPlaceholders(values []string) []string {
	braces := strings.NewReplacer("{", `\{`, "}", `\}`)
	var out []string
	for _, v := range values {
		out = append(out, braces.Replace(v))
	}
	return out
}

// wayToChange is one way to change the header of a request that is forwarded.
type wayToChange func(t *testing.T, pools *PoolScope, r *http.Request, changes []headerChange)

// opsOf returns the changes as those of a Proxy.
func opsOf(changes []headerChange) *field.Ops {
	ops := &field.Ops{Set: http.Header{}, Add: http.Header{}}
	for _, c := range changes {
		switch c.kind {
		case "set":
			ops.Set[c.name] = c.values
		case "add":
			ops.Add[c.name] = c.values
		case "delete":
			ops.Remove = append(ops.Remove, c.name)
		}
	}
	return ops
}

// waysToChange are ours. The pool "plain" has no changes of its own.
var waysToChange = map[string]wayToChange{
	"data": func(t *testing.T, pools *PoolScope, r *http.Request, changes []headerChange) {
		mustForward(t, pools, r, func(ex *Exchange) (Verdict, error) { return ex.Perform(Proxy{Pool: "plain", Headers: opsOf(changes)}) })
	},
	"a function": func(t *testing.T, pools *PoolScope, r *http.Request, changes []headerChange) {
		mustForward(t, pools, r, func(ex *Exchange) (Verdict, error) {
			change(ex, changes)
			return ex.Perform(Proxy{Pool: "plain"})
		})
	},
	"a function, and data": func(t *testing.T, pools *PoolScope, r *http.Request, changes []headerChange) {
		mustForward(t, pools, r, func(ex *Exchange) (Verdict, error) {
			change(ex, changes[:len(changes)/2])
			return ex.Perform(Proxy{Pool: "plain", Headers: opsOf(changes[len(changes)/2:])})
		})
	},
	"data, with the second pool": func(t *testing.T, pools *PoolScope, r *http.Request, changes []headerChange) {
		mustForward(t, pools, r, func(ex *Exchange) (Verdict, error) {
			return ex.Perform(Proxy{Pool: "dead", Headers: opsOf(changes), OnError: &ErrorPolicy{Mode: FailToPool, Pool: "plain"}})
		})
	},
}

func change(ex *Exchange, changes []headerChange) {
	for _, c := range changes {
		switch c.kind {
		case "set":
			ex.SetHeader(c.name, slices.Clone(c.values))
		case "add":
			ex.AddHeader(c.name, c.values)
		case "delete":
			ex.SetHeader(c.name, nil)
		}
	}
}

func mustForward(t *testing.T, pools *PoolScope, r *http.Request, do func(*Exchange) (Verdict, error)) {
	t.Helper()
	if _, err := do(exchangeOf(httptest.NewRecorder(), r, pools)); err != nil {
		t.Fatal(err)
	}
}

// seenHeader is what an upstream saw, with the values of a field in one line each.
func seenHeader(r *http.Request) string {
	lines := []string{"Host: " + r.Host}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		lines = append(lines, fmt.Sprintf("%s: %q", name, r.Header[name]))
	}
	return strings.Join(lines, "\n")
}

// TestHeadersAreChangedAsHeaderUpChangesThem asks one upstream twice: by reverse_proxy with header_up, and by each of our ways.
func TestHeadersAreChangedAsHeaderUpChangesThem(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 1)
	up := upstreamAt(t, func(_ http.ResponseWriter, r *http.Request) { seen <- seenHeader(r) })
	p := newTestPools(t)
	names := []string{
		"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via", "Te", "Keep-Alive", "Proxy-Authorization", "Host",
		"X-User", "Cookie", "Authorization", "x-lower", "Accept",
	}
	rng := testkit.Seeded(12, 1)
	some := func() string {
		return []string{"a.example", "192.0.2.9", "https", "trailers", "{http.request.host}", `\{x`, "{{}", "a, b"}[rng.IntN(8)]
	}
	for i := range 600 {
		var changes []headerChange
		request := map[string]any{}
		for _, name := range names {
			c := headerChange{[]string{"set", "add", "delete"}[rng.IntN(3)], name, []string{some()}}
			if rng.IntN(3) > 0 || name == "Host" && c.kind != "set" {
				continue
			}
			if name == "Host" {
				c.values = []string{"set.example:81"}
			}
			changes = append(changes, c)
			if c.kind == "delete" {
				names, _ := request["delete"].([]string)
				request["delete"] = append(names, name)
				continue
			}
			values, _ := request[c.kind].(http.Header)
			if values == nil {
				values = http.Header{}
				request[c.kind] = values
			}
			values[name] = withoutPlaceholders(c.values)
		}
		client := http.Header{"User-Agent": {"test"}}
		for _, name := range names {
			if name != "Host" && rng.IntN(2) == 0 {
				client[http.CanonicalHeaderKey(name)] = []string{some()}
			}
		}
		if rng.IntN(2) == 0 { // a name that is set is not to go; all others may
			named := []string{"close", "X-Other", "TE"}
			client["X-Other"] = []string{"1"}
			for _, c := range changes {
				if c.kind != "delete" {
					named = append(named, c.name)
				}
			}
			client["Connection"] = []string{strings.Join(named, ", ")}
		}
		trusted, proxies := rng.IntN(2) == 0, `"trusted_proxies":["192.0.2.0/24"]`
		if rng.IntN(2) == 0 {
			proxies = ""
		}
		ops, err := json.Marshal(map[string]any{"request": request})
		if err != nil {
			t.Fatal(err)
		}
		headerUp := `"headers":` + string(ops)
		if proxies != "" {
			headerUp += "," + proxies
		}
		pools := scopeOf(t, byName{
			"plain": mustAcquire(t, p, dials(proxies, up)), "caddy": mustAcquire(t, p, dials(headerUp, up)), "dead": mustAcquire(t, p, dials("", ports.Dead(t))),
		})
		ask := func() *http.Request {
			r := get("http://client.example/")
			r.RemoteAddr = "192.0.2.1:999"
			r.Header = client.Clone()
			r = prepared(httptest.NewRecorder(), r)
			caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, trusted)
			return r
		}
		mustForward(t, pools, ask(), func(ex *Exchange) (Verdict, error) { return ex.Perform(Proxy{Pool: "caddy"}) })
		want := <-seen
		for name, way := range waysToChange {
			way(t, pools, ask(), changes)
			if got := <-seen; got != want {
				t.Fatalf("%d, %s:\nclient %q, trusted %t %s\nchanges %q\nthe upstream saw\n%s\nwith header_up\n%s", i, name, client, trusted, proxies, changes, got, want)
			}
		}
	}
}

// TestThePoolsOwnHeaderChangesComeLast compares with the same changes written one after the other.
func TestThePoolsOwnHeaderChangesComeLast(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	up := upstreamAt(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r })
	p := newTestPools(t)
	for own, want := range map[string]string{
		``: "set.example https [192.0.2.7]",
		`"headers":{"request":{"set":{"Host":["pool.example"],"x-forwarded-proto":["wss"]}}}`: "pool.example wss [192.0.2.7]",
		`"headers":{"request":{"add":{"x-forwarded-for":["192.0.2.8"]}}}`:                     "set.example https [192.0.2.7,192.0.2.8]",
		`"headers":{"request":{"delete":["X-Forwarded-*"]}}`:                                  "set.example  []",
		`"headers":{"request":{"replace":{"Host":[{"search":"set","replace":"replaced"}]}}}`:  "replaced.example https [192.0.2.7]",
		`"headers":{"request":{"set":{"X-Forwarded-For":["{http.request.header.X-User}"]}}}`:  "set.example https [ann]",
		`"headers":{"response":{"set":{"X-Pool":["yes"]}}}`:                                   "set.example https [192.0.2.7]",
	} {
		pools := scopeOf(t, byName{"plain": mustAcquire(t, p, dials(own, up))})
		for name, way := range waysToChange {
			if strings.Contains(name, "second") {
				continue
			}
			way(t, pools, prepared(nil, get("http://client.example/")), []headerChange{
				{"set", "Host", []string{"set.example"}},
				{"set", "X-User", []string{"ann"}},
				{"set", "X-Forwarded-For", []string{"192.0.2.7"}},
				{"set", "X-Forwarded-Proto", []string{"https"}},
			})
			r := <-seen
			if got := fmt.Sprint(r.Host, " ", r.Header.Get("X-Forwarded-Proto"), " ", r.Header["X-Forwarded-For"]); got != want {
				t.Errorf("%s, a pool with %s: the upstream saw %s, want %s", name, own, got, want)
			}
		}
	}
}

func TestAHostThatIsSetReachesAnUpstreamBehindTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Host, " ", r.Header.Get("X-Forwarded-Host"))
	}))
	t.Cleanup(s.Close)
	tls := `"transport":{"protocol":"http","tls":{"insecure_skip_verify":true}}`
	pools := scopeOf(t, byName{"a": mustAcquire(t, newTestPools(t), dials(tls, s.Listener.Addr().String()))})
	for want, ops := range map[string]*field.Ops{
		s.Listener.Addr().String() + " client.example": nil,
		"set.example client.example":                   {Set: http.Header{"Host": {"set.example"}}},
		"set.example forwarded.example":                {Set: http.Header{"Host": {"set.example"}, "X-Forwarded-Host": {"forwarded.example"}}},
	} {
		got := perform(t, Proxy{Pool: "a", Headers: ops}, pools, get("http://client.example/"))
		if got.err != nil || got.Body.String() != want {
			t.Errorf("the upstream saw %q, want %q (%v)", got.Body, want, got.err)
		}
	}
}

func TestAChangeOfAForwardedHeaderIsSeenByWhatComesLaterAndUndone(t *testing.T) {
	t.Parallel()
	ex := exchangeOf(httptest.NewRecorder(), prepared(nil, get("http://client.example/")), nil)
	ex.restores = true
	ex.R.Header.Set("X-Forwarded-For", "192.0.2.1")
	ex.Snapshot()
	ex.SetHeader("x-forwarded-for", []string{"192.0.2.2"})
	ex.AddHeader("X-Forwarded-For", []string{"192.0.2.3"})
	ex.SetHeader("host", []string{"set.example"})
	if got := fmt.Sprintln(ex.R.Header["X-Forwarded-For"], ex.R.Host); got != "[192.0.2.2 192.0.2.3] set.example\n" {
		t.Errorf("the request says %s", got)
	}
	ex.restore(0)
	if got := fmt.Sprintln(ex.R.Header["X-Forwarded-For"], ex.R.Host, ex.changed.Pending()); got != "[192.0.2.1] client.example false\n" {
		t.Errorf("after a decline the request says %s", got)
	}
}
