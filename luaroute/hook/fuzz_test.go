package hook_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// FuzzAHandlerMayReturnAnything runs an expression of Lua and returns its values from a handler, a guard and middleware: each
// is an answer, or an error.
func FuzzAHandlerMayReturnAnything(f *testing.F) {
	for _, seed := range []string{
		"", "nil", "204", "200, 'body'", "200, { a = 1 }, { ['X-A'] = { 1, true } }", "'p'", "'nothing'", "1e308, print", "0/0", "-200",
		"{ status = 200, body = {}, headers = {} }", "{ status = '200' }", "{}", "{ {} }", "route.decline", "route.next, 1",
		"route.proxy('p', { path = '/', query = { a = 1 } })", "route.respond(200, nil, { [1] = 2 })", "route.redirect('//x', 301)",
		"route.error(404, 'x')", "req", "res", "req.headers", "coroutine.create(function() end)", "setmetatable({}, { __index = error })",
		"200, ('x'):rep(1e6)", "200, 'x', { ['a\\r\\nb'] = 'c' }", "200, 'x', { a = 'b\\r\\nc' }", "res:write('x')", "res:on_body(print)",
		"304, 'body'", "199", "999, 'x'", "200, { 1, nil, 3 }", "200, setmetatable({}, { __tostring = error })",
	} {
		f.Add(seed)
	}
	setup := luatest.Setup{Pools: map[string]string{
		"p": `{"handler": "reverse_proxy", "upstreams": [{"dial": "` + ports.Dead(f) + `"}]}`,
	}}.Within(vm.Limits{CPU: 20 * time.Millisecond, Wall: time.Second, Memory: 16 << 20})
	f.Fuzz(func(t *testing.T, values string) {
		table, err := setup.Load(t, `local route = require("luaroute")
			local function answer(req, res) return `+values+`
			end
			route:get("/handler", answer)
			route:get("/guard", { when = answer }, { status = 204 })
			route:group(function(r) r:use(function(req, res) return answer(req, res) end) r:get("/before", { status = 204 }) end)
			route:group(function(r) r:use(function(req, res, next) next() return answer(req, res) end) r:get("/around", { status = 204 }) end)`)
		if err != nil {
			return
		}
		for _, path := range []string{"/handler", "/guard", "/before", "/around"} {
			status, err := luatest.Ask(table, path)
			if status != 0 && // nothing was written; net/http answers 200 then, or the server an error
				(status < http.StatusOK || status > 999) {
				t.Errorf("%s: got status %d, %v", path, status, err)
			}
		}
	})
}
