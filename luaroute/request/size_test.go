package request_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/request"
)

const (
	largeHeader = "the header would have %d bytes; allowed are 1048576"
	longURI     = "the URI would have %d bytes; allowed are 65536"
)

// doors are all ways in which a script fills a header or a URI: with x, a string of n bytes. The first is what the method, or the
// function of route, is called.
var doors = []struct {
	method, script string
	n              int    // that is too much
	says           string // with what is found, if that is n and no more
}{
	{"req:set_header", `req:set_header("X", x)`, 1 << 20, largeHeader},
	{"req:set_header", `req:set_header(x, "1")`, 1 << 20, largeHeader},
	{"req:set_header", `for i = 1, 17 do req:set_header("X" .. i, x) end`, 64 << 10, largeHeader},
	{"req:set_header", `local t = {} for i = 1, 16 do t[i] = x end req:set_header("X", t)`, 64 << 10, largeHeader},
	{"req:set_header", `local t = {} for i = 1, 40000 do t[i] = "" end if #x > 1 then req:set_header("X", t) end`, 2, largeHeader},
	{"req:set_header", `req:set_header("Host", x)`, 301, "the header Host has 301 bytes; allowed are 300"},
	{"req.headers", `req.headers["X"] = x`, 1 << 20, largeHeader},
	{"req.headers", `for i = 1, 17 do req.headers["X" .. i] = x end`, 64 << 10, largeHeader},
	{"req:add_header", `for i = 1, 17 do req:add_header("X", x) end`, 64 << 10, largeHeader},
	{"req:set_cookie", `req:set_cookie("c", x)`, 1 << 20, largeHeader},
	{"req:set_cookie", `for i = 1, 3 do req:set_cookie("c" .. i, x) end`, 360 << 10, largeHeader},
	{"req:set_path", `req:set_path("/" .. x)`, 64 << 10, longURI},
	{"req:set_path", `req:set_path("/" .. x:gsub(".", "ü"))`, 11 << 10, longURI},
	{"req:set_uri", `req:set_uri("/" .. x)`, 64 << 10, longURI},
	{"req:set_uri", `req:set_uri("/?" .. x)`, 64 << 10, longURI},
	{"req:set_query", `req:set_query("q", x)`, 64 << 10, longURI},
	{"req:set_query", `for i = 1, 17 do req:set_query("q" .. i, x) end`, 4 << 10, longURI},
	{"req:set_query", `local t = {} for i = 1, 17 do t[i] = x end req:set_query("q", t)`, 4 << 10, longURI},
	{"req:set_raw_query", `req:set_raw_query(x)`, 64<<10 + 1, longURI},
	{"req:set_method", `req:set_method(x)`, 65, `bytes; allowed are 64`},
	{"res.headers", `res.headers["X"] = x`, 1 << 20, largeHeader},
	{"res.headers", `for i = 1, 17 do res.headers["X" .. i] = x end`, 64 << 10, largeHeader},
	{"res.headers", `res.headers.Location = "/" .. x`, 64 << 10, "header Location: the URI would have"},
	{"res:add_header", `for i = 1, 17 do res:add_header("X", x) end`, 64 << 10, largeHeader},
	{"res:add_header", `res:on_headers(function(res) for i = 1, 17 do res:add_header("X", x) end end)`, 64 << 10, largeHeader},
	{"res:on_headers", `res:on_headers(function(res) for i = 1, 17 do res.headers["X" .. i] = x end end)`, 64 << 10, largeHeader},
	{"res:cookie", `for i = 1, 17 do res:cookie{ name = "c" .. i, value = x } end`, 64 << 10, largeHeader},
	{"res:vary", `for i = 1, 17 do res:vary(x .. i) end`, 64 << 10, largeHeader},
	{"res:redirect", `res:redirect("/" .. x)`, 64 << 10, "header Location: the URI would have"},
	{"route.redirect", `return route.redirect("/" .. x)`, 64 << 10, "header Location: the URI would have"},
	{"route.respond", `return route.respond(200, "ok", { X = x })`, 1 << 20, largeHeader},
	{"status, body, headers", `return 200, "ok", { X = x }`, 1 << 20, largeHeader},
	{"status, body, headers", `local h = {} for i = 1, 17 do h["X" .. i] = x end return 200, "ok", h`, 64 << 10, largeHeader},
	{"a response table", `return { body = "ok", headers = { X = x } }`, 1 << 20, largeHeader},
	{"route.proxy", `return route.proxy("p", { headers = { set = { X = x } } })`, 1 << 20, largeHeader},
	{"route.proxy", `return route.proxy("p", { headers = { add = { X = x } } })`, 1 << 20, largeHeader},
	{"route.proxy", `return route.proxy("p", { headers = { set = { X = x }, add = { Y = x } } })`, 512 << 10, largeHeader},
	{"route.proxy", `return route.proxy("p", { response_headers = { set = { X = x } } })`, 1 << 20, largeHeader},
	{"route.proxy", `return route.proxy("p", { path = "/" .. x })`, 64 << 10, longURI},
	{"route.proxy", `return route.proxy("p", { query = x })`, 64<<10 + 1, longURI},
	{"route.proxy", `return route.proxy("p", { query = { q = x } })`, 64 << 10, longURI},
	{"route.proxy", `return route.proxy("p", { strip_prefix = "/" .. x })`, 64 << 10, longURI},
	{"route.proxy", `return route.proxy("p", { method = x })`, 65, `bytes; allowed are 64`},
}

// fill nothing of a header or a URI, or nothing that the script chooses.
var harmless = []string{
	"req:count",
	"req:param", "req:header", "req:query_value", "req:cookie", "req:header_values", "req:query_values", "req:body", "req:json", "req:form",
	"req:var", "req:expand", "req:log_field", "req:remove_header", "req:set_body", "req:remove_cookie", "req:set_json",
	"res:header", "res:header_values", "res:write", "res:flush", "res:json", "res:remove_header", "res:on_body", "res:on_json", "res:on_done",
}

func TestWhatAScriptFillsAHeaderOrAURIWithIsBounded(t *testing.T) {
	t.Parallel()
	upstream := luatest.Origin(t, func(http.ResponseWriter, *http.Request) {})
	for i, door := range doors {
		t.Run(fmt.Sprint(i, " ", door.method), func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{Limits: config.Limits{CPU: caddy.Duration(time.Hour)}}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
				route:pool("p", %q)
				route:any("/much", function(req, res) local x = ("x"):rep(%d) %s %s end)
				route:any("/less", function(req, res) local x = ("x"):rep(%d) %s %s end)`,
				upstream, door.n, door.script, after(door.script), max(door.n*15/16-200, 1), door.script, after(door.script)))
			if a := site.Do(t, "/less", ""); a.Status >= 400 {
				t.Errorf("less than allowed: got %s: %s", a, lastError(site))
			}
			a := site.Do(t, "/much", "")
			found, allowed, _ := strings.Cut(door.says, "%d")
			if says := lastError(site); a.Status != 500 || !strings.Contains(says, found) || !strings.Contains(says, allowed) {
				t.Errorf("more than allowed: got %d: %s; want %s", a.Status, says, door.says)
			}
		})
	}
}

// lastError returns the error of the last request, and an empty string without one.
func lastError(site *luatest.Site) (text string) {
	for len(site.Errors) > 0 {
		text = (<-site.Errors).Error()
	}
	return text
}

// after returns what ends a function that has not answered yet.
func after(script string) string {
	if strings.Contains(script, "return") || strings.Contains(script, "redirect") {
		return ""
	}
	return "return 204"
}

func TestAllMethodsThatFillAHeaderOrAURIAreKnownToBeBounded(t *testing.T) {
	t.Parallel()
	for object, names := range map[string][]string{"req": request.ReqMethods(), "res": request.ResMethods()} {
		for _, name := range names {
			method := object + ":" + name
			isDoor := false
			for _, door := range doors {
				isDoor = isDoor || door.method == method
			}
			if isDoor == slices.Contains(harmless, method) {
				t.Errorf("%s must be one of the doors, or harmless", method)
			}
		}
	}
}

func TestAHeaderThatIsSetAgainAndAgainDoesNotGrow(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, `local route = require("luaroute")
		route:get("/", function(req, res)
			local x = ("x"):rep(100000)
			for i = 1, 50 do
				req:set_header("X", x) res.headers["X"] = x
				req.headers["Y"] = x req:remove_header("Y")
			end
			return 200, #res.headers["X"] .. " " .. #req.headers["X"]
		end)`)
	if a := site.Do(t, "/", ""); a.String() != "200 100000 100000" {
		t.Errorf("got %s: %s", a, lastError(site))
	}
}

func TestAURIThatTheClientMadeLongMayBecomeShorter(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, `local route = require("luaroute")
		route:get("/*", function(req) req:set_path("/a") return 200, req.path end)`)
	if a := site.Do(t, "/long?"+strings.Repeat("q", 100_000), ""); a.String() != "200 /a" {
		t.Errorf("got %s: %s", a, lastError(site))
	}
}
