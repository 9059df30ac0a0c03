package main

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestATenantsPoolHidesOneOfItsNameFromOutside(t *testing.T) {
	c := e2e.New(t)
	for _, origin := range []string{"config", "script", "inline", "own", "tenant"} {
		c.Origin(origin)
	}
	c.File("main.lua", `
		local route = require("luaroute")
		route:pool("app", "$script")
		local function answer(req) return "app" end
		route:get("/data", "app")
		route:get("/function", answer)
		route:get("/options", route.proxy("app", { headers = { set = { ["X-By"] = "lua" } } }))
		route:tenant("inline", { hosts = "inline.example" }, function(r)
			r:pool("app", "$inline")
			r:get("/data", "app")
			r:get("/function", answer)
			r:get("/options", route.proxy("app", { headers = { set = { ["X-By"] = "lua" } } }))
		end)
		route:tenant("own", { hosts = "own.example", script = "own.lua" })
		route:tenant("none", { hosts = "none.example", pool = "app" })
	`)
	c.File("own.lua", `
		local route = require("luaroute")
		route:pool("app", "$own")
		route:get("/data", "app")
		route:get("/function", function() return "app" end)
		route:get("/options", route.proxy("app", { headers = { set = { ["X-By"] = "lua" } } }))
	`)
	c.Start(e2e.Site(`
		allow {
			upstreams 127.0.0.1
		}
		pool app $config
		tenant tenant {
			host tenant.example
			pool app $tenant
			use_pool app
		}
		tenant bare {
			host bare.example
			use_pool app
		}`))
	for host, origin := range map[string]string{
		"a.example": "script", "inline.example": "inline", "own.example": "own", "none.example": "script",
		"tenant.example": "tenant", "bare.example": "config",
	} {
		for _, path := range []string{"/data", "/function", "/options"} {
			c.Get(path, "Host: "+host).From(origin)
		}
	}
}

func TestTheOldContractSeesAHiddenPoolOnlyWhereItIsNotHidden(t *testing.T) {
	c := e2e.New(t)
	c.Origin("config")
	c.Origin("script")
	c.File("main.lua", `
		local route = require("luaroute")
		route:pool("app", "$script")
		function on_route_request(request, backends)
			local seen = {}
			for i, b in ipairs(backends) do seen[i] = b.name .. " " .. b.url end
			return { reject = true, reject_reason = table.concat(seen, ", ") }
		end
	`)
	c.Start(e2e.Site("pool other $config\npool app $config"))
	c.Get("/").Want(403, c.Expand("other http://$config, app http://$script"))
}
