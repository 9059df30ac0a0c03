package main

import (
	"context"
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func init() {
	caddy.RegisterModule(new(gate))
	caddy.RegisterModule(bomb{})
}

// gate is a handler that waits while it is provisioned.
type gate struct{}

var atGate, openGate = make(chan struct{}), make(chan struct{})

// CaddyModule returns the Caddy module information.
func (*gate) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.e2e_gate", New: func() caddy.Module { return new(gate) }}
}

// Provision waits.
func (*gate) Provision(caddy.Context) error {
	atGate <- struct{}{}
	<-openGate
	return nil
}

// ServeHTTP does nothing.
func (*gate) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

// bomb is a matcher that panics.
type bomb struct{}

// CaddyModule returns the Caddy module information.
func (bomb) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.matchers.e2e_bomb", New: func() caddy.Module { return new(bomb) }}
}

// MatchWithError panics.
func (bomb) MatchWithError(*http.Request) (bool, error) { panic("boom") }

func TestAReloadInWhichGoCodePanicsIsOneThatFails(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/", { body = "1" })`)
	c.Start(e2e.Site("watch 20ms"))
	c.Get("/").Want(200, "1")

	c.File("main.lua", `
		local route = require("luaroute")
		route:get("/", { when = route.matcher("e2e_bomb", {}) }, { body = "2" })
		route:expect({ path = "/" }, { status = 200 })`)
	e2e.Until(t, "the panic is reported", func() bool { return instances(t, c)[0].LastError != nil })
	refuses(t, c.Admin(http.MethodPost, "/luaroute/main/reload", ""), http.StatusUnprocessableEntity, "panic while scripts were loaded: boom")
	c.Get("/").Want(200, "1")

	c.File("main.lua", `require("luaroute"):get("/", { body = "3" })`)
	becomes(t, c, "/", "3")
}

func TestAReloadGoesOnWhenTheOneWhoAskedForItHasGone(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/", { body = "1" })`)
	c.Start(e2e.Site(""))
	c.File("main.lua", `
		local route = require("luaroute")
		route:with(route.handler("e2e_gate", {})):get("/", { body = "2" })
		for _ = 1, 100000 do end`)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Expand("http://$admin/luaroute/main/reload"), nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if _, err := c.Client.Do(r); err == nil {
			t.Error("the reload was answered before its end")
		}
	}()
	<-atGate
	cancel()
	<-gone
	openGate <- struct{}{}
	becomes(t, c, "/", "2")
	if i := instances(t, c)[0]; i.Version != 2 || i.LastError != nil {
		t.Errorf("the instance is %+v, its error %+v", i, i.LastError)
	}
}
