package main

import "maps"

// waysOutOfLibraries are those of libraries and policies, and of what is data for actions.
var waysOutOfLibraries = map[string]wayOut{
	// Libraries.
	"requests to other servers":     {script: `local http = require("http")`, needs: "libs safe http"},
	"requests by a wrapped require": {script: `local ok, err = pcall(require, "http") if not ok then error(err, 0) end`, needs: "libs safe http", says: "main.lua:2"},

	"keys of any server": {script: `require("jwt")`, needs: "libs safe jwt"},

	// Policies.
	"keys in a file above":             {script: `route.keys{ file = "../secret.txt" }`, says: "without ..", never: true},
	"keys in a file of the machine":    {script: `route.keys{ file = "/etc/hostname" }`, says: "main.lua:2", never: true},
	"keys in a file by a link":         {script: `route.keys{ file = "link.txt" }`, says: "a link out of", never: true},
	"keys in the Caddyfile beside it":  {script: `route.keys{ file = "Caddyfile" }`, says: "it is a Caddy configuration", never: true},
	"the environment in policy fields": {script: `route:use(route.headers{ response = { set = { X = "{env.HOME}" } } })`, says: "{env.HOME} is not for data", never: true},
	"hundreds of limits":               {script: `for i = 1, 101 do route:use(route.limit{ name = "l" .. i, rate = 1 }) end`, says: "limits"},
	"hundreds of splits":               {script: `route:pool("p", "192.0.2.1:80") for i = 1, 1001 do route:get("/" .. i, route.split{ name = "s" .. i, { "p", 1 }, { "p", 2 } }) end`, says: "split"},
	"a check at this machine":          {script: `route:pool("auth", "127.0.0.1:80") route:use(route.forward_auth{ pool = "auth", path = "/" })`, needs: "upstreams network 127.0.0.1"},

	// Placeholders in data.
	"the environment in a path of a pool":   {script: `route:pool("p", "192.0.2.1:80") route:get("/", route.proxy("p", { path = "/{env.HOME}" }))`, says: "{env.HOME} is not for data", never: true},
	"the environment in a query of a pool":  {script: `route:pool("p", "192.0.2.1:80") route:get("/", route.proxy("p", { query = { a = "{env.HOME}" } }))`, says: "{env.HOME} is not for data", never: true},
	"the environment in a field for a pool": {script: `route:pool("p", "192.0.2.1:80") route:get("/", route.proxy("p", { headers = { set = { X = "{env.HOME}" } } }))`, says: "{env.HOME} is not for data", never: true},
}

func init() { maps.Copy(waysOut, waysOutOfLibraries) }
