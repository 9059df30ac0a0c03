package main

import (
	"encoding/json"
	"fmt"
	"strconv"
)

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

// counting is the handler of variants, with a counter that all functions share, in the memory of the process.
var counting = variant{name: "kv", what: "a Lua handler that counts in `kv`, too", script: `
		local kv = require("kv")
		route:get("/api/{version}/users/{id}", function(req)
			if req.method == "GET" and req.path ~= "/" and req:header("X-Tenant") == "acme" and req.params.version == "v1" then
				kv.incr("requests")
				return "origin"
			end
			return 404
		end)`}

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

// many are variants with n routes or hosts, of which the last is asked for.

// manyRoutes are n routes in a script that are data.
func manyRoutes(n int) variant {
	return variant{
		name: fmt.Sprintf("routes-%d", n), what: fmt.Sprintf("luaroute with %s", count(n, "route")),
		path: fmt.Sprintf("/api/v%d/service%d/42", (n-1)%10, n-1),
		script: fmt.Sprintf(`
			for i = 0, %d do route:get("/api/v" .. i %% 10 .. "/service" .. i .. "/{id}", "origin") end`, n-1),
	}
}

// manyNativeRoutes are n routes of Caddy's own.
func manyNativeRoutes(n int) variant {
	v := manyRoutes(n)
	v.name, v.what, v.script = fmt.Sprintf("native-routes-%d", n), fmt.Sprintf("Caddy with %s", count(n, "route")), ""
	v.native = func(proxy object) []object {
		return each(n, proxy, func(i int) object {
			return object{"method": []string{"GET"}, "path": []string{fmt.Sprintf("/api/v%d/service%d/*", i%10, i)}}
		})
	}
	return v
}

// manyHosts are n hosts in a script, each a tenant with everything in one pool.
func manyHosts(n int) variant {
	return variant{
		name: fmt.Sprintf("hosts-%d", n), what: fmt.Sprintf("luaroute with %s", count(n, "host")),
		host: fmt.Sprintf("h%d.example", n-1),
		script: fmt.Sprintf(`
			for i = 0, %d do route:tenant("t" .. i, { hosts = { "h" .. i .. ".example" }, pool = "origin" }) end`, n-1),
	}
}

// manyNativeHosts are n hosts of Caddy's own.
func manyNativeHosts(n int) variant {
	v := manyHosts(n)
	v.name, v.what, v.script = fmt.Sprintf("native-hosts-%d", n), fmt.Sprintf("Caddy with %s", count(n, "host")), ""
	v.native = func(proxy object) []object {
		return each(n, proxy, func(i int) object { return object{"host": []string{fmt.Sprintf("h%d.example", i)}} })
	}
	return v
}

// each returns n routes that forward, each with a matcher of its own.
func each(n int, proxy object, matcher func(i int) object) []object {
	all := make([]object, n)
	for i := range all {
		all[i] = object{"match": []object{matcher(i)}, "handle": []object{reverseProxy(proxy)}, "terminal": true}
	}
	return all
}

// count is a number of things in words: 1 route, 10,000 routes.
func count(n int, thing string) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n != 1 {
		thing += "s"
	}
	return digits + " " + thing
}
