package hook_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// modulesOf returns a script with so many modules around an answer, in one of several places.
func modulesOf(place string, n int) string {
	one := map[string]string{
		"guards":             `guards[i] = route.matcher("query", { a = { "b" } })`,
		"middleware":         `route:use(route.handler("headers", { request = { set = { X = { "{http.request.uri}" } } } }))`,
		"a subroute":         `route:use(route.handler("subroute", { routes = { { handle = { { handler = "vars", x = "y" } } } } }))`,
		"what may wait":      `route:use(route.handler("subroute", { routes = { { handle = { { handler = "file_server", pass_thru = true } } } } }))`,
		"what reads a body":  `route:use(route.handler("vars", { x = "{http.request.body}" }))`,
		"guards of a layer":  `guards[i] = route.matcher("query", { a = { "b" } })`,
		"expressions in CEL": `guards[i] = route.matcher("expression", "{method} == 'GET'")`,
	}[place]
	answer := `route:get("/", { when = guards }, { body = "answered" })`
	switch {
	case place == "guards of a layer":
		answer = `route:when(guards, function(r) r:get("/", { body = "answered" }) end)`
	case !strings.Contains(one, "guards"):
		answer = `route:get("/", { body = "answered" })`
	}
	return fmt.Sprintf(`local route = require("luaroute") local guards = {} for i = 1, %d do %s end %s`, n, one, answer)
}

// TestModulesOfAnIsolatedTenantMayRunForAsLongAsItsLua gives a request next to nothing.
func TestModulesOfAnIsolatedTenantMayRunForAsLongAsItsLua(t *testing.T) {
	t.Parallel()
	allow := &config.Allow{
		Handlers: []string{"safe", "file_server"}, Matchers: []string{"safe", "expression"},
		Placeholders: []string{"http", "http.request.body"},
	}
	const few, many = "200 answered", "503"
	for _, row := range []struct {
		place   string
		n       int
		allow   *config.Allow
		onError chiproxy.Mode
		want    string
	}{
		{place: "guards", n: 4, allow: allow, want: few},
		{place: "guards", n: 5, allow: allow, want: many},
		{place: "guards", n: 5, want: few}, // trusted
		{place: "guards", n: 5, allow: allow, onError: chiproxy.FailOpen, want: few},
		{place: "guards", n: 5, allow: allow, onError: chiproxy.FailDecline, want: "418 next"},
		{place: "guards of a layer", n: 5, allow: allow, want: many},
		{place: "middleware", n: 4, allow: allow, want: few},
		{place: "middleware", n: 5, allow: allow, want: many},
		{place: "middleware", n: 5, want: few},
		{place: "a subroute", n: 5, allow: allow, want: many},
		{place: "expressions in CEL", n: 5, allow: allow, want: many},
		{place: "what may wait", n: 5, allow: allow, want: few},
		{place: "what reads a body", n: 5, allow: allow, want: few},
	} {
		t.Run(fmt.Sprint(row.place, row.n, row.allow != nil, row.onError), func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{
				Allow: row.allow, Limits: config.Limits{CPU: 4, Queue: caddy.Duration(time.Minute)},
				OnError: chiproxy.ErrorPolicy{Mode: row.onError},
			}.Serve(t, modulesOf(row.place, row.n))
			a := site.Do(t, "/?a=b", "")
			if a.String() != row.want {
				t.Errorf("got %s, want %s: %s", a, row.want, lastError(site))
			}
			if row.want == many && (a.Header.Get("Retry-After") == "" || !strings.Contains(lastError(site), "main.lua:1")) {
				t.Errorf("Retry-After is %q, the error %s", a.Header.Get("Retry-After"), lastError(site))
			}
		})
	}
}

// TestExpressionsOfModulesMatchNoMoreThanTheyMay sends headers that would take an expression long.
func TestExpressionsOfModulesMatchNoMoreThanTheyMay(t *testing.T) {
	t.Parallel()
	short, long := "X-A: "+strings.Repeat("ab", 50), "X-A: "+strings.Repeat("ab", 50_000)
	const replace = `{ { search_regexp = "(a|b|ab)*(c|d|cd)*e", replace = "" } }`
	for name, row := range map[string]struct{ script, want string }{
		"a matcher":          {`route:get("/", { when = route.matcher("header_regexp", { ["X-A"] = { pattern = "(a|b|ab)*(c|d|cd)*e|b$" } }) }, { body = "answered" })`, "503"},
		"a handler":          {`route:use(route.handler("headers", { request = { replace = { ["X-A"] = ` + replace + ` } } })) route:get("/", { body = "answered" })`, "503"},
		"a handler, trusted": {`route:use(route.handler("headers", { request = { replace = { ["X-A"] = ` + replace + ` } } })) route:get("/", { body = "answered" })`, "200 answered"},
		"the header of a response": {`route:use(route.handler("headers", { response = { deferred = true, replace = { ["X-B"] = ` + replace + ` } } }))
			route:get("/", function(req, res) res.headers["X-B"] = req:header("X-A") return 200, "answered" end)`, "503"},
		"what Caddy answers": {`route:use(function(req) req:remove_header("X-A") end)
			route:get("/", route.handler("headers", { response = { deferred = true, replace = { ["X-B"] = ` + replace + ` } } }))`, "418 next"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setup := luatest.Setup{Allow: &config.Allow{}, Limits: config.Limits{CPU: caddy.Duration(5 * time.Millisecond)}}
			if strings.HasSuffix(name, "trusted") {
				setup.Allow = nil
			}
			site := setup.Serve(t, `local route = require("luaroute") `+row.script)
			if a := site.Do(t, "/", "", short); a.Status/100 == 5 {
				t.Errorf("a short one: got %s: %s", a, lastError(site))
			}
			a := site.Do(t, "/", "", long)
			if a.String() != row.want {
				t.Errorf("a long one: got %s, want %s: %s", a, row.want, lastError(site))
			}
			if row.want == "503" {
				if says := lastError(site); !strings.Contains(says, "instructions times bytes to match; allowed are 1000000") {
					t.Errorf("the error is %s", says)
				}
			}
		})
	}
}

// TestExpressionsOfModulesMatchNoMoreOfWhatTheirTenantWritesThanTheyMay has modules make what their expressions match: a string of n bytes, x.
func TestExpressionsOfModulesMatchNoMoreOfWhatTheirTenantWritesThanTheyMay(t *testing.T) {
	t.Parallel()
	const (
		pattern = `"(a|b|ab)*(c|d|cd)*e"`
		replace = `replace = { X = { { search_regexp = ` + pattern + `, replace = "" } } }`
		match   = `match = { { vars_regexp = { v = { pattern = ` + pattern + ` } } } }`
		answer  = ` route:get("/*", { body = "answered" })`
	)
	for name, script := range map[string]string{
		"a header of the request":       `route:use(route.handler("headers", { request = { set = { X = { x } }, ` + replace + ` } }))` + answer,
		"placeholders":                  `route:use(route.handler("headers", { request = { set = { X = { (x:gsub(".", "{http.request.host}")) } }, ` + replace + ` } }))` + answer,
		"replacements":                  `route:use(route.handler("headers", { request = { set = { X = { "ab" } }, replace = { X = { { search = "a", replace = x:sub(1, 60) }, { search_regexp = ("(a|b|ab)*(c|d|cd)*e|"):rep(math.ceil(#x / 1000)) .. "e", replace = "" } } } } }))` + answer,
		"a header of the response":      `route:use(route.handler("headers", { response = { deferred = true, set = { X = { x } }, ` + replace + ` } }))` + answer,
		"one that was there before":     `route:use(route.handler("headers", { response = { set = { X = { x } } } })) route:use(route.handler("headers", { response = { ` + replace + ` } }))` + answer,
		"a URI":                         `route:use(route.handler("rewrite", { uri = "/" .. x, path_regexp = { { find = ` + pattern + `, replace = "" } } }))` + answer,
		"a variable":                    `route:use(function(req) req:var("v", x) end) route:use(route.handler("subroute", { routes = { { ` + match + ` } } }))` + answer,
		"a variable of a module":        `route:use(route.handler("subroute", { routes = { { handle = { { handler = "vars", v = x } } }, { ` + match + ` } } }))` + answer,
		"beside words that mean a body": `route:use(route.handler("headers", { request = { set = { X = { x }, Y = { "http.request.body" } }, ` + replace + ` } }))` + answer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n, want := range map[int]string{50: "200 answered", 60_000: "503"} {
				site := luatest.Setup{
					Allow: &config.Allow{Matchers: []string{"safe", "vars_regexp"}}, Limits: config.Limits{CPU: caddy.Duration(5 * time.Millisecond)},
				}.Serve(t, fmt.Sprintf(`local route = require("luaroute") local x = ("ab"):rep(%d) %s`, n/2, script))
				if a := site.Do(t, "/", ""); a.String() != want {
					t.Errorf("%d bytes: got %s, want %s: %s", n, a, want, lastError(site))
				}
			}
		})
	}
}
