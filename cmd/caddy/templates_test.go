package main

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestStringsOfActionsHaveParametersAndPlaceholders(t *testing.T) {
	t.Parallel()
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", `
		local route = require("luaroute")
		route:get("/users/{id}", route.proxy("app", { path = "/v2/people/{id}", headers = { set = { ["X-Host"] = "{http.request.host}" } } }))
		route:get("/find/{what}", route.proxy("app", { path = "/search", query = { q = "{what}", from = "a {{b}" } }))
		route:get("/files/*", route.proxy("app", { path = "/static/{*}" }))
		route:get("/keep/{id}", route.proxy("app", { path = "/k/{id}" }))
		route:get("/host/{id}", route.proxy("app", { headers = { set = { Host = "{id}.internal", ["X-Forwarded-Host"] = "{http.request.host}" } } }))
		route:get("/old/{slug}", route.redirect("/blog/{slug}?from={http.request.uri.path}", 308))
		route:get("/away/*", route.redirect("/{*}"))
		route:get("/said/{id}", route.respond(200, "{id}", { ["X-Id"] = "{id}" }))
		route:get("/table/{id}", { status = 200, body = "{id}", headers = { ["X-Id"] = "{{{id}" } })
		route:get("/back/{id}", route.proxy("app", { response_headers = { set = { ["X-Id"] = "{id}", ["X-To"] = "{http.reverse_proxy.upstream.hostport}" } } }))
		local go = route.proxy("app", { path = "/v3/{id}" })
		route:get("/chosen/{id}", function(req) return go end)
		route:get("/late/{id}", function(req) return route.proxy("app", { path = "/v3/" .. req.params.id, headers = { set = { ["X-Id"] = "{id}" } } }) end)
		route:get("/lateredirect/{id}", function(req) return route.redirect("/a{id}") end)`)
	c.Start(`http:// {
		luaroute {
			script $dir/main.lua
			pool app $app
		}
	}`)

	for _, row := range []struct{ target, uri, header, value string }{
		{"/users/7", "/v2/people/7", "X-Host", "127.0.0.1"},
		{"/users/a%2Fb%3Fc", "/v2/people/a%2Fb%3Fc", "", ""},
		{"/users/7?x=1&y=%20", "/v2/people/7?x=1&y=%20", "", ""},
		{"/find/a%26b=c?x=1", "/search?from=a+%7Bb%7D&q=a%26b%3Dc", "", ""},
		{"/files/a/b%20c", "/static/a/b%20c", "", ""},
		{"/files/", "/static/", "", ""},
		{"/keep/%7Bhttp.request.host%7D", "/k/%7Bhttp.request.host%7D", "", ""},
		{"/host/shop", "/host/shop", "X-Forwarded-Host", "127.0.0.1"},
		{"/chosen/7", "/v3/7", "", ""},
		{"/late/%7Bid%7D", "/v3/%7Bid%7D", "X-Id", "{id}"},
	} {
		got := c.Get(row.target).From("app")
		if got.URI != row.uri || row.header != "" && got.Header.Get(row.header) != row.value {
			t.Errorf("%s: the upstream got %s with %s %q; want %s with %q", row.target, got.URI, row.header, got.Header.Get(row.header), row.uri, row.value)
		}
	}
	if got := c.Get("/host/shop").From("app"); got.Host != "shop.internal" {
		t.Errorf("the upstream was asked for %q", got.Host)
	}
	for _, target := range []string{"/users/..%2Fadmin", "/files/..%2F..%2Fadmin", "/users/%2e%2e%2fadmin"} {
		if got := c.Get(target); got.Status != 404 {
			t.Errorf("%s: %d", target, got.Status)
		}
	}
	for _, row := range []struct{ target, name, value, body string }{
		{"/old/a%20b", "Location", "/blog/a%20b?from=%2Fold%2Fa+b", ""},
		{"/away/x%0d%0aSet-Cookie:a=b", "Location", "/x%0D%0ASet-Cookie:a=b", ""},
		{"/away//evil.example", "Location", "/evil.example", ""},
		{"/said/7", "X-Id", "7", "{id}"},
		{"/table/7", "X-Id", "{7", "{id}"},
		{"/said/a%0d%0ab", "X-Id", "ab", "{id}"},
		{"/lateredirect/7", "Location", "/a%7Bid%7D", ""},
	} {
		if got := c.Get(row.target); got.Header.Get(row.name) != row.value || got.Body != row.body {
			t.Errorf("%s: %s %q and the body %q; want %q and %q", row.target, row.name, got.Header.Get(row.name), got.Body, row.value, row.body)
		}
	}
	if got := c.Get("/back/7"); got.Header.Get("X-Id") != "7" || got.Header.Get("X-To") != c.Expand("$app") {
		t.Errorf("the response has %v", got.Header)
	}
}
