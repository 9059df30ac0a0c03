package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/internal/attacks"
)

// hostile is a tenant that does its worst within what it is allowed, and what its clients do to help it.
type hostile struct {
	name string
	// script is the tenant's, behind the line that requires luaroute. allow are lines of its allow block, besides the addresses of
	// the origins.
	script, allow string
	// clients is how many ask at once, each for one of the paths after the other; none for a tenant that needs no requests, which
	// then comes and goes with the configuration.
	clients int
	paths   []string
	// body and header are what a request brings along, in bytes.
	body, header int
	// reloads are what the script becomes, one after the other, with a reload for each.
	reloads []string
	// keys is how many API keys are in the file keys.json beside the script.
	keys int
	// spin says that another program uses a processor.
	spin bool
}

// reference has nothing hostile in it: how far apart two equal things are measured, and what any program and any tenant with clients cost.
var reference = []hostile{
	{name: "nothing"},
	{name: "a loop in another program", spin: true},
	{name: "ordinary requests", clients: fourClients, script: `route:get("/", function(req) return 200, req:header("User-Agent") end)`},
	{name: "large answers", clients: fourClients, script: `route:pool("endless", "$endless") route:get("/", "endless")`},
}

// fourClients are more than there are processors, and what one client with some connections can do.
const fourClients = 4

// checked has as many health checks as a tenant may, as often as it may.
const checked = `for i = 1, 1000 do
	route:pool("p" .. i, { "%s", health_checks = { active = { uri = "/?" .. i, interval = "1s", timeout = "1s" } } })
end`

// hostiles are what was found to hurt, and what might: first what Caddy's own modules do, then what Lua does.
var hostiles = []hostile{
	{name: "nested loops of CEL", clients: fourClients, allow: "matchers safe expression", script: `
		local list = "[" .. ("1,"):rep(19) .. "1]"
		route:get("/", { when = route.matcher("expression", list .. ".all(a, " .. list .. ".all(b, " .. list .. ".all(c, " .. list .. ".all(d, a + b + c + d < 5))))") }, { body = "x" })`},
	{name: "1,000 health checks", script: fmt.Sprintf(checked, "$origin")},
	{name: "1,000 health checks, endless", script: fmt.Sprintf(checked, "$endless")},
	{name: "templates that loop", clients: fourClients, allow: "handlers safe templates", script: `
		local loop = "{{range $a := until 1000}}{{range $b := until 1000}}{{end}}{{end}}"
		route:with(route.handler("templates", { mime_types = { "text/plain" } })):get("/", { body = loop, headers = { ["Content-Type"] = "text/plain" } })`},
	{name: "large answers in buffers", clients: fourClients, script: `
		route:pool("endless", { "$endless", response_buffers = 1048576, request_buffers = 1048576 }) route:get("/", "endless")`},
	{
		name: "2,000 matchers of a query", clients: fourClients, script: `
		for i = 1, 2000 do route:get("/", { when = route.matcher("query", { ["a" .. i] = { "x" } }) }, { body = "x" }) end`,
		paths: []string{"/?" + strings.Repeat("a=b&", 1000)},
	},
	{
		name: "2,000 guards on a query", clients: fourClients, script: `
		for i = 1, 2000 do route:get("/", { when = { query = { ["a" .. i] = "x" } } }, { body = "x" }) end`,
		paths: []string{"/?" + strings.Repeat("a1=b&", 1000)},
	},
	{
		name: "2,000 guards behind one on a header", clients: fourClients, script: `
		for i = 1, 2000 do route:get("/", { when = { header = { ["User-Agent"] = true }, query = { ["a" .. i] = "x" } } }, { body = "x" }) end`,
		paths: []string{"/?" + strings.Repeat("a=b&", 1000)},
	},
	{
		name: "2,000 prefixes of a query", clients: fourClients, script: `
		for i = 1, 2000 do route:get("/", { when = { query = { a = { "b*", ("b"):rep(i) .. "*" } } } }, function() return route.decline end) end`,
		paths: []string{"/?" + strings.Repeat("a=bbbb&", 1000)},
	},
	{
		name: "patterns with expressions", clients: fourClients, script: `
		for i = 1, 100 do route:get("/{a:(a|b|ab)*c" .. i .. "}", { body = "x" }) end`,
		paths: []string{"/" + strings.Repeat("ab", 5000)},
	},
	{name: "patterns of Lua", clients: fourClients, script: `
		route:get("/", function() local s = ("a"):rep(2 ^ 20) while true do pcall(string.find, s, ("a-"):rep(30) .. "b") end end)`},
	{name: "replacements of Lua", clients: fourClients, script: `
		route:get("/", function() local s = ("a"):rep(2 ^ 20) while true do pcall(string.gsub, s, "(a*)(a*)(a*)b", "%1%2") end end)`},
	{name: "expressions of re that repeat", clients: fourClients, script: `
		local re = require("re")
		route:get("/", function() local s = ("x"):rep(2 ^ 20) while true do re.gsub(s, "(x{1,100}){1,9}$", "$1$1") end end)`},
	{name: "expressions that are compiled", clients: fourClients, script: `
		local re = require("re")
		route:get("/", function() local i = 0 while true do i = i + 1 re.match("x", "((a{1,30}){1,30}|b" .. i .. ")") end end)`},
	{name: "JSON that is deep", clients: fourClients, script: `
		local json = require("json")
		route:get("/", function() local s = ("["):rep(2 ^ 20) .. ("]"):rep(2 ^ 20) while true do pcall(json.decode, s) end end)`},
	{name: "a store that is filled", clients: fourClients, script: `
		local kv = require("kv")
		route:get("/", function() local s, i = ("x"):rep(65536), 0 while true do i = i + 1 kv.set("k" .. math.random() .. i, s) end end)`},
	{name: "limits with many keys", clients: fourClients, script: `
		route:use(route.limit{ name = "many", rate = 1, key = function() return tostring(math.random()) end })
		route:get("/", { status = 204 })`},
	{name: "tokens that are wrong", clients: fourClients, allow: "libs safe jwt", script: `
		local jwt = require("jwt")
		local idp = jwt.issuer{ issuer = false, algorithms = { "HS256" }, secret = ("k"):rep(64) }
		local token = jwt.sign({ sub = ("x"):rep(8000), exp = 4e9 }, { algorithm = "HS256", secret = ("j"):rep(64) })
		route:get("/", function(req) while true do idp:verify(token) end end)`},
	{name: "tokens with keys that nobody knows", clients: fourClients, allow: "libs safe jwt", script: `
		local jwt, base64 = require("jwt"), require("base64")
		local idp = jwt.issuer{ issuer = false, algorithms = { "RS256" }, jwks = "http://$origin/", cooldown = "1s" }
		local claims = base64.encode_url('{"sub":"a","exp":4000000000}') .. "." .. base64.encode_url(("s"):rep(256))
		route:get("/", function() while true do
			idp:verify(base64.encode_url('{"alg":"RS256","kid":"k' .. math.random() .. '"}') .. "." .. claims)
		end end)`},
	{name: "256 requests of http", clients: fourClients, allow: "libs safe http", script: `
		local http = require("http")
		route:get("/", function() for i = 1, 256 do http.get("http://$origin/" .. i, { timeout = 1 }) end return 204 end)`},
	{name: "answers of http that never end", clients: fourClients, allow: "libs safe http", script: `
		local http = require("http")
		route:get("/", function() while true do http.get("http://$endless/") end end)`},
	{name: "a check before each request", clients: fourClients, script: `
		route:pool("auth", "$endless")
		route:use(route.forward_auth{ pool = "auth", path = "/" })
		route:get("/", { body = "x" })`},
	{name: "200 expressions on a header of 4 MB", clients: fourClients, script: `
		route:use(function(req) req:set_header("X", ("ab"):rep(2 ^ 21)) end)
		for i = 1, 200 do route:get("/", { when = route.matcher("header_regexp", { X = { pattern = "(a|b)*c" .. i } }) }, { body = "x" }) end`},
	{name: "placeholders that multiply", clients: fourClients, header: 8000, script: `
		for i = 1, 30 do route:use(route.handler("vars", { x = "{http.vars.x}{http.vars.x}{http.request.header.X-Long}" })) end
		route:get("/", route.handler("static_response", { body = "{http.vars.x}" }))`},
	{name: "100,000 keys, reloaded", reloads: []string{`
		local all = {} for i = 1, 100000 do all[i] = { name = "c" .. i, key = ("k"):rep(16) .. i } end
		route:with(route.keys{ consumers = all }):get("/", { body = "x" })`}},
	{name: "100,000 keys in a file, reloaded", keys: 100_000, reloads: []string{`
		route:with(route.keys{ file = "keys.json" }):get("/", { body = "x" })`}},
	{name: "30,000 routes, reloaded", reloads: []string{`for i = 1, 30000 do route:get("/r" .. i .. "/{id}", { body = "x" }) end`}},

	{name: "loops everywhere", clients: fourClients, script: attacks.Site(`while true do pcall(function() while true do end end) end`), paths: places()},
	{name: "HMAC of 16 MiB", clients: fourClients, script: `
		local crypto = require("crypto")
		route:get("/", function() local s = ("x"):rep(2 ^ 24) while true do crypto.hmac("sha256", "key", s) end end)`},
	{name: "expressions of re", clients: fourClients, script: `
		local re = require("re")
		route:get("/", function() local s, i = ("ab"):rep(2 ^ 20), 0 while true do i = i + 1 re.match(s, "((a|b)*){0,9}c" .. i) end end)`},
	{name: "JSON of many brackets", clients: fourClients, script: `
		local json = require("json")
		route:get("/", function() local s = ("[{\"a\":["):rep(2 ^ 20) while true do json.decode(s) json.decode("[" .. ("0,"):rep(2 ^ 20) .. "0]") end end)`},
	{name: "a sort with a bad comparator", clients: fourClients, script: `
		route:get("/", function() local t = {} for i = 1, 1e5 do t[i] = i end while true do pcall(table.sort, t, function() return true end) end end)`},
	{name: "200 sleepers with full machines", clients: 200, script: `
		local time = require("time")
		route:get("/", function() local t = {} for i = 1, 14 do t[i] = ("x"):rep(2 ^ 22) .. i end time.sleep(20) return 200, t[1] end)`},
	{name: "bodies that are read", clients: fourClients, body: 1 << 20, script: `
		route:any("/", function(req) local t = {} while true do t[#t + 1] = req:body() .. #t end end)`},
	{name: "bodies that are JSON", clients: fourClients, body: 1 << 20, script: `route:any("/", function(req) while true do req:json() end end)`},
	{name: "headers of 64 KB", clients: fourClients, header: 64 << 10, script: `
		route:any("/", function(req) while true do for name, value in pairs(req.headers) do local x = value .. name end end end)`},
	{name: "answers that never end", clients: fourClients, script: `
		route:get("/", function(req, res) local piece = ("x"):rep(65536) while true do res:write(piece) end end)`},
	{name: "hooks on endless bodies", clients: fourClients, script: `
		route:pool("endless", "$endless")
		route:with(function(req, res) res:on_body(function(chunk) for i = 1, 20000 do end return chunk:upper() end) end):get("/", "endless")`},
	{name: "work after the answer", clients: fourClients, script: `
		route:get("/", function(req, res) for i = 1, 100 do res:on_done(function() while true do end end) end return 204 end)`},
	{name: "100 timers that loop", script: `for i = 1, 100 do route.every(0.1, function() while true do end end) end`},
	{name: "logs of 100 timers", script: `
		for i = 1, 100 do route.every(0.1, function() local s = ("x"):rep(4096) while true do print(s) end end) end`},
	{name: "logs of requests", clients: fourClients, script: `
		route:get("/", function() local s = ("x"):rep(4096) while true do print(s) end end)`},
	{name: "errors", clients: fourClients, script: `route:get("/", function() error(("x"):rep(2 ^ 20)) end)`},
}

// places are the paths of [attacks.Site].
func places() (all []string) {
	for i := range attacks.Places {
		all = append(all, fmt.Sprintf("/%d", i))
	}
	return all
}

// ofKind are the attacks that are tests of the sandbox: a tenant for each kind, or one for each attack. Those on declarations are reloads,
// all others handlers.
func ofKind(each bool) (all []hostile) {
	for _, a := range attacks.All() {
		name := a.Kind
		if each {
			name += ": " + a.Name
		}
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, hostile{name: name, script: "require('json') require('log')"})
		}
		h := &all[len(all)-1]
		if a.Kind == "declarations" {
			h.reloads = append(h.reloads, a.Body)
			continue
		}
		path := fmt.Sprintf("/%d", len(h.paths))
		h.clients, h.paths = fourClients, append(h.paths, path)
		h.script += fmt.Sprintf("\nroute:any(%q, function(req, res)\n%s\nend)", path, a.Body)
	}
	return all
}

// hostilesOf are all tenants whose names match, or the whole list.
func hostilesOf(names *regexp.Regexp, each bool) []hostile {
	all := slices.Concat(reference, hostiles, ofKind(each))
	return slices.DeleteFunc(all, func(h hostile) bool { return names != nil && !names.MatchString(h.name) })
}
