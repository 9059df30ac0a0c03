package main

import (
	"fmt"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// TestARequestThatRunsInCirclesEndsWithAnError leads requests back to the luaroute that they come from. Unbounded, each row would end
// the process.
func TestARequestThatRunsInCirclesEndsWithAnError(t *testing.T) {
	for name, row := range map[string]struct{ script, after string }{
		"an action":          {script: `route:any("/x", again)`},
		"an action of Lua":   {script: `route:any("/x", function() return again end)`},
		"middleware":         {script: `route:use(again) route:any("/x", { body = "x" })`},
		"a tenant's rest":    {script: `route:tenant("t", { path_prefix = "/x" }, function(r) r:any("/", again) end)`},
		"not found":          {script: `route:not_found(again)`},
		"a subroute":         {script: `route:any("/x", route.handler("subroute", { routes = { { handle = { { handler = "invoke", name = "r" } } } } }))`},
		"errors in it":       {script: `route:any("/x", route.handler("subroute", { routes = { { handle = { { handler = "error" } } } }, errors = { routes = { { handle = { { handler = "invoke", name = "r" } } } } } }))`},
		"the pool's answer":  {script: `route:pool("q", { "$app", handle_response = { { routes = { { handle = { { handler = "invoke", name = "r" } } } } } } }) route:any("/x", "q")`},
		"route.next":         {script: `route:any("/x", function(req) return route.next end)`, after: "invoke r"},
		"no route":           {script: `route:any("/y", { body = "y" })`, after: "invoke r"},
		"on_error":           {script: `route:on_error(again) route:any("/x", again)`},
		"on_error of errors": {script: `route:on_error(function() return again end) route:any("/x", function() error("x") end)`},
		"twice at each turn": {script: `route:use(function(req, res, next) local ok, err = pcall(next) if ok then return end return again end) route:any("/x", again)`},
		"after declining": {script: `route:pool("q", { "$app", handle_response = { { routes = { { handle = { { handler = "invoke", name = "r" } } } } } } })
			route:use(function(req) req:var("at", 1) end) local try = route.proxy("q", { on_error = "decline" })
			route:any("/x", try) route:any("/{a}", try) route:any("/*", again)`},
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			c.Origin("app")
			c.File("main.lua", `local route = require("luaroute") local again = route.handler("invoke", { name = "r" })`+"\n"+row.script)
			c.Start(fmt.Sprintf("&(r) {\nroute {\nluaroute {\nscript $dir/main.lua\n}\n%s\n}\n}\nhttp:// {\ninvoke r\n}\n", row.after))
			c.Get("/x").Want(508, "")
			if c.Logged("the request loops") == 0 {
				t.Error("the log does not say that the request loops")
			}
		})
	}
}

func TestALuarouteWithinAnotherThatTheConfigurationNamesServes(t *testing.T) {
	const depth = 10
	c := e2e.New(t)
	block := "respond {vars.at}"
	for i := depth; i > 0; i-- {
		c.File(fmt.Sprintf("%d.lua", i), fmt.Sprintf(`local route = require("luaroute")
			route:any("/x", function(req) req:var("at", %d) return route.handler("inner") end)`, i))
		block = fmt.Sprintf("luaroute {\nname l%d\nscript $dir/%d.lua\nhandler inner {\n%s\n}\n}", i, i, block)
	}
	c.Start("http:// {\n" + block + "\n}\n")
	c.Get("/x").Want(200, fmt.Sprint(depth))
}
