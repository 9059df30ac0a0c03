package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// TestAPoolOfTheTenantAroundRunsItsOwnFunction lets an isolated tenant use a pool whose functions belong to other virtual machines.
func TestAPoolOfTheTenantAroundRunsItsOwnFunction(t *testing.T) {
	c := e2e.New(t)
	c.Origin("a")
	c.Origin("b")
	c.File("main.lua", `local route = require("luaroute")
		local mine = "main"
		route:pool("api", { "$a", "$b", retries = 1, select = function(req, up)
			if req.ctx.secret then error("it sees the req.ctx of the tenant") end
			req.ctx.secret = nil
			return mine == "main" and up[2] or up[1]
		end })
		route:tenant("acme", { path_prefix = "/acme", script = "acme/acme.lua" })
		route:get("/main", "api")`)
	c.File("acme/acme.lua", `local route = require("luaroute")
		local mine = "acme"
		route:use(function(req, res, next) req.ctx.secret = "s" req.ctx.f = function() return 1 end next() assert(req.ctx.secret == "s" and mine == "acme") end)
		route:get("/wrapped", "api")
		route:group(function(r) r:use(function(req) req.ctx.secret = "s" end) r:get("/x", function(req, res) res:on_headers(function(res) res.headers["X-Ctx"] = req.ctx.secret .. mine end) return "api" end) end)`)
	c.Start(e2e.Site(""))
	for range 3 {
		c.Get("/main").From("b")
		c.Get("/acme/wrapped").From("b")
		a := c.Get("/acme/x")
		if a.From("b"); a.Header.Get("X-Ctx") != "sacme" {
			t.Errorf("X-Ctx is %q", a.Header.Get("X-Ctx"))
		}
	}
	if n := c.Logged("script failed"); n != 0 {
		t.Errorf("%d functions failed", n)
	}
}

// TestARequestBetweenTriesAsksTheFunctionItBeganWith reloads the script while a try is under way.
func TestARequestBetweenTriesAsksTheFunctionItBeganWith(t *testing.T) {
	c := e2e.New(t)
	came, goOn := make(chan struct{}), make(chan struct{})
	c.Serve("slow", func(w http.ResponseWriter, _ *http.Request) {
		close(came)
		<-goOn
		w.WriteHeader(503)
	})
	c.Origin("old")
	c.Origin("new")
	script := func(name string) string {
		return `local route = require("luaroute")
			route:pool("api", { "$slow", { "$old", name = "old" }, { "$new", name = "new" }, retries = 1,
				retry = function(req, try) return try.status == 503 end,
				select = function(req, up) return req:query_value("direct") == nil and not up[1].tried and up[1] or up:where("name", "` + name + `")[1] end })
			route:get("/*", "api")`
	}
	c.Route(script("old"))
	answers := make(chan e2e.Answer, 1)
	go func() {
		a, _ := c.Try(http.MethodGet, "/", nil)
		answers <- a
	}()
	<-came
	c.File("main.lua", script("new"))
	if a := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); a.Status != 200 || strings.Contains(a.Body, `"pools"`) && strings.Contains(a.Body, `"changed":["api"]`) {
		t.Fatalf("the reload: %s", a.Body)
	}
	c.Get("/?direct").From("new")
	close(goOn)
	if a := <-answers; a.Status != 200 {
		t.Errorf("got %d", a.Status)
	} else {
		a.From("old")
	}
}

// TestUpstreamsOfAStrangerAreJudgedWhenTheyAreDialled lets an isolated tenant name addresses that it may not dial.
func TestUpstreamsOfAStrangerAreJudgedWhenTheyAreDialled(t *testing.T) {
	c := e2e.New(t)
	c.Origin("secret")
	c.File("acme/main.lua", `local route = require("luaroute")
		route:pool("p", { upstreams = function(req) return { req:query_value("to") } end, select = function(req, up) return up[1] end })
		route:get("/*", "p")`)
	c.File("main.lua", ``)
	c.Start(e2e.Site(`
		tenant acme {
			script $dir/acme/main.lua
			allow {
				upstreams network 127.0.0.2
			}
		}`))
	for _, to := range []string{c.Expand("$secret"), strings.Replace(c.Expand("$secret"), "127.0.0.1", "localhost", 1), "[::1]:80", "unix//run/x.sock"} {
		if a := c.Get("/?to=" + to); a.Status != http.StatusBadGateway {
			t.Errorf("%s: got %d", to, a.Status)
		}
	}
	if n := c.Logged("the tenant may dial"); n < 4 {
		t.Errorf("the log says so %d times", n)
	}
}

func TestAnExplanationThatRunsFunctionsNamesTheUpstream(t *testing.T) {
	c := e2e.New(t)
	c.Route(`local route = require("luaroute")
		route:pool("api", { "127.0.0.1:1", { "127.0.0.1:2", zone = "b" }, select = function(req, up) return up:where("zone", req:header("X-Zone") or "none")[1] or false end })
		route:pool("own", { upstreams = function(req) return { "127.0.0.1:4", { "127.0.0.1:5", want = true } } end, select = function(req, up) return up:where("want", true)[1] end })
		route:pool("broken", { "127.0.0.1:6", on_error = "closed", select = function(req, up) error("x") end })
		route:get("/own", "own") route:get("/broken", "broken")
		route:get("/*", "api")`)
	for question, want := range map[string]string{
		`{"path": "/", "headers": {"X-Zone": "b"}}`: "127.0.0.1:2", `{"path": "/"}`: "", `{"path": "/own"}`: "127.0.0.1:5", `{"path": "/broken"}`: "",
	} {
		for query, want := range map[string]string{"?run=true": want, "": ""} {
			var d struct{ Pool, Upstream string }
			a := c.Admin(http.MethodPost, "/luaroute/main/explain"+query, question)
			if err := json.Unmarshal([]byte(a.Body), &d); err != nil || d.Upstream != want {
				t.Errorf("%s%s: the upstream is %q; want %q: %s", question, query, d.Upstream, want, a.Body)
			}
		}
	}
}
