package declare_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// wrongSetup is what the wrong scripts run with.
var wrongSetup = luatest.Setup{
	Modules: map[string]string{
		"one": "return require('two')", "two": "return require('one')",
		"bad": "local x =\nend", "fails": "\nerror('no')",
	},
	Pools: map[string]string{"central": `{"upstreams":[{"dial":"10.0.0.2:80"}]}`},
	Env:   []string{"LISTED"},
}

// wrongHead stands before each script, whose own lines so begin with the third.
const wrongHead = "local route = require('luaroute')\nroute:pool('p', { '10.0.0.1:80' })\n"

func TestAWrongDeclarationRefusesTheLoadAndSaysWhereAndWhat(t *testing.T) {
	t.Parallel()
	for about, rows := range map[string][]struct{ name, script, want string }{
		"syntax": {
			{"a syntax error", `route:get("/x" "p")`, `main.lua:3: ')' expected near '"p"'`},
			{"a runtime error", "local t\nroute:get(t.x, \"p\")", "main.lua:4: attempt to index local 't' (a nil value)"},
			{"an error of the script", `error("no pools today")`, "main.lua:3: no pools today"},
			{"a script that is not Lua", "server { listen 80; }", "main.lua:3: '}' expected near '80'"},
			{"a missing module", `require("auth")`, `main.lua:3: module "auth" is not found; libraries are: json, log, luaroute`},
			{"modules that require one another", `require("one")`, "two.lua:1: modules require one another: one -> two -> one"},
			{"a module with a syntax error", `require("bad")`, "bad.lua:2: unexpected symbol near 'end'"},
			{"a module that fails", `require("fails")`, "fails.lua:2: no"},
			{"a module name that leads out", `require("../secrets")`, `main.lua:3: module name "../secrets": expected words with dots between them, such as auth.tokens`},
			{"a failing on_load", `route:on_load(function() error("no database") end)`, "main.lua:3: no database"},
			{"an on_load that an on_load adds", `route:on_load(function() route:on_load(function() error("second") end) end)`, "main.lua:3: second"},
			{"on_load of something else", `route:on_load("x")`, "main.lua:3: bad argument #1 to 'on_load' (fn: function expected, got string)"},
			{"an unknown method", `route:gett("/x", "p")`, `main.lua:3: a router has no method "gett"; it has allow, any, basic, certificate, concurrency, connect, cors, decline, delete, env, error, every, expect, export, forward_auth, get, group, handler, head, headers, host, keys, limit, matcher, max_body, method, method_not_allowed, mount, new, next, not_found, on_error, on_load, options, patch, pool, post, proxy, put, read, redirect, reload, respond, route, split, tenant, trace, use, when, with`},
			{"max_body of no size", `route:use(route.max_body("a lot"))`, `main.lua:3: bad argument #1 to 'max_body' (size: expected a number of bytes above 0, or a string such as "1MiB"; found "a lot")`},
			{"headers without changes", `route:use(route.headers{})`, `main.lua:3: route.headers: there are no changes; expected request, response or both, such as { response = { remove = "Server" } }`},
			{"headers of something else", `route:use(route.headers{ respones = {} })`, `main.lua:3: route.headers: unknown key "respones"; allowed are request, response; did you mean "response"?`},
			{"an unknown change of a header", `route:use(route.headers{ response = { delete = "Server" } })`, `main.lua:3: route.headers: response: unknown key "delete"; allowed are remove, set, add, replace`},
			{"a pattern that is none", `route:use(route.headers{ response = { replace = { Location = { pattern = "(", with = "" } } } })`, "main.lua:3: route.headers: response: replace: Location: error parsing regexp: missing closing ): `(`"},
			{"a pattern without a text", `route:use(route.headers{ response = { replace = { Location = { pattern = "x" } } } })`, "main.lua:3: route.headers: response: replace: Location: with is nil; expected a string"},
			{"a replacement that is a text", `route:use(route.headers{ response = { replace = { Location = "x" } } })`, "main.lua:3: route.headers: response: replace is a table; expected names, each with { pattern = \"…\", with = \"…\" }"},
			{"a parameter that the pattern has not", `route:with(route.headers{ response = { set = { ["X-Id"] = "{id}" } } }):get("/x", "p")`, `main.lua:3: headers: response: "{id}": {id} is not a parameter of the pattern; it has none. Placeholders of Caddy have their whole names, such as {http.request.host}, and a brace is written {{`},
			{"max_body of nothing", `route:use(route.max_body())`, `main.lua:3: bad argument #1 to 'max_body' (size: expected a number of bytes above 0, or a string such as "1MiB"; found nil)`},
			{"an assignment to a router", `route.prefix = "/x"`, "main.lua:3: a router has no field to assign; routes are declared with its methods"},
			{"a declaration inside of pcall", `assert(pcall(route.get, route, "/x", 5))`, "main.lua:3: a number is not a handler; expected a pool's name, an action such as route.proxy(…), a response table, or a function"},
			{"a declaration in a coroutine", "coroutine.wrap(function()\n  route:get(\"/x\", 5)\nend)()", "main.lua:4: a number is not a handler; expected a pool's name, an action such as route.proxy(…), a response table, or a function"},
			{"a captured coroutine", "local co = coroutine.create(function() end)\nroute:get(\"/x\", function() return coroutine.status(co) end)", `main.lua:4: this function captures a coroutine, which cannot be copied into the states that serve requests; make it inside the function (it is the variable "co")`},
		},
		"routes": {
			{"a pattern without a slash", `route:get("x", "p")`, `main.lua:3: pattern "x" must begin with a slash`},
			{"a pattern that is a number", `route:get(5, "p")`, `main.lua:3: pattern "5" must begin with a slash`},
			{"a pattern that is missing", "route:get()", "main.lua:3: bad argument #1 to 'get' (pattern: string expected, got no value)"},
			{"an open brace", `route:get("/{id", "p")`, `main.lua:3: pattern "/{id": { without }`},
			{"a closing brace alone", `route:get("/id}", "p")`, `main.lua:3: pattern "/id}": } without {`},
			{"a wildcard in the middle", `route:get("/a*/b", "p")`, `main.lua:3: pattern "/a*/b": * is allowed only at the end; use {name} for one segment`},
			{"a parameter without a name", `route:get("/{}", "p")`, `main.lua:3: pattern "/{}": {} has no valid name; write {name} or {name:regexp}`},
			{"a parameter twice", `route:get("/{a}/{a}", "p")`, `main.lua:3: pattern "/{a}/{a}": parameter a occurs twice`},
			{"two parameters without text between", `route:get("/{a}{b}", "p")`, `main.lua:3: pattern "/{a}{b}": text is needed between {a} and '{'`},
			{"a wrong regexp", `route:get("/{a:[}", "p")`, "main.lua:3: pattern \"/{a:[}\": {a}: error parsing regexp: missing closing ]: `[`"},
			{"an escape that never matches", `route:get("/%61", "p")`, `main.lua:3: pattern "/%61": "%61" never matches, as paths are decoded first; only %2F and %25 stay escaped`},
			{"a path that is not clean", `route:get("/a//b", "p")`, `main.lua:3: pattern "/a//b": no path matches //, /./ or /../, as paths are cleaned first`},
			{"a duplicate", "route:get(\"/x/{a}\", \"p\")\nroute:get(\"/x/{b}\", \"p\")", "main.lua:4: route GET /x/{b} can never be reached: /x/{a} at main.lua:3 takes it without a guard; give that one a guard, or this one a guard and a higher priority"},
			{"a duplicate of all methods", "route:any(\"/x\", \"p\")\nroute:post(\"/x\", \"p\")", "main.lua:4: route POST /x can never be reached: /x at main.lua:3 takes it without a guard; give that one a guard, or this one a guard and a higher priority"},
			{"a route below a scope of the same prefix", "route:route(\"/admin\", function(r) r:get(\"/\", \"p\") end)\nroute:get(\"/admin/x\", \"p\")", "main.lua:4: route /admin/x can never be reached: the scope at main.lua:3 owns /admin and everything below it; declare the route inside"},
			{"a prefix owned twice", "route:route(\"/a\", function(r) r:get(\"/\", \"p\") end)\nroute:route(\"/a\", function(r) r:get(\"/x\", \"p\") end)", "main.lua:4: the prefix /a/ is owned by another scope already, first at main.lua:3"},
			{"no handler", `route:get("/x")`, "main.lua:3: the route /x has no handler; expected a pool's name, an action, a response table or a function"},
			{"options and no handler", `route:get("/x", { name = "a" }, nil)`, "main.lua:3: a nil is not a handler; expected a pool's name, an action such as route.proxy(…), a response table, or a function"},
			{"a handler that is a number", `route:get("/x", 200)`, "main.lua:3: a number is not a handler; expected a pool's name, an action such as route.proxy(…), a response table, or a function"},
			{"a handler that is true", `route:get("/x", true)`, "main.lua:3: a boolean is not a handler; expected a pool's name, an action such as route.proxy(…), a response table, or a function"},
			{"a handler that is a matcher", `route:get("/x", route.matcher("path", { "/x" }))`, "main.lua:3: a userdata is not a handler; expected a pool's name, an action such as route.proxy(…), a response table, or a function"},
			{"a handler of Go", `route:get("/x", print)`, "main.lua:3: a library function cannot be used here; wrap it in function(req, res) … end"},
			{"a handler before the options", `route:get("/x", "p", { name = "a" })`, "main.lua:3: bad argument #2 to 'get' (options: table expected, got string)"},
			{"too many arguments", `route:get("/x", {}, "p", "q")`, "main.lua:3: the route /x has more arguments than a pattern, options and a handler"},
			{"an unknown pool", `route:get("/x", "users")`, `main.lua:3: no pool "users"; there are "central", "p"`},
			{"an empty pool name", `route:get("/x", "")`, "main.lua:3: proxy: the name of the pool is missing"},
			{"an empty response table", `route:get("/x", {})`, "main.lua:3: a response table is empty; expected { status =, body =, headers = }"},
			{"a response table with another key", `route:get("/x", { code = 200 })`, `main.lua:3: a response has the key "code"; allowed are status, body, headers`},
			{"a response with a wrong status", `route:get("/x", { status = 99 })`, "main.lua:3: status 99: expected a whole number from 200 to 999"},
			{"a response with a status of text", `route:get("/x", { status = "ok" })`, "main.lua:3: status ok: expected a whole number from 200 to 999"},
			{"a response with half a status", `route:get("/x", { status = 200.5 })`, "main.lua:3: status 200.5: expected a whole number from 200 to 999"},
			{"a response with a wrong header", `route:get("/x", { headers = { ["X-A"] = "a\r\nb" } })`, `main.lua:3: header X-A: the value "a\r\nb" has a control character; only tabs are allowed`},
			{"a response with a wrong body", `route:get("/x", { body = print })`, "main.lua:3: a function cannot be a body; allowed are a string, a number, and a table, which becomes JSON"},
			{"a response with a body of 204", `route:get("/x", { status = 204, body = "x" })`, "main.lua:3: respond: status 204 has no body"},
			{"a wrong method", `route:method("GE T", "/x", "p")`, `main.lua:3: bad argument #1 to 'method' (name: "GE T" is not a method; a method is a token such as GET)`},
			{"an empty list of methods", `route:method({}, "/x", "p")`, `main.lua:3: bad argument #1 to 'method' (name: expected a method such as "PURGE", or a list of them)`},
			{"a method that is a number", `route:method({ "GET", 5 }, "/x", "p")`, `main.lua:3: bad argument #1 to 'method' (name: expected a method such as "PURGE", or a list of them)`},
			{"no method", "route:method()", "main.lua:3: bad argument #1 to 'method' (name: value expected)"},
		},
		"options": {
			{"an unknown option", `route:get("/x", { nam = "a" }, "p")`, `main.lua:3: the options of a route: unknown key "nam"; allowed are name, when, priority, on_error, meta; did you mean "name"?`},
			{"options by place", `route:get("/x", { "a" }, "p")`, `main.lua:3: the options of a route: unknown key "1"; allowed are name, when, priority, on_error, meta`},
			{"a name that is a number", `route:get("/x", { name = 5 }, "p")`, "main.lua:3: the options of a route: name is 5; expected a string"},
			{"a priority of text", `route:get("/x", { priority = "high" }, "p")`, `main.lua:3: the options of a route: priority is "high"; expected a whole number`},
			{"a priority that is not whole", `route:get("/x", { priority = 1.5 }, "p")`, "main.lua:3: the options of a route: priority is 1.5; expected a whole number"},
			{"meta that is a list", `route:get("/x", { meta = { "a" } }, "p")`, "main.lua:3: meta: expected a table of names and values"},
			{"meta with a function", `route:get("/x", { meta = { f = print } }, "p")`, "main.lua:3: the options of a route: meta: json: a function has no JSON form"},
			{"a wrong on_error", `route:get("/x", { on_error = "ignore" }, "p")`, `main.lua:3: on_error is "ignore"; expected "closed", "open", "decline", or { pool = "name" }`},
			{"on_error with a wrong key", `route:get("/x", { on_error = { pol = "p" } }, "p")`, `main.lua:3: on_error: unknown key "pol"; allowed are pool; did you mean "pool"?`},
			{"on_error without a pool", `route:get("/x", { on_error = {} }, "p")`, `main.lua:3: on_error is a table; expected "closed", "open", "decline", or { pool = "name" }`},
			{"on_error with a pool that is a number", `route:get("/x", { on_error = { pool = 5 } }, "p")`, "main.lua:3: on_error: pool is 5; expected a string"},
			{"on_error with an unknown pool", `route:get("/x", { on_error = { pool = "spare" } }, "p")`, `main.lua:3: on_error: no pool "spare"; there are "central", "p"`},
			{"on_error that is true", `route:get("/x", { on_error = true }, "p")`, `main.lua:3: on_error is true; expected "closed", "open", "decline", or { pool = "name" }`},
		},
		"strings with names": {
			{"an unknown parameter", `route:get("/users/{id}", route.proxy("p", { path = "/v2/{idd}" }))`, `main.lua:3: proxy: path: "/v2/{idd}": {idd} is not a parameter of the pattern; it has {id}. Placeholders of Caddy have their whole names, such as {http.request.host}, and a brace is written {{`},
			{"a parameter of a scope, and none", "route:route(\"/t/{a}\", function(r)\n  r:get(\"/{b}\", route.redirect(\"/{a}/{b}\"))\n  r:get(\"/c\", route.redirect(\"/{b}\"))\nend)", `main.lua:5: redirect: "/{b}": {b} is not a parameter of the pattern; it has {a}. Placeholders of Caddy have their whole names, such as {http.request.host}, and a brace is written {{`},
			{"a short placeholder", `route:get("/x", route.proxy("p", { headers = { set = { ["X-Host"] = "{host}" } } }))`, `main.lua:3: proxy: headers: "{host}": {host} is not a parameter of the pattern; it has none. Placeholders of Caddy have their whole names, such as {http.request.host}, and a brace is written {{`},
			{"an answer with an unknown parameter", `route:get("/x", { status = 200, headers = { ["X-A"] = "{id}" } })`, `main.lua:3: respond: headers: "{id}": {id} is not a parameter of the pattern; it has none. Placeholders of Caddy have their whole names, such as {http.request.host}, and a brace is written {{`},
			{"the environment", `route:get("/x", route.respond(200, "", { ["X-A"] = "{env.HOME}" }))`, `main.lua:3: respond: header X-A: "{env.HOME}": {env.HOME} is not for data; use route.env or route.read while the script loads`},
			{"an open brace in a string", `route:get("/x", route.redirect("/{x"))`, `main.lua:3: redirect: "/{x" has a { without a }; a brace is written {{`},
			{"a parameter of a not_found", `route:not_found(route.redirect("/{x}"))`, `main.lua:3: redirect: "/{x}": {x} is not a parameter of the pattern; it has none. Placeholders of Caddy have their whole names, such as {http.request.host}, and a brace is written {{`},
			{"a location that begins with a parameter", `route:get("/{x}", route.redirect("{x}"))`, `main.lua:3: redirect: "{x}": {x} at the beginning would let clients choose where it leads; begin with a slash or a host`},
			{"a length with a parameter", `route:get("/{x}", route.respond(200, "", { ["Content-Length"] = "{x}" }))`, `main.lua:3: header Content-Length: found "{x}"; expected one whole number`},
			{"a path with dots", `route:get("/{x}", route.proxy("p", { path = "/a/../{x}" }))`, `main.lua:3: proxy: path "/a/../{x}": expected one without dot segments`},
		},
		"guards": {
			{"a guard that is a text", `route:get("/x", { when = "beta" }, "p")`, `main.lua:3: a string is not a guard; expected a function, route.matcher(…), data such as { header = { ["X-A"] = "b" } }, or a list of these`},
			{"an empty guard", `route:get("/x", { when = {} }, "p")`, `main.lua:3: a guard without conditions; expected a function, route.matcher(…), data such as { header = { ["X-A"] = "b" } }, or a list of these`},
			{"a guard with an unknown key", `route:get("/x", { when = { headers = { a = "b" } } }, "p")`, `main.lua:3: a guard: unknown key "headers"; allowed are header, query, cookie, method, host, ip, scheme, percent, by, during, not, any, all; did you mean "header"?`},
			{"a guard with a wrong network", `route:get("/x", { when = { ip = "10.0.0/8" } }, "p")`, `main.lua:3: a guard: "10.0.0/8" is not a network; expected one such as 10.0.0.0/8, or an address`},
			{"a guard with a wrong share", `route:get("/x", { when = { percent = 101 } }, "p")`, `main.lua:3: a guard: percent is 101; expected 0 to 100`},
			{"a guard with a share of what is one", `route:get("/x", { when = { percent = 5, by = "all" } }, "p")`, `main.lua:3: a guard: by is "all", which tells no requests apart`},
			{"a guard with by alone", `route:get("/x", { when = { by = "client_ip" } }, "p")`, `main.lua:3: a guard: by belongs to percent, which is missing`},
			{"a guard with a wrong scheme", `route:get("/x", { when = { scheme = "ftp" } }, "p")`, `main.lua:3: a guard: scheme is "ftp"; expected "http" or "https"`},
			{"a guard with a time without a zone", `route:get("/x", { when = { during = { from = "2026-12-24T00:00" } } }, "p")`, `main.lua:3: a guard: during: "2026-12-24T00:00" is not a time with its zone; expected one such as 2026-12-24T00:00Z or 2026-12-24T08:30:00+01:00`},
			{"a guard with a time that ends first", `route:get("/x", { when = { during = { from = "2026-12-24T00:00Z", to = "2026-12-23T00:00Z" } } }, "p")`, `main.lua:3: a guard: during: from is not before to`},
			{"a guard with no time", `route:get("/x", { when = { during = {} } }, "p")`, `main.lua:3: a guard: during: expected from, to, or both`},
			{"a guard with a wrong part inside", `route:get("/x", { when = { ["not"] = { any = { { method = "get" } } } } }, "p")`, `main.lua:3: a guard: not: any: method "get": methods are case-sensitive, write GET`},
			{"a guard that contains itself", "local g = {}\ng[\"not\"] = g\nroute:get(\"/x\", { when = g }, \"p\")", `main.lua:5: a guard: not: not: not: not: not: not: not: not: not: not: guards are nested more than 10 deep, or one contains itself`},
			{"a guard with an empty list", `route:get("/x", { when = { any = {} } }, "p")`, `main.lua:3: a guard: any is a table; expected a list of tables`},
			{"a guard whose header is a text", `route:get("/x", { when = { header = "X-A" } }, "p")`, `main.lua:3: a guard: header is "X-A"; expected a table`},
			{"a guard with a wrong header name", `route:get("/x", { when = { header = { ["X A"] = "b" } } }, "p")`, `main.lua:3: a guard: header: "X A" is not a header name; a name is a token such as X-Request-Id`},
			{"a guard with a number for a value", `route:get("/x", { when = { query = { page = 5 } } }, "p")`, "main.lua:3: a guard: query: page: expected a string, a list of strings, or true for any value"},
			{"a guard with an empty list of values", `route:get("/x", { when = { cookie = { sid = {} } } }, "p")`, "main.lua:3: a guard: cookie: sid: expected a string, a list of strings, or true for any value"},
			{"a guard with names by place", `route:get("/x", { when = { header = { "X-A" } } }, "p")`, "main.lua:3: a guard: header: the key 1 is not a name"},
			{"a list of guards with a wrong one", `route:get("/x", { when = { function() end, 5 } }, "p")`, `main.lua:3: a number is not a guard; expected a function, route.matcher(…), data such as { header = { ["X-A"] = "b" } }, or a list of these`},
			{"a list of guards in itself", "local g = {}\ng[1] = g\nroute:get(\"/x\", { when = g }, \"p\")", "main.lua:5: lists of guards are nested more than 10 deep, or one contains itself"},
			{"an unknown matcher", `route.matcher("ip", {})`, "main.lua:3: ip: unknown module: http.matchers.ip"},
			{"a matcher with a wrong configuration", `route.matcher("remote_ip", { ranges = { "10.0.0.0/99" } })`, `main.lua:3: remote_ip: provision http.matchers.remote_ip: parsing CIDR expression '10.0.0.0/99': netip.ParsePrefix("10.0.0.0/99"): prefix length out of range`},
			{"a matcher with an unknown key", `route.matcher("remote_ip", { range = {} })`, `main.lua:3: remote_ip: decoding module config: http.matchers.remote_ip: json: unknown field "range"`},
			{"a matcher without a name", "route.matcher()", "main.lua:3: bad argument #1 to 'matcher' (module: string expected, got no value)"},
			{"a layer without a guard", "route:when(nil, function() end)", `main.lua:3: a nil is not a guard; expected a function, route.matcher(…), data such as { header = { ["X-A"] = "b" } }, or a list of these`},
			{"a layer with unknown options", `route:when(function() end, { name = "x" }, function() end)`, `main.lua:3: the options of a layer: unknown key "name"; allowed are priority`},
			{"a layer without a function", "route:when(function() end)", "main.lua:3: bad argument #2 to 'when' (fn: function expected, got no value)"},
		},
		"middleware": {
			{"none", "route:use()", "main.lua:3: expected middleware: functions, or route.handler(…)"},
			{"after a route", "route:get(\"/x\", 204 and { status = 204 })\nroute:use(function() end)", "main.lua:4: middleware must come before the routes of its scope, the first of which is at main.lua:3; for some routes only, use with or group"},
			{"of any number of arguments", "route:use(function(...) end)", "main.lua:3: middleware at main.lua:3 takes any number of arguments; write function(req, res) to run before, or function(req, res, next) to wrap"},
			{"with four parameters", "route:use(function(a, b, c, d) end)", "main.lua:3: middleware at main.lua:3 has 4 parameters; expected (req, res) or (req, res, next)"},
			{"that is a pool", `route:use("auth")`, "main.lua:3: a string is not middleware; expected a function or route.handler(…)"},
			{"that is a list", "route:use({ function() end })", "main.lua:3: a table is not middleware; expected a function or route.handler(…)"},
			{"that is an action", "route:use(route.respond(403))", "main.lua:3: this action is not middleware; expected a function or route.handler(…)"},
			{"that is a library function", "route:use(print)", "main.lua:3: a library function cannot be used here; wrap it in function(req, res) … end"},
			{"of with", `route:with("auth")`, "main.lua:3: a string is not middleware; expected a function or route.handler(…)"},
		},
		"scopes": {
			{"a scope without a function", `route:route("/x")`, "main.lua:3: bad argument #2 to 'route' (fn: function expected, got no value)"},
			{"a scope with a wildcard", `route:route("/x/*", function() end)`, "main.lua:3: a scope's pattern must not have a *; it owns everything below it anyway"},
			{"a scope without a slash", `route:route("x", function() end)`, `main.lua:3: pattern "x" must begin with a slash`},
			{"a group that is a text", `route:group("x")`, "main.lua:3: bad argument #1 to 'group' (fn: function expected, got string)"},
			{"an error inside of a scope", "route:route(\"/x\", function(r)\n  r:get(\"y\", \"p\")\n  error(\"stop\")\nend)", "main.lua:5: stop"},
			{"a host with a port", `route:host("a.example:80", function() end)`, `main.lua:3: host "a.example:80" must not have a port`},
			{"a host with a scheme", `route:host("https://a.example:80/x", function() end)`, `main.lua:3: host "https://a.example:80/x" has a scheme; a host is the name alone, a.example`},
			{"a host with a path", `route:host("a.example/x", function() end)`, `main.lua:3: host "a.example/x" has a path; a host is the name alone, a.example`},
			{"a host with an empty label", `route:host("a..example", function() end)`, `main.lua:3: host "a..example" has an empty label between its dots`},
			{"an IPv6 host with a port", `route:host("[::1]:80", function() end)`, `main.lua:3: host "[::1]:80" must not have a port`},
			{"a cookie guard on no name of a cookie", `route:get("/", { when = { cookie = { ["a b"] = true } } }, "p")`, `main.lua:3: a guard: cookie: "a b" is not a cookie name; a name is a token such as sid`},
			{"a prefix that is never there", `route:get("/shop/*", route.proxy("p", { strip_prefix = "/acme" }))`, `main.lua:3: strip_prefix "/acme" can never be stripped: no path of /shop/* begins with it`},
			{"a prefix that ends in a segment", `route:get("/acmefoo", route.proxy("p", { strip_prefix = "/acme" }))`, `main.lua:3: strip_prefix "/acme" can never be stripped: no path of /acmefoo begins with it`},
			{"a host that is none", `route:host("a b", function() end)`, `main.lua:3: host "a b" has a space; several hosts are a list`},
			{"an empty list of hosts", "route:host({}, function() end)", "main.lua:3: bad argument #1 to 'host' (host: expected a host, or a list of them)"},
			{"hosts that are numbers", "route:host({ 5 }, function() end)", "main.lua:3: bad argument #1 to 'host' (host: expected a host, or a list of them)"},
			{"a mount of a text", `route:mount("/x", "api")`, "main.lua:3: bad argument #2 to 'mount' (router: userdata expected, got string)"},
			{"a mount of the root", `route:mount("/x", route)`, "main.lua:3: bad argument #2 to 'mount' (router: expected a router made by route.new())"},
			{"a mount of itself", "local api = route.new()\napi:mount(\"/x\", api)\nroute:mount(\"/api\", api)", "main.lua:4: the router is mounted inside itself"},
			{"a mount of itself by another", "local a, b = route.new(), route.new()\na:mount(\"/b\", b)\nb:mount(\"/a\", a)\nroute:mount(\"/x\", a)", "main.lua:4: the router is mounted inside itself"},
			{"mounts that multiply", "local r = route.new()\nfor i = 1, 40 do\n  local outer = route.new()\n  outer:mount(\"/a\", r)\n  outer:mount(\"/b\", r)\n  r = outer\nend\nroute:mount(\"/\", r)", "main.lua:6: with the mounts in it the router has 1048574 routes and scopes; at most 1000000 are allowed"},
			{"mounts too deep", "local r = route.new()\nfor i = 1, 200 do\n  local outer = route.new()\n  outer:mount(\"/a\", r)\n  r = outer\nend\nroute:mount(\"/\", r)", "main.lua:6: scopes are nested more than 100 deep"},
			{"scopes too deep", "local r = route\nfor i = 1, 200 do\n  r = r:with(function() end)\nend", "main.lua:5: scopes are nested more than 100 deep"},
			{"new with an argument", `route.new("/x")`, "main.lua:3: route.new takes no arguments"},
			{"not_found twice", "route:not_found({ status = 404 })\nroute:not_found({ status = 404 })", "main.lua:4: not_found is declared twice in this scope, first at main.lua:3"},
			{"not_found without a handler", "route:not_found()", "main.lua:3: bad argument #1 to 'not_found' (handler: value expected)"},
			{"on_error with an unknown pool", `route:on_error("spare")`, `main.lua:3: no pool "spare"; there are "central", "p"`},
			{"method_not_allowed that is a number", "route:method_not_allowed(405)", "main.lua:3: a number is not a handler; expected a pool's name, an action such as route.proxy(…), a response table, or a function"},
		},
		"pools": {
			{"a pool without anything", `route:pool("p")`, `main.lua:3: pool "p": it is nil; expected an address, or a table of addresses and options`},
			{"a pool that is a number", `route:pool("q", 5)`, `main.lua:3: pool "q": it is 5; expected an address, or a table of addresses and options`},
			{"an upstream that is a number", `route:pool("q", { 8080 })`, `main.lua:3: pool "q": upstream 1 is 8080; expected an address such as 10.0.0.1:8080`},
			{"an empty upstream", `route:pool("q", { "" })`, `main.lua:3: pool "q": upstream 1 is ""; expected an address such as 10.0.0.1:8080`},
			{"an unknown field", `route:pool("q", { "10.0.0.1:80", lb_polcy = "random" })`, `main.lua:3: pool "q": reverse_proxy: json: unknown field "lb_polcy"`},
			{"an unknown policy", `route:pool("q", { "10.0.0.1:80", lb_policy = "best" })`, `main.lua:3: pool "q": unknown lb_policy "best"; allowed are client_ip_hash, cookie, first, header, ip_hash, least_conn, luaroute_latency, query, random, random_choose, round_robin, uri_hash, weighted_round_robin`},
			{"a policy with a mistake", `route:pool("q", { "10.0.0.1:80", lb_policy = "leastconn" })`, `main.lua:3: pool "q": unknown lb_policy "leastconn"; allowed are client_ip_hash, cookie, first, header, ip_hash, least_conn, luaroute_latency, query, random, random_choose, round_robin, uri_hash, weighted_round_robin; did you mean "least_conn"?`},
			{"an unknown policy in JSON", `route:pool("q", { "10.0.0.1:80", load_balancing = { selection_policy = { policy = "best" } } })`, `main.lua:3: pool "q": unknown lb_policy "best"; allowed are client_ip_hash, cookie, first, header, ip_hash, least_conn, luaroute_latency, query, random, random_choose, round_robin, uri_hash, weighted_round_robin`},
			{"an unknown fallback", `route:pool("q", { "10.0.0.1:80", load_balancing = { selection_policy = { policy = "cookie", fallback = { policy = "best" } } } })`, `main.lua:3: pool "q": unknown lb_policy "best"; allowed are client_ip_hash, cookie, first, header, ip_hash, least_conn, luaroute_latency, query, random, random_choose, round_robin, uri_hash, weighted_round_robin`},
			{"a policy that is a number", `route:pool("q", { "10.0.0.1:80", lb_policy = 5 })`, `main.lua:3: pool "q": lb_policy is 5; expected a string`},
			{"an interval that is true", `route:pool("q", { "10.0.0.1:80", health_interval = true })`, `main.lua:3: pool "q": health_interval is true; expected a number of seconds, or a string such as 10s`},
			{"an interval that is no time", `route:pool("q", { "10.0.0.1:80", health_interval = "soon" })`, `main.lua:3: pool "q": bad interval value soon: time: invalid duration "soon"`},
			{"a field that is a function", `route:pool("q", { "10.0.0.1:80", transport = function() end })`, `main.lua:3: pool "q": transport is a function; a pool takes data`},
			{"a key that is true", `route:pool("q", { "10.0.0.1:80", [true] = 1 })`, `main.lua:3: pool "q": the key true is not a name`},
			{"a field with a wrong type", `route:pool("q", { "10.0.0.1:80", flush_interval = {} })`, `main.lua:3: pool "q": reverse_proxy: json: cannot unmarshal object into Go struct field Handler.flush_interval of type time.Duration`},
			{"a pool twice", `route:pool("p", { "10.0.0.1:80" })`, `main.lua:3: pool "p" is declared twice, first at main.lua:2`},
			{"a pool twice in a tenant", "route:tenant(\"acme\", {}, function(r)\n  r:pool(\"p\", { \"10.0.0.2:80\" })\n  r:pool(\"p\", { \"10.0.0.3:80\" })\nend)", `main.lua:5: pool "p" is declared twice, first at main.lua:4`},
			{"a pool that fails while the table is built, and routes that name it", "route:pool(\"q\", { \"10.0.0.1:80\", lb_polcy = \"random\" })\nroute:get(\"/x\", \"q\")\nroute:get(\"/y\", { on_error = { pool = \"q\" } }, route.proxy(\"q\", { path = \"/z\" }))", `main.lua:3: pool "q": reverse_proxy: json: unknown field "lb_polcy"`},
			{"a pool whose error is caught, and routes that name it", "pcall(function() route:pool(\"q\", { 5 }) end)\nroute:get(\"/x\", \"q\")\nroute:get(\"/y\", \"q\")", `main.lua:3: pool "q": upstream 1 is 5; expected an address such as 10.0.0.1:8080`},
			{"a caught error of a pool that would hide another", "route:tenant(\"acme\", {}, function(r)\n  pcall(function() r:pool(\"p\", { \"\" }) end)\n  r:get(\"/x\", \"p\")\nend)", `main.lua:4: pool "p": upstream 1 is ""; expected an address such as 10.0.0.1:8080`},
			{"a pool without a name", `route:pool("", { "10.0.0.1:80" })`, "main.lua:3: the pool's name is missing"},
			{"a pool of another tenant", "route:tenant(\"a\", { path_prefix = \"/a\" }, function(r) r:pool(\"own\", { \"10.0.0.2:80\" }) end)\nroute:tenant(\"b\", { path_prefix = \"/b\" }, function(r)\n  r:get(\"/\", \"own\")\nend)", `main.lua:5: no pool "own"; there are "central", "p"`},
		},
		"actions": {
			{"a proxy without a pool", "route.proxy()", "main.lua:3: bad argument #1 to 'proxy' (pool: string expected, got no value)"},
			{"a proxy to no name", `route.proxy("")`, "main.lua:3: proxy: the name of the pool is missing"},
			{"a proxy with an unknown option", `route.proxy("p", { strip = "/x" })`, `main.lua:3: route.proxy: unknown key "strip"; allowed are strip_prefix, path, method, query, headers, response_headers, upstream, on_error`},
			{"a proxy with path and strip_prefix", `route.proxy("p", { path = "/x", strip_prefix = "/y" })`, "main.lua:3: proxy: path and strip_prefix exclude each other"},
			{"a proxy with a relative path", `route.proxy("p", { path = "x" })`, `main.lua:3: proxy: path "x": expected a leading slash`},
			{"a proxy with a wrong method", `route.proxy("p", { method = "get" })`, `main.lua:3: proxy: method "get": methods are case-sensitive, write GET`},
			{"a proxy with a blank in the query", `route.proxy("p", { query = "a b" })`, `main.lua:3: proxy: query "a b": expected an encoded query, without blanks, #, control characters, broken escapes and non-ASCII characters`},
			{"a proxy with a query of functions", `route.proxy("p", { query = { a = print } })`, `main.lua:3: route.proxy: query "a": a function cannot be a value`},
			{"a proxy with a query by place", `route.proxy("p", { query = { "a=b" } })`, "main.lua:3: route.proxy: query: the key 1 is not a name"},
			{"a proxy with a query that is true", `route.proxy("p", { query = true })`, "main.lua:3: route.proxy: query is true; expected a string, or a table of names and values"},
			{"a proxy with headers that are a text", `route.proxy("p", { headers = "X-A: b" })`, `main.lua:3: route.proxy: headers is "X-A: b"; expected a table`},
			{"a proxy with unknown changes of headers", `route.proxy("p", { headers = { replace = {} } })`, `main.lua:3: route.proxy: headers: unknown key "replace"; allowed are set, add, remove`},
			{"a proxy with a line break in a header", `route.proxy("p", { headers = { set = { ["X-A"] = "a\nb" } } })`, `main.lua:3: route.proxy: headers: header X-A: the value "a\nb" has a control character; only tabs are allowed`},
			{"a proxy with a wrong header to remove", `route.proxy("p", { response_headers = { remove = { "X A" } } })`, `main.lua:3: proxy: "X A" is not a header name; a name is a token such as X-Request-Id`},
			{"a proxy with a number to remove", `route.proxy("p", { headers = { remove = 5 } })`, "main.lua:3: route.proxy: headers: remove: 5; expected a string, or a list of them"},
			{"a proxy to an unknown pool", `route:get("/x", route.proxy("users", { path = "/y" }))`, `main.lua:3: no pool "users"; there are "central", "p"`},
			{"a proxy to an upstream without an address", `route:get("/x", route.proxy("p", { upstream = "" }))`, `main.lua:3: route.proxy: upstream is ""; expected the address of an upstream of the pool`},
			{"a proxy to an unknown upstream", `route:get("/x", route.proxy("p", { upstream = "10.0.0.9:80" }))`, `main.lua:3: pool "p" has no upstream "10.0.0.9:80"; there are "10.0.0.1:80"`},
			{"a proxy with an unknown pool in on_error", `route:get("/x", route.proxy("p", { on_error = { pool = "spare" } }))`, `main.lua:3: on_error: no pool "spare"; there are "central", "p"`},
			{"a response without a status", "route.respond()", "main.lua:3: bad argument #1 to 'respond' (status: value expected)"},
			{"a response with status 100", "route.respond(100)", "main.lua:3: status 100: expected a whole number from 200 to 999"},
			{"a response with headers of text", `route.respond(200, "", "X-A: b")`, "main.lua:3: headers are a string; expected a table of names and values"},
			{"a response with headers by place", `route.respond(200, "", { "X-A" })`, "main.lua:3: headers have the key 1; expected names"},
			{"a response with a header that is a function", `route.respond(200, "", { ["X-A"] = print })`, `main.lua:3: header "X-A": a function cannot be a value; allowed are a string, and a list of them`},
			{"a response with a body in itself", "local t = {}\nt.t = t\nroute.respond(200, t)", "main.lua:5: json: more than 200 nested tables, or a table that contains itself"},
			{"a redirect to nowhere", `route.redirect("")`, "main.lua:3: redirect: the location is missing"},
			{"a redirect with status 200", `route.redirect("/x", 200)`, "main.lua:3: redirect: status 200: expected 300 to 399, but not 304"},
			{"a redirect with a line break", `route.redirect("/x\r\nSet-Cookie: a=b")`, `main.lua:3: redirect: header Location: the value "/x\r\nSet-Cookie: a=b" has a control character; only tabs are allowed`},
			{"an error with status 200", "route.error(200)", "main.lua:3: error: status 200: expected 400 to 999"},
			{"an error without a status", "route.error()", "main.lua:3: bad argument #1 to 'error' (status: number expected, got no value)"},
			{"an unknown handler", `route.handler("hello")`, "main.lua:3: hello: unknown module: http.handlers.hello"},
			{"a handler with a wrong configuration", `route.handler("static_response", { status = 200 })`, `main.lua:3: static_response: decoding module config: http.handlers.static_response: json: unknown field "status"`},
			{"a handler with a function in it", `route.handler("static_response", { body = print })`, "main.lua:3: static_response: the configuration: json: a function has no JSON form"},
			{"the variable of an environment", `route.env("HOME_OF_OURS")`, `main.lua:3: env "HOME_OF_OURS": the configuration allows LISTED`},
			{"a file that is not there", `route.read("users.csv")`, `main.lua:3: file "users.csv" is not beside the script`},
			{"a file above", `route.read("../users.csv")`, `main.lua:3: file "../users.csv": expected a name beside the script, without .. and not beginning with /`},
		},
		"certificates": {
			{"no function", "route.certificate(true)", "main.lua:3: bad argument #1 to 'certificate' (fn: function expected, got boolean)"},
			{"a function of a library", "route.certificate(print)", "main.lua:3: a library function cannot be used here; wrap it in function(req, res) … end"},
			{"two functions", "route.certificate(function() end)\nroute.certificate(function() end)", "main.lua:4: route.certificate is called twice, first at main.lua:3; one function decides"},
			{"in a scope", "route:group(function(r) r.certificate(function() end) end)", "main.lua:3: route.certificate belongs at the root of the default tenant's script: it decides about the hosts of all tenants"},
			{"in a tenant", `route:tenant("t", { hosts = { "a.example" } }, function(r) r.certificate(function() end) end)`, "main.lua:3: route.certificate belongs at the root of the default tenant's script: it decides about the hosts of all tenants"},
		},
		"tenants": {
			{"a tenant without a name", `route:tenant("", {}, function() end)`, "main.lua:3: the tenant's name is missing; what is declared outside all tenants is the default tenant"},
			{"a tenant without options", `route:tenant("a", function() end)`, "main.lua:3: bad argument #2 to 'tenant' (spec: table expected, got function)"},
			{"a tenant with an unknown option", `route:tenant("a", { host = "a.example" }, function() end)`, `main.lua:3: tenant a: unknown key "host"; allowed are hosts, path_prefix, strip_prefix, fallthrough, priority, pool, script, limits, allow, on_error; did you mean "hosts"?`},
			{"a tenant without anything to do", `route:tenant("a", { hosts = { "a.example" } })`, `main.lua:3: tenant "a" has no routes; expected a function, a script, or a pool for everything`},
			{"a tenant with an empty list of scripts", `route:tenant("a", { script = {} })`, `main.lua:3: tenant "a" has no routes; expected a function, a script, or a pool for everything`},
			{"a tenant with a script and a function", `route:tenant("a", { script = "a.lua" }, function() end)`, `main.lua:3: tenant "a" has both a script and a function; a script of its own isolates it, a function shares this script's state`},
			{"a tenant with limits and a function", `route:tenant("a", { limits = { vms = 1 } }, function() end)`, `main.lua:3: tenant "a" has limits but no script; limits are for a script of its own; a function here has the limits of this script`},
			{"a tenant with limits and a pool", `route:tenant("a", { pool = "p", limits = { vms = 1 } })`, `main.lua:3: tenant "a" has limits but no script; limits are for a script of its own; a function here has the limits of this script`},
			{"a tenant with limits that are a number", `route:tenant("a", { script = "a.lua", limits = 5 })`, "main.lua:3: tenant a: limits is 5; expected a table"},
			{"a tenant with an unknown limit", `route:tenant("a", { script = "a.lua", limits = { gas = 1 } })`, `main.lua:3: tenant a: limits: unknown key "gas"; allowed are cpu, wall, memory, body, total_memory, vms, streams, queue`},
			{"a tenant with a duration without a unit", `route:tenant("a", { script = "a.lua", limits = { cpu = "100" } })`, `main.lua:3: tenant a: limits: cpu is "100"; expected a number of seconds above 0, or a string such as "100ms"`},
			{"a tenant with no time at all", `route:tenant("a", { script = "a.lua", limits = { wall = 0 } })`, `main.lua:3: tenant a: limits: wall is 0; expected a number of seconds above 0, or a string such as "100ms"`},
			{"a tenant with endless time", `route:tenant("a", { script = "a.lua", limits = { queue = 1/0 } })`, `main.lua:3: tenant a: limits: queue is +Inf; expected a number of seconds above 0, or a string such as "100ms"`},
			{"a tenant with a wrong size", `route:tenant("a", { script = "a.lua", limits = { memory = "plenty" } })`, `main.lua:3: tenant a: limits: memory is "plenty"; expected a number of bytes above 0, or a string such as "1MiB"`},
			{"a tenant with a fraction of a byte", `route:tenant("a", { script = "a.lua", limits = { body = 1.5 } })`, `main.lua:3: tenant a: limits: body is 1.5; expected a number of bytes above 0, or a string such as "1MiB"`},
			{"a tenant without VMs", `route:tenant("a", { script = "a.lua", limits = { vms = 0 } })`, "main.lua:3: tenant a: limits: vms is 0; expected a whole number above 0"},
			{"a tenant inside of a tenant", "route:tenant(\"a\", {}, function(r)\n  r:tenant(\"b\", {}, function() end)\nend)", `main.lua:4: tenant "b" is declared inside a scope or tenant; tenants belong at the root of the default tenant's script`},
			{"a tenant inside of a scope", "route:group(function(r)\n  r:tenant(\"b\", {}, function() end)\nend)", `main.lua:4: tenant "b" is declared inside a scope or tenant; tenants belong at the root of the default tenant's script`},
			{"a tenant with hosts that are a number", `route:tenant("a", { hosts = 5 }, function() end)`, "main.lua:3: tenant a: hosts: 5; expected a string, or a list of them"},
			{"a tenant with a wrong host", `route:tenant("a", { hosts = { "*.*.example" } }, function() end)`, `main.lua:3: host "*.*.example": a wildcard stands for the first label, as in *.example.com`},
			{"a tenant with a relative prefix", `route:tenant("a", { path_prefix = "a" }, function() end)`, `main.lua:3: path prefix: pattern "a" must begin with a slash`},
			{"a tenant with a parameter in its prefix", `route:tenant("a", { path_prefix = "/{a}" }, function() end)`, `main.lua:3: path prefix "/{a}" must not have parameters`},
			{"a tenant with a flag of text", `route:tenant("a", { strip_prefix = "yes" }, function() end)`, `main.lua:3: tenant a: strip_prefix is "yes"; expected true or false`},
			{"a tenant with an unknown pool", `route:tenant("a", { pool = "users" })`, `main.lua:3: no pool "users"; there are "central", "p"`},
			{"a tenant with a wrong on_error", `route:tenant("a", { on_error = "never" }, function() end)`, `main.lua:3: on_error is "never"; expected "closed", "open", "decline", or { pool = "name" }`},
			{"a tenant twice", "route:tenant(\"a\", { path_prefix = \"/a\" }, function() end)\nroute:tenant(\"a\", { path_prefix = \"/b\" }, function() end)", `main.lua:4: tenant "a" is declared twice, first at main.lua:3`},
			{"a layer for a host that its tenant has not", "route:tenant(\"a\", { hosts = \"a.example\" }, function(r)\n  r:host(\"b.example\", function(b) b:get(\"/\", \"p\") end)\nend)", "main.lua:4: the layer for b.example can never be tried: the tenant is for a.example only"},
			{"a tenant that is never asked", "route:tenant(\"a\", { hosts = \"a.example\" }, function() end)\nroute:tenant(\"b\", { hosts = \"A.example\" }, function() end)", `main.lua:4: tenant "b" can never be asked for host "a.example" and prefix "": tenant "a" has them, first at main.lua:3 and does not fall through; give one a priority`},
			{"an expectation without a path", `route:expect({ method = "GET" }, { status = 200 })`, `main.lua:3: the request of expect: path "": expected one that begins with /, perhaps with a query`},
			{"an expectation without an outcome", `route:expect({ path = "/x" }, {})`, "main.lua:3: the outcome of expect is empty; expected some of pool, status, tenant, route, pattern, params, next"},
			{"an expectation with an unknown outcome", `route:expect({ path = "/x" }, { code = 200 })`, `main.lua:3: the outcome of expect: unknown key "code"; allowed are pool, status, tenant, route, pattern, params, next`},
		},
	} {
		for _, row := range rows {
			t.Run(about+"/"+row.name, func(t *testing.T) {
				t.Parallel()
				_, err := wrongSetup.Load(t, wrongHead+row.script)
				if err == nil {
					t.Fatalf("loaded; want the error %s", row.want)
				}
				got, _, _ := strings.Cut(err.Error(), moduleList)
				if got != row.want {
					t.Errorf("got  %s\nwant %s", err, row.want)
				}
			})
		}
	}
}

// moduleList begins what an error says of the modules there are, which is another test's.
const moduleList = "; modules are "

func TestTheErrorOfAnUnknownModuleListsThoseThereAre(t *testing.T) {
	t.Parallel()
	for call, want := range map[string]string{
		`route.matcher("ip", {})`:    "remote_ip",
		`route.handler("hello", {})`: "static_response",
	} {
		_, err := wrongSetup.Load(t, wrongHead+call)
		if err == nil {
			t.Fatalf("%s loaded", call)
		}
		if _, list, _ := strings.Cut(err.Error(), moduleList); !slices.Contains(strings.Split(list, ", "), want) {
			t.Errorf("%s: %s: want %s among the modules", call, err, want)
		}
	}
}
