package main

import (
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestAFileOfKeysIsWatchedAndAWrongOneKeepsThoseBefore(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `local route = require("luaroute")
		route:use(route.keys{ file = "keys.json" })
		route:get("/", function(req) return 200, req.ctx.consumer.name end)`)
	c.File("keys.json", `[{"name":"ann","key":"the first key of ann"}]`)
	c.Start(watched)
	c.Get("/", "X-Api-Key: the first key of ann").Want(200, "ann")
	c.File("keys.json", `[{"name":"ann","key":"the second key of ann"}]`)
	e2e.Until(t, "the new key is known", func() bool { return c.Get("/", "X-Api-Key: the second key of ann").Body == "ann" })
	c.Get("/", "X-Api-Key: the first key of ann").Want(401, "")
	c.File("keys.json", `[{"name":"ann","key":["the second key of ann",7]}]`)
	e2e.Until(t, "the error is reported", func() bool { return instances(t, c)[0].LastError != nil })
	if failed := instances(t, c)[0].LastError; !strings.Contains(failed.Error, "main.lua:2: route.keys: keys.json: [0].key[1]: expected a string, or a list of strings") {
		t.Errorf("the error is %s", failed.Error)
	}
	c.Get("/", "X-Api-Key: the second key of ann").Want(200, "ann")
}

func TestATenantVerifiesTokensOfAnIssuerThatItMayAsk(t *testing.T) {
	c := e2e.New(t)
	ann := newIssuer(t, jose.RS256)
	idp := ann.serve(c, "idp")
	token := ann.token("https://idp.example", nil)
	c.File("acme/main.lua", head+`local jwt = require("jwt")
		local idp = jwt.issuer{ issuer = "https://idp.example", audience = "api", algorithms = { "RS256" }, jwks = "http://$idp/keys" }
		route:use(idp:bearer{})
		route:get("/", function(req) return 200, req.ctx.claims.sub end)`)
	site := func(allow, libs string) string {
		return "http:// {\nluaroute {\n" + libs + "\ntenant acme {\nscript $dir/acme/main.lua\nallow {\n" + allow + "\n}\n}\n}\n}"
	}
	err := c.Load(c.Caddyfile(site("libs safe", "")))
	if err == nil || !strings.Contains(err.Error(), "library \"jwt\" is not allowed for the scripts of this tenant; it needs `libs safe jwt` in its allow block") {
		t.Errorf("without jwt among its libs: %v", err)
	}
	for _, row := range []struct {
		allow, libs string
		status      int
	}{
		{"libs safe jwt", "", 503},
		{"libs safe jwt", "libs http {\nallow 127.0.0.1\n}", 503},
		{"libs safe jwt\nupstreams network 127.0.0.1", "", 503},
		{"libs safe jwt\nupstreams network 127.0.0.1", "libs http {\nallow 127.0.0.1\n}", 200},
	} {
		before := idp.Requests.Load()
		c.Start(site(row.allow, row.libs))
		got := c.Get("/", token)
		if asked := idp.Requests.Load() > before; got.Status != row.status || asked != (row.status == 200) {
			t.Errorf("%+v: got %d %s, the issuer was asked: %v", row, got.Status, got.Body, asked)
		}
	}
	c.Get("/").Want(401, "")
	c.Get("/", token[:len(token)-4]+"AAAA").Want(401, "")
}

func TestRefusalsOfEachPolicyOfIdentityAreCountedAsSuch(t *testing.T) {
	c := e2e.New(t)
	c.Set("dollar", "$")
	c.File("main.lua", head+`local jwt = require("jwt")
		local keys = route.keys{ consumers = { { name = "ann", key = "the first key of ann" } } }
		local idp = jwt.issuer{ issuer = "a", audience = "a", algorithms = { "HS256" }, secret = ("x"):rep(32) }
		route:with(keys):get("/keys", { body = "in" })
		route:with(keys, route.allow{ groups = { "admin" } }):get("/allow", { body = "in" })
		route:with(route.basic{ users = { ann = "${dollar}2a${dollar}04${dollar}N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy" } }):get("/basic", { body = "in" })
		route:with(idp:bearer{}):get("/bearer", { body = "in" })`)
	c.Start(e2e.Site(""))
	const key = "X-Api-Key: the first key of ann"
	c.Get("/keys", key).Want(200, "in")
	c.Get("/keys").Want(401, "")
	c.Get("/allow", key).Want(403, "")
	c.Get("/basic", "Authorization: Basic YW5uOng=").Want(401, "")
	c.Get("/bearer", "Authorization: Bearer x").Want(401, "")
	text := c.Admin("GET", "/metrics", "").Body
	for _, pattern := range []string{"/keys", "/allow", "/basic", "/bearer"} {
		if !strings.Contains(text, `caddy_luaroute_requests_total{code="4xx",instance="main",outcome="refused",pattern="`+pattern+`",tenant=""} 1`) {
			t.Errorf("the refusal at %s is not counted", pattern)
		}
	}
}
