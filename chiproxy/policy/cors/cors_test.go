package cors_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/cors"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const (
	origin = "Origin"
	method = "Access-Control-Request-Method"
)

var rules = cors.Options{
	Origins: []string{"https://app.example", "https://*.example.com", "http://localhost:3000"},
	Methods: []string{"GET", "PUT"}, Headers: []string{"X-Token", "Content-Type"}, Expose: []string{"X-Id"}, Credentials: true,
	MaxAge: caddy.Duration(10 * time.Minute), PrivateNetwork: true,
}

// shown are the fields that are about origins, and Vary.
func shown(h http.Header) string {
	var text []string
	for _, name := range []string{"Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Max-Age", "Allow-Private-Network", "Expose-Headers"} {
		for _, value := range h["Access-Control-"+name] {
			text = append(text, name+"="+value)
		}
	}
	return strings.Join(text, " ") + " Vary=" + strings.Join(h["Vary"], "; ")
}

func build(t testing.TB, o cors.Options) *cors.Policy {
	t.Helper()
	p, err := cors.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBrowsersAreToldWhatTheFetchStandardExpects has the cases of the standard, and those in which gateways were wrong: a prefix or suffix
// taken for the origin, and a wildcard with credentials.
func TestBrowsersAreToldWhatTheFetchStandardExpects(t *testing.T) {
	all := cors.Options{Origins: []string{"*"}, Methods: []string{"*"}, Headers: []string{"*"}, Expose: []string{"*"}}
	const (
		asks    = " Vary=Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
		refused = " Vary=Origin"
		rest    = " Allow-Credentials=true Allow-Methods=GET, PUT Allow-Headers=X-Token, Content-Type Max-Age=600"
	)
	for _, c := range []struct {
		name   string
		rules  cors.Options
		method string
		header []string
		status int
		want   string
	}{
		{"a request of no site", rules, "GET", nil, 200, refused},
		{"a request of a site", rules, "GET", []string{origin, "https://app.example"}, 200, "Allow-Origin=https://app.example Allow-Credentials=true Expose-Headers=X-Id Vary=Origin"},
		{"a HEAD request of a site", rules, "HEAD", []string{origin, "https://app.example"}, 200, "Allow-Origin=https://app.example Allow-Credentials=true Expose-Headers=X-Id Vary=Origin"},
		{"a subdomain", rules, "GET", []string{origin, "https://a.example.com"}, 200, "Allow-Origin=https://a.example.com Allow-Credentials=true Expose-Headers=X-Id Vary=Origin"},
		{"a subdomain of a subdomain", rules, "GET", []string{origin, "https://a.b.example.com"}, 200, "Allow-Origin=https://a.b.example.com Allow-Credentials=true Expose-Headers=X-Id Vary=Origin"},
		{"a site with a port", rules, "GET", []string{origin, "http://localhost:3000"}, 200, "Allow-Origin=http://localhost:3000 Allow-Credentials=true Expose-Headers=X-Id Vary=Origin"},
		{"a sandbox", cors.Options{Origins: []string{"null"}}, "GET", []string{origin, "null"}, 200, "Allow-Origin=null Vary=Origin"},
		{"a sandbox that is not listed", rules, "GET", []string{origin, "null"}, 200, refused},
		{"another site", rules, "GET", []string{origin, "https://evil.example"}, 200, refused},
		{"the domain itself", rules, "GET", []string{origin, "https://example.com"}, 200, refused},
		{"another scheme", rules, "GET", []string{origin, "http://app.example"}, 200, refused},
		{"another port", rules, "GET", []string{origin, "https://app.example:8443"}, 200, refused},
		{"a subdomain with a port", rules, "GET", []string{origin, "https://a.example.com:8443"}, 200, refused},
		{"a domain that ends like a site", rules, "GET", []string{origin, "https://evilexample.com"}, 200, refused},
		{"a site as a prefix", rules, "GET", []string{origin, "https://app.example.evil.example"}, 200, refused},
		{"a site behind a path", rules, "GET", []string{origin, "https://evil.example/.example.com"}, 200, refused},
		{"a site behind a user", rules, "GET", []string{origin, "https://evil.example@a.example.com"}, 200, refused},
		{"an empty label", rules, "GET", []string{origin, "https://.example.com"}, 200, refused},
		{"an origin in another case", rules, "GET", []string{origin, "HTTPS://APP.EXAMPLE"}, 200, refused},
		{"an empty origin", rules, "GET", []string{origin, ""}, 200, refused},
		{"two origins", rules, "GET", []string{origin, "https://app.example", origin, "https://evil.example"}, 200, refused},
		{"a preflight", rules, "OPTIONS", []string{origin, "https://app.example", method, "PUT"}, 204, "Allow-Origin=https://app.example" + rest + asks},
		{"a preflight for what is not allowed", rules, "OPTIONS", []string{origin, "https://app.example", method, "DELETE"}, 204, "Allow-Origin=https://app.example" + rest + asks},
		{"a preflight into a private network", rules, "OPTIONS", []string{origin, "https://app.example", method, "GET", "Access-Control-Request-Private-Network", "true"}, 204, "Allow-Origin=https://app.example" + rest + " Allow-Private-Network=true" + asks},
		{"a preflight of another site", rules, "OPTIONS", []string{origin, "https://evil.example", method, "PUT"}, 403, asks},
		{"OPTIONS that is no preflight", rules, "OPTIONS", []string{origin, "https://app.example"}, 200, "Allow-Origin=https://app.example Allow-Credentials=true Expose-Headers=X-Id Vary=Origin"},
		{"OPTIONS of no site", rules, "OPTIONS", []string{method, "PUT"}, 200, refused},
		{"any site", all, "GET", []string{origin, "https://evil.example"}, 200, "Allow-Origin=* Expose-Headers=* Vary=Origin"},
		{"a preflight of any site", all, "OPTIONS", []string{origin, "https://evil.example", method, "PURGE", "Access-Control-Request-Headers", "x-a,x-b"}, 204, "Allow-Origin=* Allow-Methods=PURGE Allow-Headers=x-a,x-b" + asks},
	} {
		table := policytest.Table(t, policytest.Answer(200), build(t, c.rules))
		w := policytest.Serve(table, policytest.Request(c.method, "/items/1", c.header...))
		if got := shown(w.Header()); w.Code != c.status || strings.TrimSpace(got) != strings.TrimSpace(c.want) {
			t.Errorf("%s: %d %s\nwant %d %s", c.name, w.Code, got, c.status, c.want)
		}
	}
}

func TestErrorsAndUpstreamsSayNoMoreThanThePolicy(t *testing.T) {
	upstream := policytest.Action(func(ex *chiproxy.Exchange) error {
		h := ex.W.Header()
		h["Access-Control-Allow-Origin"], h["Access-Control-Allow-Credentials"] = []string{"*"}, []string{"true"}
		h["Vary"] = []string{"Accept-Encoding, origin"}
		ex.W.WriteHeader(http.StatusOK)
		return nil
	})
	says := policytest.Action(func(*chiproxy.Exchange) error { return nil })
	fails := policytest.Action(func(*chiproxy.Exchange) error { return caddyhttp.Error(http.StatusBadGateway, nil) })
	p := build(t, rules)
	for _, c := range []struct {
		action chiproxy.Action
		from   string
		want   string
	}{
		{upstream, "https://app.example", "Allow-Origin=https://app.example Allow-Credentials=true Expose-Headers=X-Id Vary=Accept-Encoding, origin"},
		{upstream, "https://evil.example", "Vary=Accept-Encoding, origin"},
		{says, "https://app.example", "Allow-Origin=https://app.example Allow-Credentials=true Expose-Headers=X-Id Vary=Origin"},
		{fails, "https://app.example", "Allow-Origin=https://app.example Allow-Credentials=true Expose-Headers=X-Id Vary=Origin"},
		{fails, "https://evil.example", "Vary=Origin"},
	} {
		w := policytest.Serve(policytest.Table(t, c.action, p), policytest.Request("GET", "/items/1", origin, c.from))
		if got := strings.TrimSpace(shown(w.Header())); got != c.want {
			t.Errorf("%d to %s: %s\nwant %s", w.Code, c.from, got, c.want)
		}
	}
}

// TestWhoChangesAHeaderChangesThatOfOneResponse has a handler outside that replaces a part of all fields where they stand, as Caddy's header does.
func TestWhoChangesAHeaderChangesThatOfOneResponse(t *testing.T) {
	for name, o := range map[string]cors.Options{
		"some": rules, "all": {Origins: []string{"*"}, Methods: []string{"*"}, Headers: []string{"*"}, Expose: []string{"*"}},
	} {
		table := policytest.Table(t, policytest.Answer(200), build(t, o))
		for _, header := range [][]string{
			nil,
			{origin, "https://app.example"},
			{origin, "https://a.example.com"},
			{origin, "https://app.example", method, "PUT", "Access-Control-Request-Headers", "X-A", "Access-Control-Request-Private-Network", "true"},
		} {
			r := policytest.Request("OPTIONS", "/items/1", header...)
			sent := fmt.Sprint(r.Header)
			first := policytest.Serve(table, r).Header()
			before := fmt.Sprint(first)
			for _, values := range first {
				for i := range values {
					values[i] = "changed"
				}
			}
			if after := fmt.Sprint(policytest.Serve(table, policytest.Request("OPTIONS", "/items/1", header...)).Header()); after != before {
				t.Errorf("%s, %q: the next response has %s\nwant %s", name, header, after, before)
			}
			if got := fmt.Sprint(r.Header); got != sent {
				t.Errorf("%s: the request has %s\nwant %s", name, got, sent)
			}
		}
	}
}

func TestAPreflightIsAnsweredBeforeWhatStandsBehind(t *testing.T) {
	asked := false
	table := policytest.Table(t, policytest.Action(func(*chiproxy.Exchange) error {
		asked = true
		return caddyhttp.Error(http.StatusUnauthorized, nil)
	}), build(t, rules))
	w := policytest.Serve(table, policytest.Request("OPTIONS", "/items/1", origin, "https://app.example", method, "PUT"))
	if w.Code != 204 || asked {
		t.Errorf("%d, and what stands behind was asked: %v", w.Code, asked)
	}
	if steps := policytest.Explain(table, policytest.Request("GET", "/items/1", origin, "https://evil.example")); len(steps) != 1 || steps[0].Note != "refused" {
		t.Errorf("explain says %+v", steps)
	}
}

func TestWrongRulesSayWhatIsWrong(t *testing.T) {
	for want, o := range map[string]cors.Options{
		`origins are missing`:                       {},
		`origins "*" and credentials exclude`:       {Origins: []string{"*"}, Credentials: true},
		`the origin "app.example" is none`:          {Origins: []string{"app.example"}},
		`the origin "https://app.example/" is none`: {Origins: []string{"https://app.example/"}},
		`the origin "https://a.*.example" is none`:  {Origins: []string{"https://a.*.example"}},
		`the origin "https://*" is none`:            {Origins: []string{"https://*"}},
		`has the usual port`:                        {Origins: []string{"https://app.example:443"}},
		`methods are case-sensitive, write GET`:     {Origins: []string{"*"}, Methods: []string{"get"}},
		`"X A" is not a header name`:                {Origins: []string{"*"}, Headers: []string{"X A"}},
		`expose "*" means nothing with credentials`: {Origins: []string{"https://app.example"}, Expose: []string{"*"}, Credentials: true},
		`origins "null" and credentials exclude`:    {Origins: []string{"null"}, Credentials: true},
	} {
		if _, err := cors.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func BenchmarkPolicy(b *testing.B) {
	for name, header := range map[string][]string{"no site": nil, "a site": {origin, "https://app.example"}} {
		b.Run(name, func(b *testing.B) {
			policytest.Benchmark(b, header, map[string][]chiproxy.Middleware{"with": {build(b, rules)}, "without": nil})
		})
	}
}
