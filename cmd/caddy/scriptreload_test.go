package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
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
	refuses(t, c.Admin(http.MethodPost, "/luaroute/main/reload", ""), http.StatusUnprocessableEntity, "panic while loading scripts: boom")
	c.Get("/").Want(200, "1")

	c.File("main.lua", `require("luaroute"):get("/", { body = "3" })`)
	becomes(t, c, "/", "3")
}

func TestAReloadKeepsTheHealthOfAPool(t *testing.T) {
	c := e2e.New(t)
	var ill atomic.Bool
	ill.Store(true)
	app := c.Serve("app", func(w http.ResponseWriter, _ *http.Request) {
		if ill.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	script := func(version int, more string) {
		c.File("main.lua", fmt.Sprintf(`
			local route = require("luaroute")
			route:pool("app", { "$app", health_uri = "/health", health_interval = "1h"%s })
			route:get("/version", route.respond(200, "%d"))
			route:get("/", "app")`, more, version))
	}
	script(1, "")
	c.Start(e2e.Site(""))
	healthy := func() bool {
		return strings.Contains(c.Admin(http.MethodGet, "/luaroute/main/pools", "").Body, `"healthy":true`)
	}
	e2e.Until(t, "the first check has failed", func() bool { return !healthy() })

	ill.Store(false) // which the next check would find, in an hour
	for version := 2; version < 5; version++ {
		script(version, "")
		if answer := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); answer.Status != 200 {
			t.Fatalf("the reload is %d %q", answer.Status, answer.Body)
		}
		c.Get("/version").Want(200, fmt.Sprint(version))
		if healthy() || c.Get("/").Status != http.StatusServiceUnavailable || app.Requests.Load() != 1 {
			t.Fatalf("after a reload the pool is healthy, or was checked again: %d requests", app.Requests.Load())
		}
	}
	script(5, ", try_duration = 1") // another pool, which is checked at once
	c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	e2e.Until(t, "the new pool was checked", func() bool { return app.Requests.Load() == 2 && healthy() })
	c.Get("/").Want(200, "")
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
