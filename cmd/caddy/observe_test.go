package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

const observed = `local route = require("luaroute")
	route:pool("app", { "$app" })
	route:get("/items/{id}", { name = "item", meta = { team = "blue" } }, "app")
	route:get("/lua/{name}", function(req) return 200, req.params.name end)
	route:get("/fails", function() error("secret words") end)
	route:get("/down", "down")
	route:pool("down", { "127.0.0.1:1" })`

func TestLogsPlaceholdersAndMetricsTellTheRouteOfARequest(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", c.Expand(observed))
	c.Start(`
		http:// {
			log
			header >X-Route "{http.luaroute.route} {http.luaroute.pattern} {http.luaroute.pool} {http.luaroute.params.id} {http.luaroute.meta.team}"
			luaroute {
				script $dir/main.lua
				metrics { 
					histogram pattern
				}
			}
			respond "next" 404
		}`)
	answer := c.Get("/items/a%20b")
	if got := answer.Header.Get("X-Route"); got != "item /items/{id} app a b blue" {
		t.Errorf("the placeholders are %q", got)
	}
	c.Get("/lua/ann").Want(200, "ann")
	c.Get("/fails").Want(500, "")
	c.Get("/down").Want(502, "")
	if got := c.Get("/none").Header.Get("X-Route"); strings.TrimSpace(got) != "" {
		t.Errorf("the placeholders of a request without a route are %q", got)
	}
	for _, want := range []string{
		`"luaroute":{"instance":"main","route":"item","pattern":"/items/{id}","pool":"app","script":"$dir/main.lua:3","outcome":"proxied"}`,
		`"luaroute":{"instance":"main","pattern":"/lua/{name}","script":"$dir/main.lua:4","outcome":"responded","lua_ms":`,
		`"luaroute":{"instance":"main","pattern":"/fails","script":"$dir/main.lua:5","outcome":"error","lua_ms":`,
		`"luaroute":{"instance":"main","pattern":"/down","pool":"down","script":"$dir/main.lua:6","outcome":"error"}`,
		`"luaroute":{"instance":"main","outcome":"declined"}`,
	} {
		if e2e.Until(t, "the requests are logged", func() bool { return c.Logged("handled request") >= 5 }); c.Logged(c.Expand(want)) != 1 {
			t.Errorf("the log has no %s", want)
		}
	}
	for i := range 100 {
		c.Get(fmt.Sprintf("/none/%d", i))
	}
	metrics := c.Admin(http.MethodGet, "/metrics", "").Body
	for _, want := range []string{
		`caddy_luaroute_requests_total{code="2xx",instance="main",outcome="proxied",pattern="/items/{id}",tenant=""} 1`,
		`caddy_luaroute_requests_total{code="2xx",instance="main",outcome="responded",pattern="/lua/{name}",tenant=""} 1`,
		`caddy_luaroute_requests_total{code="5xx",instance="main",outcome="error",pattern="/fails",tenant=""} 1`,
		`caddy_luaroute_requests_total{code="5xx",instance="main",outcome="error",pattern="/down",tenant=""} 1`,
		`caddy_luaroute_requests_total{code="4xx",instance="main",outcome="declined",pattern="",tenant=""} 101`,
		`caddy_luaroute_request_duration_seconds_count{instance="main",pattern="/items/{id}",tenant=""} 1`,
		`caddy_luaroute_lua_calls_total{instance="main",tenant=""} 2`,
		`caddy_luaroute_script_errors_total{instance="main",tenant=""} 1`,
		`caddy_luaroute_budget_ends_total{instance="main",kind="cpu",tenant=""} 0`,
		`caddy_luaroute_vms{instance="main",state="used",tenant=""} 0`,
		`caddy_luaroute_pool_upstreams{instance="main",pool="app",state="healthy",tenant=""} 1`,
		`caddy_luaroute_routes{instance="main"} 4`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("the metrics have no %s", want)
		}
	}
	if strings.Contains(metrics, "/none") || strings.Contains(metrics, "secret") {
		t.Error("the metrics have what a client or a script said")
	}
	c.File("main.lua", c.Expand(strings.Replace(observed, `route:get("/lua/{name}"`, `route:get("/moved/{name}"`, 1)))
	if answer := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); answer.Status != http.StatusOK {
		t.Fatalf("the reload is answered with %d %s", answer.Status, answer.Body)
	}
	metrics = c.Admin(http.MethodGet, "/metrics", "").Body
	if !strings.Contains(metrics, `outcome="proxied",pattern="/items/{id}",tenant=""} 1`) || strings.Contains(metrics, "/lua/") {
		t.Error("after a reload, counts of what stays are lost, or those of what is gone are there")
	}
	stats := c.Admin(http.MethodGet, "/luaroute/main/stats", "").Body
	if !strings.Contains(stats, `{"tenant":"","pattern":"/items/{id}","total":1,"failed":0,"outcomes":{"proxied":1},"codes":{"2xx":1}}`) {
		t.Errorf("the numbers are %s", stats)
	}
}

func TestALuarouteInsideAnotherIsCountedOnce(t *testing.T) {
	c := e2e.New(t)
	c.File("outer.lua", `local route = require("luaroute") route:get("/x", route.handler("inner"))`)
	c.File("inner.lua", `local route = require("luaroute") route:get("/x", { status = 204 })`)
	c.Start(`
		http:// {
			luaroute {
				script $dir/outer.lua
				handler inner {
					luaroute {
						name inner
						script $dir/inner.lua
					}
				}
			}
		}`)
	c.Get("/x").Want(204, "")
	metrics := c.Admin(http.MethodGet, "/metrics", "").Body
	if !strings.Contains(metrics, `outcome="handler",pattern="/x",tenant=""} 1`) || strings.Contains(metrics, `requests_total{code="2xx",instance="inner"`) {
		t.Errorf("the metrics are\n%s", metrics)
	}
}
