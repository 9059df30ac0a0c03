package main

import "encoding/json"

// variant is one way to the origin. Each variant with Lua reads the header X-Tenant, and answers 404 where it is missing.
type variant struct {
	name string
	what string
	// host and path are what is asked for, if not the usual.
	host, path string
	// script is a script of luaroute.
	script string
	// native are Caddy's own routes, given the configuration of a proxy. Without them and a script there is one route, for everything.
	native func(proxy object) []object
	// text is the configuration in a language of another program.
	text string
}

// plain is what the others are compared with, and again is the same once more.
const (
	plain = "plain"
	again = "again"
)

// variants are those of one Caddy.
var variants = []variant{
	{name: plain, what: "`reverse_proxy`"},
	{name: again, what: "`reverse_proxy` once more"},
	{name: "data", what: "a route that is data", script: `
		route:get("/api/{version}/users/{id}", "origin")`},
	{name: "handler", what: "a Lua handler that chooses the pool", script: `
		route:get("/api/{version}/users/{id}", function(req)
			if req.method == "GET" and req.path ~= "/" and req:header("X-Tenant") == "acme" and req.params.version == "v1" then
				return "origin"
			end
			return 404
		end)`},
	{name: "guard", what: "a Lua guard before a route that is data", script: `
		route:get("/api/{version}/users/{id}", {
			when = function(req) return req:header("X-Tenant") == "acme" end,
		}, "origin")
		route:any("/*", route.respond(404))`},
	{name: "before", what: "Lua middleware before a route that is data", script: `
		route:use(function(req) if not req:header("X-Tenant") then return 404 end end)
		route:get("/api/{version}/users/{id}", "origin")`},
	{name: "around", what: "Lua middleware around a route that is data", script: `
		route:use(function(req, res, next) if not req:header("X-Tenant") then return 404 end next() end)
		route:get("/api/{version}/users/{id}", "origin")`},
	{name: "on_headers", what: "a Lua hook that sets a response header", script: `
		local function stamp(res) res.headers["X-Stamp"] = "acme" end
		route:get("/api/{version}/users/{id}", function(req, res)
			if not req:header("X-Tenant") then return 404 end
			res:on_headers(stamp)
			return "origin"
		end)`},
}

// of returns a variant of a list by its name, with another name if there is one.
func of(all []variant, name string, renamed ...string) variant {
	for _, v := range all {
		if v.name == name {
			for _, other := range renamed {
				v.name = other
			}
			return v
		}
	}
	panic("there is no variant " + name)
}

// order is a question for this variant.
func (v variant) order(address string) order {
	o := order{Address: address, Host: host, Path: path}
	if v.host != "" {
		o.Host = v.host
	}
	if v.path != "" {
		o.Path = v.path
	}
	return o
}

// routes are those of the variant in Caddy's configuration.
func (v variant) routes(proxy object) []object {
	if v.native != nil {
		return v.native(proxy)
	}
	return []object{{"handle": []object{v.handler(proxy)}}}
}

// handler is the configuration of the variant's Caddy handler, with a reverse_proxy as the pool.
func (v variant) handler(proxy object) object {
	if v.script == "" {
		return reverseProxy(proxy)
	}
	return object{
		"handler": "luaroute",
		"name":    v.name,
		"pools":   object{"origin": proxy},
		"sources": []object{{
			"source": "inline", "name": v.name + ".lua",
			"code": `local route = require("luaroute")` + v.script,
		}},
	}
}

func reverseProxy(proxy object) object { return merged(object{"handler": "reverse_proxy"}, proxy) }

// object is JSON that is being written.
type object map[string]any

func merged(into, from object) object {
	for k, v := range from {
		into[k] = v
	}
	return into
}

func (o object) json() (json.RawMessage, error) { return json.Marshal(o) }
