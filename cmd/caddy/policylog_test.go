package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestTheAccessLogSaysWhatPoliciesHaveDone(t *testing.T) {
	c := e2e.New(t)
	c.Serve("app", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "app") })
	c.File("main.lua", `
		local route = require("luaroute")
		route:pool("v1", "$app")
		route:pool("v2", "$app")
		route:with(route.fault{ status = 503 }):get("/fault", "v1")
		route:get("/split", route.split{ { "v1", 0 }, { "v2", 1, name = "new one" } })
	`)
	c.Start("http:// {\nlog\nluaroute {\nscript $dir/main.lua\n}\n}")
	c.Get("/fault").Want(503, "")
	c.Get("/split").Want(200, "app")
	for _, field := range []string{`"fault":"503"`, `"variant":"new one"`} {
		testkit.Until(t, "the access log has "+field, func() bool { return c.Logged(field) == 1 })
	}
}

func TestTheMetricOfMirrorsCountsWhatBecomesOfCopies(t *testing.T) {
	c := e2e.New(t)
	read := func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	c.Serve("app", read)
	c.Serve("shadow", read)
	arrived, stays := make(chan struct{}, 1), make(chan struct{})
	c.Serve("stuck", func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-stays:
		case <-r.Context().Done():
		}
	})
	defer close(stays)
	c.File("main.lua", `
		local route = require("luaroute")
		route:pool("app", "$app")
		route:pool("shadow", "$shadow")
		route:pool("down", "127.0.0.1:1")
		local copies = route.mirror{ to = "shadow", body = 4 }
		route:with(copies):post("/unread", { body = "early" })
		route:with(copies):any("/*", "app")
		route:get("/down", route.proxy("app", { mirror = "down" }))
		route:pool("stuck", "$stuck")
		route:pool("slow", "$stuck")
		route:get("/one", route.proxy("app", { mirror = { to = "stuck", inflight = 1, timeout = 3600 } }))
		route:get("/late", route.proxy("app", { mirror = { to = "slow", timeout = 0.01 } }))
	`)
	c.Start(e2e.Site(""))
	for path, body := range map[string]string{"/small": "four", "/large": "larger", "/unread": "four"} {
		if a := c.Send(http.MethodPost, path, strings.NewReader(body)); a.Status != 200 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	c.Get("/down").Want(200, "")
	c.Get("/one").Want(200, "")
	<-arrived // it stays
	c.Get("/one").Want(200, "")
	c.Get("/late").Want(200, "")
	for _, row := range []string{`outcome="sent",pool="shadow"`, `outcome="large",pool="shadow"`, `outcome="unread",pool="shadow"`, `outcome="failed",pool="down"`, `outcome="dropped",pool="stuck"`, `outcome="timeout",pool="slow"`} {
		want := "caddy_luaroute_mirror_total{instance=\"main\"," + row + ",tenant=\"\"} 1\n"
		testkit.Until(t, want, func() bool { return strings.Contains(c.Admin(http.MethodGet, "/metrics", "").Body, want) })
	}
}

func TestResponseJSONChangesWhatAnUpstreamAnswers(t *testing.T) {
	c := e2e.New(t)
	c.Serve("users", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("ETag", `"1"`)
		fmt.Fprint(w, `{"id": 12345678901234567890, "mail": "ann@example.com", "password": "x", "nested": {"token": "y", "a": 1.10}}`)
	})
	c.Route(`
		local route = require("luaroute")
		route:pool("users", "$users")
		route:get("/deny", route.proxy("users", { response_json = { deny = { "password", "nested.token" }, rename = { mail = "email" } } }))
		route:get("/allow", route.proxy("users", { response_json = { allow = "id", group = "user" } }))
	`)
	for path, want := range map[string]string{
		"/deny":  `{"id":12345678901234567890,"email":"ann@example.com","nested":{"a":1.10}}`,
		"/allow": `{"user":{"id":12345678901234567890}}`,
	} {
		a := c.Get(path)
		a.Want(200, want)
		if a.Header.Get("ETag") != "" || a.Header.Get("Content-Length") != fmt.Sprint(len(want)) {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
}

func TestSelectCannotChooseAnUpstreamThatIsDown(t *testing.T) {
	c := e2e.New(t)
	c.Serve("alive", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "alive") })
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "127.0.0.1:1", "$alive",
		  lb_policy = "first", health_checks = { passive = { fail_duration = "10m", max_fails = 1 } },
		  select = function(req, up) return up[1] end })
		route:any("/*", "app")
	`)
	if a := c.Get("/"); a.Status != 502 {
		t.Errorf("before it counts as down: %d", a.Status)
	}
	for range 3 {
		c.Get("/").Want(200, "alive")
	}
}
