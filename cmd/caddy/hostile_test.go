package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestScriptsThatCanNotBeLoadedLeaveTheOldTableServing(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	c.LoadBudget(500 * time.Millisecond)
	c.Origin("app")
	good := `local route = require("luaroute")
		route:pool("app", { "$app" })
		route:get("/", function() return 200, "good" end)`
	c.Route(good)
	failures := 0
	for name, row := range map[string]struct{ script, want string }{
		"a syntax error":          {"local route =\nlocal", "main.lua:2: "},
		"an unknown pool":         {"local route = require('luaroute')\nroute:get('/', 'nowhere')", "main.lua:2: "},
		"a pool that is no pool":  {"require('luaroute'):pool('app', { '$app', lb_policy = 'nothing' })", "main.lua:1: "},
		"a failed expectation":    {"local route = require('luaroute')\nroute:expect({ path = '/' }, { status = 200 })", "main.lua:2: expect"},
		"endless recursion":       {"local function f() return 1 + f() end\nf()", "main.lua:1: "},
		"a giant":                 {"local s = 'x'\nfor i = 1, 60 do s = s .. s end", "main.lua:2: "},
		"a pcall around a loop":   {"while true do pcall(function() while true do end end) end", "the budget of the script is used up"},
		"an app that is not here": {"local route = require('luaroute')\nroute:get('/', route.handler('acme_server', {}))", "module http.handlers.acme_server needs the app pki, which the configuration does not have"},
		"luaroute in itself":      {"local route = require('luaroute')\nroute:get('/', route.handler('luaroute', { scripts = { '$dir/main.lua' } }))", "a script cannot load another luaroute"},
		"luaroute in a subroute": {
			"local route = require('luaroute')\nroute:get('/', route.handler('subroute', { routes = { { handle = { { handler = 'luaroute', name = 'x', scripts = { '$dir/main.lua' } } } } } }))",
			"a script cannot load another luaroute",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.File("main.lua", row.script)
			refuses(t, c.Admin(http.MethodPost, "/luaroute/main/reload", ""), http.StatusUnprocessableEntity, row.want)
			failures++
			c.Get("/").Want(200, "good")
			if i := instances(t, c)[0]; i.LastError == nil || !strings.Contains(i.LastError.Error, row.want) {
				t.Errorf("the instance is %+v, %+v", i, i.LastError)
			}
			if n := c.Logged("reload failed, the old routing table keeps serving"); n != failures {
				t.Errorf("%d failures are in the log, want %d", n, failures)
			}
		})
	}
	config := c.Admin(http.MethodGet, "/config/apps/pki", "").Body
	if strings.TrimSpace(config) != "null" {
		t.Errorf("the configuration has an app now: %s", config)
	}
	c.File("main.lua", good)
	reload(t, c)
	if i := instances(t, c)[0]; i.LastError != nil || i.Version != 2 {
		t.Errorf("the instance is %+v, %+v", i, i.LastError)
	}
}

// needyApp is an app that only a script asks for. Its kind is free of what apps of Caddy's leave on a machine, such as
// trusted roots.
type needyApp struct{ started bool }

// CaddyModule returns the Caddy module information.
func (*needyApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "e2e_app", New: func() caddy.Module { return new(needyApp) }}
}

// Start notes that it was started.
func (a *needyApp) Start() error {
	a.started = true
	return nil
}

// Stop notes that it was stopped.
func (a *needyApp) Stop() error {
	a.started = false
	return nil
}

// needy is a handler that needs the app.
type needy struct{ app *needyApp }

// CaddyModule returns the Caddy module information.
func (needy) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.e2e_needy", New: func() caddy.Module { return new(needy) }}
}

// Provision finds the app.
func (n *needy) Provision(ctx caddy.Context) error {
	app, err := ctx.App("e2e_app")
	if err == nil {
		n.app = app.(*needyApp)
	}
	return err
}

// ServeHTTP reports whether the app runs.
func (n *needy) ServeHTTP(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
	_, err := fmt.Fprintf(w, "started: %v", n.app.started)
	return err
}

func init() {
	caddy.RegisterModule(new(needyApp))
	caddy.RegisterModule(needy{})
}

func TestAnAppThatAScriptNeedsComesWithTheConfiguration(t *testing.T) {
	c := e2e.New(t)
	c.Route(`
		local route = require("luaroute")
		route:any("/app", route.handler("e2e_needy", {}))
		route:get("/", function() return 200, "1" end)`)
	c.File("main.lua", `
		local route = require("luaroute")
		route:any("/app", route.handler("e2e_needy", {}))
		route:get("/", function() return 200, "2" end)`)
	reload(t, c)
	c.Get("/").Want(200, "2")
	c.Get("/app").Want(200, "started: true")
}
