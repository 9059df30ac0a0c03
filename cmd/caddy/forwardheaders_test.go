package main

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// identityWays set X-User, by each way there is. Whatever the client says, its upstream gets it.
const identityWays = `
	local route = require("luaroute")
	local set = { set = { ["X-User"] = "ann" } }
	local headers = { request = { set = { ["X-User"] = { "ann" } } } }
	local ways = {
	  set = function(req) req:set_header("x-user", "ann"); return "app" end,
	  assign = function(req) req.headers["X-User"] = "ann"; return "app" end,
	  add = function(req) req:add_header("X-USER", "ann"); return "app" end,
	  data = route.proxy("app", { headers = set }),
	  added = route.proxy("app", { headers = { add = { ["x-user"] = "ann" } } }),
	  returned = function() return route.proxy("app", { headers = set }) end,
	  configured = route.handler("identify"),
	  nested = route.handler("subroute", { routes = { { handle = {
	    { handler = "headers", request = headers.request }, { handler = "reverse_proxy", upstreams = { { dial = "$app" } } },
	  } } } }),
	  next = function(req) req:set_header("X-User", "ann"); return route.next end,
	}
	for name, handler in pairs(ways) do route:any("/" .. name, handler) end
	route:with(function(req) req:set_header("X-User", "ann") end):any("/middleware", "app")
	route:with(function(req, res, next) req:set_header("X-User", "ann"); next() end):any("/wrapper", "app")
	route:with(route.handler("headers", headers)):any("/module", "app")
	route:with(route.handler("request_header")):any("/named", "app")
	route:any("/nothing", "app")
	function on_route_request() return { selected_backend = "app", modified_headers = { ["x-user"] = "ann" } } end`

func TestAClientCannotTakeOffWhatTheGatewaySets(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", identityWays)
	c.Start(`http:// {
		luaroute {
			script $dir/main.lua
			pool app $app
			handler identify {
				request_header X-User ann
				reverse_proxy $app
			}
			handler request_header {
				request_header X-User ann
			}
		}
		reverse_proxy $app
	}`)

	paths := []string{
		"/set", "/assign", "/add", "/data", "/added", "/returned", "/configured", "/nested", "/next", "/middleware", "/wrapper", "/module", "/named",
		"/old-contract",
	}
	for _, path := range paths {
		for _, connection := range []string{"close, X-User", "x-user", "X-Hop,X-User , keep-alive", "TE, x-USER"} {
			got := c.Get(path, "Connection: "+connection, "X-User: eve", "X-Hop: 1", "TE: trailers").From("app")
			if user := got.Header["X-User"]; len(user) != 1 || user[0] != "ann" {
				t.Errorf("%s with Connection: %s: the upstream got X-User %q", path, connection, user)
			}
			if connection[0] == 'X' && got.Header["X-Hop"] != nil {
				t.Errorf("%s with Connection: %s: a field for one hop went on", path, connection)
			}
		}
		got := c.Get(path, "Connection: Upgrade, X-User", "Upgrade: websocket").From("app")
		if user, upgrade := got.Header.Get("X-User"), got.Header.Get("Connection")+" "+got.Header.Get("Upgrade"); user != "ann" || upgrade != "Upgrade websocket" {
			t.Errorf("%s: of an upgrade the upstream got X-User %q and %s", path, user, upgrade)
		}
	}
	if got := c.Get("/nothing", "Connection: close, X-User", "X-User: eve").From("app"); got.Header["X-User"] != nil {
		t.Errorf("what the client keeps for one hop went on: %q", got.Header["X-User"])
	}
}

func TestForwardedHeadersAreSetAndRemovedByScripts(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$app" })
		local changes = {
		  set = { ["X-Forwarded-For"] = "192.0.2.7", ["x-forwarded-proto"] = "https", ["X-Forwarded-Host"] = "{http.request.uri}" },
		  remove = { "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via" },
		  host = { Host = "inner.example" },
		}
		local set = { ["X-Forwarded-For"] = "192.0.2.7", ["x-forwarded-proto"] = "https", ["X-Forwarded-Host"] = "{{http.request.uri}" }
		route:any("/data/set", route.proxy("app", { headers = { set = set } })) -- in data {{ is a brace
		route:any("/data/remove", route.proxy("app", { headers = { remove = changes.remove } }))
		route:any("/data/host", route.proxy("app", { headers = { set = changes.host } }))
		route:any("/function/set", function(req)
		  for name, value in pairs(changes.set) do req:set_header(name, value) end
		  return req.headers["X-Forwarded-For"] == "192.0.2.7" and "app"
		end)
		route:any("/function/remove", function(req)
		  for _, name in ipairs(changes.remove) do req:remove_header(name) end
		  return req.headers["X-Forwarded-For"] == nil and "app"
		end)
		route:any("/function/host", function(req)
		  req:set_header("host", "inner.example")
		  return req.host == "inner.example" and "app"
		end)
	`)

	for _, by := range []string{"/data", "/function"} {
		for _, row := range []struct{ path, forwarded, proto, host, via, asked string }{
			{"/set", "192.0.2.7", "https", "{http.request.uri}", "1.1 Caddy", "site.example"},
			{"/remove", "", "", "", "", "site.example"},
			{"/host", "127.0.0.1", "http", "site.example", "1.1 Caddy", "inner.example"},
		} {
			got := c.Get(by+row.path, "Host: site.example", "X-Forwarded-For: 192.0.2.66", "X-Forwarded-Host: evil.example").From("app")
			for name, want := range map[string]string{
				"X-Forwarded-For": row.forwarded, "X-Forwarded-Proto": row.proto, "X-Forwarded-Host": row.host, "Via": row.via,
			} {
				if value := got.Header.Get(name); value != want || (got.Header[name] != nil) != (want != "") {
					t.Errorf("%s: the upstream got %s %q; want %q", by+row.path, name, got.Header[name], want)
				}
			}
			if got.Host != row.asked {
				t.Errorf("%s: the upstream was asked as %s; want %s", by+row.path, got.Host, row.asked)
			}
		}
	}
}
