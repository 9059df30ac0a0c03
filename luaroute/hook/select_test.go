package hook_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	luatime "github.com/luaroute/caddy-luaroute/luaroute/lib/time"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// named starts upstreams that answer their names.
func named(t testing.TB, names ...string) []any {
	t.Helper()
	var all []any
	for _, name := range names {
		all = append(all, luatest.Origin(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }))
	}
	return all
}

// selecting is a site whose pool of three upstreams, the last in another zone and dead ones between them, selects by a function.
func selecting(t testing.TB, body, more string) *luatest.Site {
	t.Helper()
	at := named(t, "a", "b", "c")
	setup := luatest.Setup{Libraries: map[string]vm.Library{"time": luatime.Library{}}}
	return setup.Serve(t, fmt.Sprintf(`local route, time = require("luaroute"), require("time")
		route:pool("api", { { %q, weight = 3, zone = "east" }, { %q, zone = "east", max_requests = 9 }, { %q, weight = 0, zone = "west" },
			select = function(req, up) %s end, %s })
		route:get("/*", "api")`, append(at, body, more)...))
}

func TestSelectChoosesAnUpstream(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ what, body, want string }{
		{"by its place", "return up[2]", "200 b"},
		{"by its address", "return up[3].address", "200 c"},
		{"by a field of its own", "return up:where('zone', 'east'):least('index')", "200 a"},
		{"by the largest weight", "for i = 1, #up do if up[i].weight == 0 then return up[i] end end", "200 c"},
		{"one of a list of a list", "return up:where('zone', 'east'):where('max_requests', 9)[1]", "200 b"},
		{"none of an empty list, and then another", "return up:where('zone', 'north'):random() or up[2]", "200 b"},
		{"by the policy of the pool", "return up:policy()", "200 a"},
		{"by the policy of the pool, where it returns nothing", "", "200 a"},
		{"none", "return false", "503"},
		{"what the request says", "return up[tonumber(req:query_value('at'))]", "200 b"},
		{"with pairs", "for i, u in pairs(up) do if u.zone == 'west' then return u end end", "200 c"},
		{"never a drained one by chance", "return up:where('weight', 0):random() or up[1]", "200 a"},
		{"by a table of facts", `local u = up[2]
			if u.available and u.healthy and u.requests == 0 and u.max_requests == 9 and u.fails == 0 and u.weight == 1 and (u.latency or 0) < 60 and not u.tried
			and u.index == 2 and u.zone == 'east' and u.other == nil and tostring(u) == u.address and #up == 3 then return u end`, "200 b"},
		{"after it has waited", "time.sleep(0.01) return up[2]", "200 b"},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			site := selecting(t, row.body, `lb_policy = "first"`)
			for range 2 {
				if a := site.Do(t, "/?at=2", ""); a.String() != row.want {
					t.Errorf("got %s; want %s; log %v", a, row.want, site.Logs.All())
				}
			}
		})
	}
}

func TestAFailureOfSelectIsThatOfThePoolsOnError(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ body, says string }{
		{"error('no luck')", "no luck"},
		{"return '10.9.9.9:1'", `select returned "10.9.9.9:1", which is no address of the pool; it has 127.0.0.1:`},
		{"return true", "select returned a boolean; allowed are an element of up, an address of the pool, nil for its policy, and false for none"},
		{"return 1", "select returned a number"},
		{"up[1].weight = 2", "upstream is read-only"},
		{"up.x = 2", "up is read-only"},
		{"return up.first", `up has no "first"; it has numbers from 1 to #up, and the methods hash, random`},
		{"return up:where('zone', {})", "expected a string, a number, a boolean or nil"},
		{"return up:sticky('c', { secret = 'short' })", "the secret has 5 bytes; expected 16 or more"},
		{"return up:sticky('a b')", "cookie"},
		{"req:set_header('X', '1')", "req:set_header is used in a guard"},
		{"req:var('x', '1')", "req:var"},
		{"while true do end", "the budget of the script is used up"},
	} {
		for more, want := range map[string]string{`lb_policy = "first"`: "200 a", `on_error = "closed", retries = 3`: "50"} {
			t.Run(row.body+more, func(t *testing.T) {
				t.Parallel()
				site := selecting(t, row.body, more)
				if a := site.Do(t, "/", ""); !strings.HasPrefix(a.String(), want) || strings.Contains(a.Body, "luck") {
					t.Errorf("got %s; want %s", a, want)
				}
				if text := fmt.Sprint(site.Logs.All()); !strings.Contains(text, row.says) {
					t.Errorf("the log says %s; want %s", text, row.says)
				}
			})
		}
	}
}

func TestSelectIsAskedAtEachTry(t *testing.T) {
	t.Parallel()
	dead := ports.Dead(t)
	at := append([]any{dead}, named(t, "b")...)
	for body, want := range map[string]string{
		"return not up[1].tried and up[1] or up[2]":                     "200 b",
		"return up:least('index')":                                      "200 b", // none that was tried
		"return up:hash('x') ":                                          "200 b",
		"req.ctx.n = (req.ctx.n or 0) + 1 return up[req.ctx.n]":         "200 b",
		"req.ctx.f = req.ctx.f or function() end return up:policy()":    "200 b", // keeps the virtual machine
		"req.ctx.up = req.ctx.up or up[1] return up[1].tried and up[2]": "503",   // false
		"req.ctx.up = req.ctx.up or up[1] return req.ctx.up":            "502",
	} {
		site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
			route:pool("api", { %q, %q, lb_policy = "first", retries = 2, select = function(req, up) %s end })
			route:get("/*", "api")`, append(at, body)...))
		if a := site.Do(t, "/", ""); a.String() != want {
			t.Errorf("%s: got %s; want %s; %v", body, a, want, site.Logs.All())
		}
	}
}

func TestSelectRunsInsideOfWrappersAndAfterHandlers(t *testing.T) {
	t.Parallel()
	at := named(t, "a", "b")
	site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		local n = 0
		route:use(function(req, res, next) req.ctx.want = 2 next() res.headers["X-Sees"] = req.ctx.sees end)
		route:pool("api", { %q, %q, select = function(req, up) req.ctx.sees = "select" return up[req.ctx.want] end })
		route:get("/data", "api")
		route:get("/lua", function(req, res) res.headers["X-Handler"] = "1" res:on_headers(function(res) res.headers["X-Late"] = req.ctx.sees end) return "api" end)
		route:get("/first", function(req) req.ctx.want = 1 return "api" end)
		route:get("/upstream", route.proxy("api", { upstream = %q }))
		route:get("/again", function(req) return route.proxy("gone", { on_error = { pool = "api" } }) end)
		route:pool("gone", { %q, select = function(req, up) req.ctx.gone = true return up[1] end })
	`, append(at, at[0], ports.Dead(t))...))
	for path, want := range map[string]string{"/data": "200 b", "/lua": "200 b", "/first": "200 a", "/upstream": "200 a", "/again": "200 b"} {
		for range 3 {
			if a := site.Do(t, path, ""); a.String() != want {
				t.Errorf("%s: got %s; want %s; %v", path, a, want, site.Logs.All())
			} else if path == "/lua" && a.Header.Get("X-Late") != "select" {
				t.Errorf("%s: its hook has seen %q", path, a.Header.Get("X-Late"))
			}
		}
	}
	if s := site.VMs.Stats(); s.Size != s.Idle {
		t.Errorf("virtual machines are missing: %+v", s)
	}
}

func TestTwoPoolsOfOneConfigurationHaveTheirOwnFunctions(t *testing.T) {
	t.Parallel()
	at := named(t, "a", "b")
	pool := func(name string, n int) string {
		return fmt.Sprintf(`route:pool(%q, { %q, %q, select = function(req, up) return up[%d] end })`, name, at[0], at[1], n)
	}
	site := luatest.Setup{}.Serve(t, `local route = require("luaroute")`+pool("one", 1)+pool("two", 2)+`
		route:pool("plain", { "`+at[0].(string)+`", "`+at[1].(string)+`", lb_policy = "first" })
		route:get("/one", "one") route:get("/two", "two") route:get("/plain", "plain")`)
	for path, want := range map[string]string{"/one": "200 a", "/two": "200 b", "/plain": "200 a"} {
		if a := site.Do(t, path, ""); a.String() != want {
			t.Errorf("%s: got %s; want %s", path, a, want)
		}
	}
}

func TestSelectSeesTheBodyAndTheUpstreamGetsIt(t *testing.T) {
	t.Parallel()
	echo := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) { _ = r.Write(w) })
	site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		route:pool("api", { %q, %q, lb_policy = "first", retries = 1, select = function(req, up) if req:body() == "hello" then return not up[1].tried and up[1] or up[2] end end })
		route:post("/*", "api")`, ports.Dead(t), echo))
	if a := site.Do(t, "POST /", "hello"); a.Status != 200 || !strings.HasSuffix(a.Body, "\r\n\r\nhello") {
		t.Errorf("got %s; %v", a, site.Logs.All())
	}
	if a := site.Do(t, "POST /", strings.Repeat("x", 2<<20)); a.Status != 413 {
		t.Errorf("a body that is too large: got %s", a)
	}
}

func TestStickyKeepsClientsWithAFirstChoice(t *testing.T) {
	t.Parallel()
	site := selecting(t, `return up:sticky("lb", { ttl = 60, secret = "0123456789abcdef" }) or up[tonumber(req:query_value("at"))]`, `lb_policy = "first"`)
	first := site.Do(t, "/?at=3", "")
	cookie := first.Header.Get("Set-Cookie")
	if first.String() != "200 c" || !strings.Contains(cookie, "; Path=/; Max-Age=60; HttpOnly; SameSite=Lax") {
		t.Fatalf("got %s with the cookie %q", first, cookie)
	}
	value, _, _ := strings.Cut(cookie, ";")
	if a := site.Do(t, "/?at=1", "", "Cookie: x=y; "+value); a.String() != "200 c" || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("with its cookie the client gets %s and the cookie %q", a, a.Header.Get("Set-Cookie"))
	}
	if a := site.Do(t, "/?at=1", "", "Cookie: lb=made-up"); a.String() != "200 a" || len(a.Header.Values("Set-Cookie")) != 1 {
		t.Errorf("with another the client gets %s and the cookies %q", a, a.Header.Values("Set-Cookie"))
	}
}

func TestACookieIsForTheUpstreamThatHasAnswered(t *testing.T) {
	t.Parallel()
	at := append([]any{ports.Dead(t)}, named(t, "b")...)
	site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		route:pool("api", { %q, %q, lb_policy = "first", retries = 1, select = function(req, up) return up:sticky("lb") or up:least("index") end })
		route:pool("dead", { %q, select = function(req, up) return up:sticky("lb") end })
		route:get("/dead", "dead")
		route:get("/*", "api")`, append(at, at[0])...))
	a := site.Do(t, "/", "")
	if a.String() != "200 b" || len(a.Header.Values("Set-Cookie")) != 1 {
		t.Fatalf("got %s and the cookies %q", a, a.Header.Values("Set-Cookie"))
	}
	value, _, _ := strings.Cut(a.Header.Get("Set-Cookie"), ";")
	if a := site.Do(t, "/", "", "Cookie: "+value); a.String() != "200 b" || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("with its cookie: %s and %q", a, a.Header.Get("Set-Cookie"))
	}
	if a := site.Do(t, "/dead", ""); a.Status != 502 || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("an error: %s and %q", a, a.Header.Get("Set-Cookie"))
	}
}

func TestAKeptUpIsNoMore(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute") local kept = {}
		route:pool("api", { %q, select = function(req, up)
			if kept[1] then local ok, err = pcall(function() return kept[1]:random() end) local ok2, err2 = pcall(function() return kept[2].address end)
				error(tostring(err) .. tostring(err2)) end
			kept[1], kept[2] = up, up[1] end })
		route:get("/*", "api")`, named(t, "a")...))
	for range 2 {
		site.Do(t, "/", "")
	}
	if text := fmt.Sprint(site.Logs.All()); strings.Count(text, "after its request was forwarded; do not keep it") < 2 {
		t.Errorf("the log says %s", text)
	}
}
