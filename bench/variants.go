package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// variant is one way to the origin. Each variant with Lua reads the header X-Tenant, and refuses the request where it is missing.
type variant struct {
	name string
	what string
	// script is a script of luaroute. Empty is Caddy's own reverse_proxy.
	script string
	// before are handlers before it.
	before []object
}

// plain is what the others are compared with, and always the first.
const plain = "plain"

var variants = []variant{
	{name: plain, what: "`reverse_proxy`"},
	{name: "again", what: "`reverse_proxy` once more: the error of the method"},
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
	{name: "contract", what: "the function of the old contract", script: contract},
	{name: "gateway", what: "the same as it was: an engine is asked by HTTP", before: []object{{"handler": "bench_gateway"}}},
}

func names(of []variant) []string {
	all := make([]string, len(of))
	for i, v := range of {
		all[i] = v.name
	}
	return all
}

// choose returns plain and the variants in a list of names, in their own order. An empty list is all of them.
func choose(list string) ([]variant, error) {
	if list == "" {
		return variants, nil
	}
	wanted := strings.Split(list, ",")
	for _, name := range wanted {
		if !slices.Contains(names(variants), name) {
			return nil, fmt.Errorf("no variant %q; there are %s", name, strings.Join(names(variants), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(variants), func(v variant) bool {
		return v.name != plain && !slices.Contains(wanted, v.name)
	}), nil
}

// handler is the configuration of the variant's Caddy handler, with a reverse_proxy as the pool.
func (v variant) handler(proxy object) object {
	if len(v.before) > 0 {
		forward := variant{}.handler(proxy)
		return object{"handler": "subroute", "routes": []object{{"handle": append(slices.Clone(v.before), forward)}}}
	}
	if v.script == "" {
		return merged(object{"handler": "reverse_proxy"}, proxy)
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

// object is JSON that is being written.
type object map[string]any

func merged(into, from object) object {
	for k, v := range from {
		into[k] = v
	}
	return into
}

func (o object) json() (json.RawMessage, error) { return json.Marshal(o) }
