package main

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// TestNoScriptLoadsAnotherLuarouteNorWritesCaddysVariables tries it at each place where a script makes Caddy load modules.
func TestNoScriptLoadsAnotherLuarouteNorWritesCaddysVariables(t *testing.T) {
	const inner = `{ handler = "luaroute", name = "inner", scripts = { "$dir/inner.lua" } }`
	const second = "a script cannot load another luaroute"
	for name, row := range map[string]struct{ script, want string }{
		"a handler":                {`route:get("/", route.handler("luaroute", { scripts = { "$dir/inner.lua" } }))`, second},
		"middleware":               {`route:use(route.handler("subroute", { routes = { { handle = { $inner } } } }))`, "routes[0].handle[0]: " + second},
		"the errors of a subroute": {`route:get("/", route.handler("subroute", { errors = { routes = { { handle = { $inner } } } } }))`, "errors.routes[0].handle[0]: " + second},
		"two subroutes":            {`route:get("/", route.handler("subroute", { routes = { { handle = { { handler = "subroute", routes = { { handle = { $inner } } } } } } } }))`, second},
		"a proxy":                  {`route:get("/", route.handler("reverse_proxy", { handle_response = { { routes = { { handle = { $inner } } } } } }))`, second},
		"an intercept":             {`route:get("/", route.handler("intercept", { handle_response = { { routes = { { handle = { $inner } } } } } }))`, second},
		"a pool":                   {`route:pool("p", { "127.0.0.1:1", handle_response = { { routes = { { handle = { $inner } } } } } })`, `pool "p": handle_response[0].routes[0].handle[0]: ` + second},
		"a pool of a tenant":       {`route:tenant("t", { path_prefix = "/t" }, function(r) r:pool("p", { "127.0.0.1:1", handle_response = { { routes = { { handle = { $inner } } } } } }) end)`, second},
		"a variable":               {`route:use(route.handler("vars", { client_ip = "192.0.2.1" }))`, `vars: var "client_ip" belongs to Caddy`},
		"a variable in a pool":     {`route:pool("p", { "127.0.0.1:1", handle_response = { { routes = { { handle = { { handler = "vars", log_skip = true } } } } } } })`, `var "log_skip" belongs to Caddy`},
		"a name from the client":   {`route:use(route.handler("vars", { ["{http.request.header.X}"] = "1" }))`, "has a placeholder"},
		"a list":                   {`route:use(route.handler("vars", { a = { 1 } }))`, "vars: a is not a string, number or boolean"},
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			c.File("inner.lua", `require("luaroute"):get("/inner", { body = "inner" })`)
			c.File("main.lua", `local route = require("luaroute")`+"\n"+strings.ReplaceAll(row.script, "$inner", inner))
			err := c.Load(c.Caddyfile(e2e.Site("")))
			if err == nil || !strings.Contains(err.Error(), "main.lua:2: ") || !strings.Contains(err.Error(), row.want) {
				t.Errorf("the error is %v; want %q at main.lua:2", err, row.want)
			}
		})
	}
}

func TestCaddysVariablesAreNotForScripts(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.Route(`local route = require("luaroute")
		route:pool("app", { "$app" })
		route:any("/{name}", function(req)
		  local ok, message = pcall(req.var, req, req.params.name, 5)
		  if ok then return 200, tostring(req:var(req.params.name)) end
		  req:set_header("X-Refused", message)
		  return "app"
		end)`)

	for _, name := range []string{
		"client_ip", "trusted_proxy", "start_time", "uuid", "log_skip", "log_level", "access_logger_names", "unhandled", "matchers.error", "root", "fs",
		"extended_connect_websocket_body", "reverse_proxy.proxy", "reverse_proxy.proxy_protocol_info", "luaroute.upstream", "http.auth.user.id",
	} {
		if got := c.Get("/" + name).From("app"); !strings.Contains(got.Header.Get("X-Refused"), "belongs to Caddy") {
			t.Errorf("%s: the script was told %q", name, got.Header.Get("X-Refused"))
		}
	}
	c.Get("/color").Want(200, "5")
}
