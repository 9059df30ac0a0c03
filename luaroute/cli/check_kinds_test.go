package cli

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/luaroute/lint"
)

const head = `local route, crypto, json, log = require("luaroute"), require("crypto"), require("json"), require("log")
`

// saysOf returns what is found in a script behind head, with the names of an instance.
func saysOf(t *testing.T, code string) (all []string) {
	t.Helper()
	known := *api(t)
	known.Names = map[string]lint.Names{
		"luaroute.PoolName":    {What: "pool", Kind: "unknown-pool", All: []string{"users", "beta"}},
		"luaroute.TenantName":  {What: "tenant", Kind: "unknown-name", All: []string{"acme"}},
		"luaroute.HandlerName": {What: "handler", Kind: "unknown-name", All: []string{"encode", "docs"}},
		"luaroute.MatcherName": {What: "matcher", Kind: "unknown-name", All: []string{"client_ip"}},
		"luaroute.EnvName":     {What: "environment variable in the configuration", Kind: "unknown-name", All: []string{"TOKEN"}},
	}
	for _, f := range looked(t, &known, map[string]string{"main.lua": head + code}) {
		all = append(all, fmt.Sprintf("%d:%d %s: %s", f.Line-1, f.Column, f.Kind, f.Message))
	}
	return all
}

func TestWhatIsWrongWithTheUseOfTheAPIIsFound(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		// Names of members.
		`print(crypto.hahs("md5", "a"))`:                                       `1:14 unknown-field: crypto has no function "hahs"; did you mean "hash"?`,
		`print(json.nul)`:                                                      `1:12 unknown-field: json has no field "nul"; did you mean "null"?`,
		`print(require("luaroute.crypto").rnadom(1))`:                          `1:34 unknown-field: crypto has no function "rnadom"; did you mean "random"?`,
		`route:gett("/", "users")`:                                             `1:7 unknown-field: route has no method "gett"; did you mean "get"?`,
		`route.redirct("/")`:                                                   `1:7 unknown-field: route has no method "redirct"; did you mean "redirect"?`,
		`route:group(function(r) r:psot("/", "users") end)`:                    `1:27 unknown-field: r has no method "psot"; did you mean "post"?`,
		`route:get("/", function(q) return 200, q.paht end)`:                   `1:42 unknown-field: q has no field "paht"; did you mean "path"?`,
		`route:get("/", function(q, s) s:set_header("A", "b") return 200 end)`: `1:33 unknown-field: s has no method "set_header", which is a method of req; did you mean "add_header"?`,
		`route:get("/", function(q, s) q:write("b") return 200 end)`:           `1:33 unknown-field: q has no method "write", which is a method of res`,
		`route:get("/", function(q, s) s.statsu = 201 end)`:                    `1:33 unknown-field: s has no field "statsu"; did you mean "status"?`,
		`local function h(q) return 200, q.hots end route:get("/", h)`:         `1:35 unknown-field: q has no field "hots"; did you mean "host"?`,
		`local function ip(q) return q.client_pi end
route:get("/", function(q) return 200, ip(q) end)`: `1:31 unknown-field: q has no field "client_pi"; did you mean "client_ip"?`,
		`local function guard(wanted) return function(q) return q.hosst == wanted end end
route:get("/", { when = guard("a") }, "users")`: `1:58 unknown-field: q has no field "hosst"; did you mean "host"?`,
		`route:get("/", function(q, s) s:on_done(function(info) print(info.bites) end) return "users" end)`: `1:67 unknown-field: info has no field "bites"; did you mean "bytes"?`,
		`route:on_error(function(q, s, e) return e.statsu end)`:                                             `1:43 unknown-field: e has no field "statsu"; did you mean "status"?`,
		`route:get("/", function(q) if q.tls then print(q.tls.versoin) end return 200 end)`:                 `1:54 unknown-field: q.tls has no field "versoin"; did you mean "version"?`,
		`route:get("/", function(q) return 200, q.path:lowr() end)`:                                         `1:47 unknown-field: q.path has no method "lowr"; did you mean "lower"?`,
		`print(string.fromat("%d", 1))`:                                                                     `1:14 unknown-field: string has no function "fromat"; did you mean "format"?`,
		`print(io.open("a"))`:                                                                               "1:10 absent: scripts have no io.open: scripts reach no files; `route.read` reads one beside the script while it loads",
		`print(os.getenv("a"))`:                                                                             "1:10 absent: scripts have no os.getenv: use `route.env`, which reads the variables that the configuration lists",
		`pritn("a")`:                                                                                        `1:1 unknown-global: nothing defines the global "pritn"; did you mean "print"?`,
		`local t = require("tmie")`:                                                                         `1:19 unknown-name: there is no module and no library "tmie"; did you mean "time"?`,
		// Dots and colons.
		`route:get("/", function(q) return 200, q.header("A") end)`: `1:42 call-style: header is called as q:header(…)`,
		`print(crypto:hash("md5", "a"))`:                            `1:14 call-style: hash is called as crypto.hash(…)`,
		// What does nothing.
		`route.max_body("1MiB")`:                                 `1:7 unused-result: route:max_body does nothing by itself: give what it returns to use, with or a route`,
		`route:group(function(r) r.timeout(1) end)`:              `1:27 unused-result: r:timeout does nothing by itself: give what it returns to use, with or a route`,
		`route:with(route.timeout(1))`:                           `1:7 unused-result: route:with changes nothing: what it returns is the router to declare routes with`,
		`route:get("/", function() route.respond(200, "a") end)`: `1:33 unused-result: route:respond does nothing by itself: give what it returns to use, with or a route`,
		// Arguments.
		`print(crypto.hash("md5"))`:                                                `1:14 argument-count: crypto.hash takes 2 to 3 arguments (algorithm: crypto.Algorithm|"xxh64", s: string, encoding?: crypto.Encoding), found 1`,
		`route:get("/")`:                                                           `1:7 argument-count: route:get takes 2 to 3 arguments (pattern: string, options?: luaroute.RouteOptions, handler: luaroute.Handler), found 1`,
		`print(crypto.equal("a", "b", "c"))`:                                       `1:14 argument-count: crypto.equal takes 2 arguments (a: string, b: string), found 3`,
		`print(crypto.hash("md5", {}))`:                                            `1:26 wrong-type: argument 2 of crypto.hash is a table; expected a string`,
		`print(crypto.random("many"))`:                                             `1:21 wrong-type: argument 1 of crypto.random is "many"; expected a number`,
		`route:get("/", function(q) return 200, crypto.hash("md5", q) end)`:        `1:59 wrong-type: argument 2 of crypto.hash is req; expected a string`,
		`print(crypto.hash("sha257", "a"))`:                                        `1:19 unknown-value: argument 1 of crypto.hash is "sha257"; expected "md5", "sha1", "sha256", "sha384", "sha512", "xxh64"; did you mean "sha256"?`,
		`local how = "sha257" print(crypto.hash(how, "a"))`:                        `1:40 unknown-value: argument 1 of crypto.hash is "sha257"; expected "md5", "sha1", "sha256", "sha384", "sha512", "xxh64"; did you mean "sha256"?`,
		`route:get("/", function(q) return q.scheme == "htps" and 200 or 201 end)`: `1:47 unknown-value: it is never "htps"; expected "http", "https"; did you mean "https"?`,
		`route:get("/", function() return true end)`:                               `1:34 wrong-type: what the function returns is true; expected the name of a pool or luaroute.Action or a number or luaroute.ResponseTable`,
		`route:use(function(q, s, next) return next() end)`:                        `1:39 wrong-type: what the function returns is a boolean; expected the name of a pool or luaroute.Action or a number or luaroute.ResponseTable`,
		// Options.
		`route:get("/", { naem = "a" }, "users")`:                                                    `1:18 unknown-option: luaroute.RouteOptions has no "naem"; did you mean "name"?`,
		`route:get("/", { when = { haeder = { A = "b" } } }, "users")`:                               `1:27 unknown-option: luaroute.GuardData has no "haeder"; did you mean "header"?`,
		`route:get("/", route.proxy("users", { headers = { sett = { A = "b" } } }))`:                 `1:51 unknown-option: luaroute.HeaderOperations has no "sett"; did you mean "set"?`,
		`local o = { prio = 1 } route:get("/", o, "users")`:                                          `1:13 unknown-option: luaroute.RouteOptions has no "prio"`,
		`local function o() return { priorty = 1 } end route:get("/", o(), "users")`:                 `1:29 unknown-option: luaroute.RouteOptions has no "priorty"; did you mean "priority"?`,
		`route:get("/", { priority = "high" }, "users")`:                                             `1:29 wrong-type: "priority" of luaroute.RouteOptions is "high"; expected a number`,
		`route:get("/", { on_error = "opne" }, "users")`:                                             `1:29 unknown-value: "on_error" of luaroute.RouteOptions is "opne"; expected "closed", "open", "decline"; did you mean "open"?`,
		`route:get("/", function() return { statsu = 200 } end)`:                                     `1:36 unknown-option: luaroute.ResponseTable has no "statsu"; did you mean "status"?`,
		`route:get("/", function(q, s) s:cookie({ value = "a" }) return 200 end)`:                    `1:40 missing-option: luaroute.Cookie needs name`,
		`route:get("/", function(q) return 200, q:json({ big = "strin" }) end)`:                      `1:55 unknown-value: "big" of json.Options is "strin"; expected "string"; did you mean "string"?`,
		`route:tenant("a", { hosts = "a.example", limits = { cpuu = 1 } }, function() end)`:          `1:53 unknown-option: luaroute.TenantLimits has no "cpuu"; did you mean "cpu"?`,
		`route:pool("a", { "10.0.0.1:80", lb_polcy = "random", transport = { protocol = "http" } })`: `1:34 unknown-option: luaroute.PoolSpec has no "lb_polcy"; did you mean "lb_policy"?`,
		// Results.
		`route:get("/", function(q) return 200, json.decode(q:body()).name end)`:                                     `1:45 unchecked-result: json.decode may return nil and an error; look at it first, such as with assert(…)`,
		`local kv = require("kv") route:get("/", function() return 200, kv.incr("n") + 1 end)`:                       `1:67 unchecked-result: kv.incr may return nil and an error; look at it first, such as with assert(…)`,
		`local http = require("http") route:get("/", function() return 200, http.get("https://a.example").body end)`: `1:73 unchecked-result: http.get may return nil and an error; look at it first, such as with assert(…)`,
		`route:get("/", function(q) local v = json.decode(q:body()) return 200, v.name end)`:                         `1:72 unchecked-result: v is what json.decode returned, which may be nil and an error; look at it first, such as with assert(…)`,
		`route:get("/", function(q) local v, err = q:json() return 200, v.name end)`:                                 `1:64 unchecked-result: v is what q:json returned, which may be nil and an error; look at it first, such as with assert(…)`,
		// What strings name.
		`route:get("/", function(q) return q.path == "/" and "usres" or "beta" end)`:                                                      `1:53 unknown-pool: there is no pool "usres"; did you mean "users"?`,
		`route:get("/", function() return route.proxy("bta") end)`:                                                                        `1:46 unknown-pool: there is no pool "bta"; did you mean "beta"?`,
		`route:get("/", { on_error = { pool = "user" } }, "users")`:                                                                       `1:38 unknown-pool: there is no pool "user"; did you mean "users"?`,
		`route:get("/", function(q) return q.tenant == "acne" and 200 or 201 end)`:                                                        `1:47 unknown-name: there is no tenant "acne"; did you mean "acme"?`,
		`route:use(route.handler("encod"))`:                                                                                               `1:25 unknown-name: there is no handler "encod"; did you mean "encode"?`,
		`local t = route.env("TOKN")`:                                                                                                     `1:21 unknown-name: there is no environment variable in the configuration "TOKN"; did you mean "TOKEN"?`,
		`route:get("/{id}", function(q) return 200, q:param("idd") end)`:                                                                  `1:52 unknown-param: no pattern of the function's routes has a parameter "idd"; did you mean "id"?`,
		`route:route("/{a}", function(r) r:get("/{b:[0-9]{2}}", function(q) return 200, q.params.a .. q.params.b .. q.params.c end) end)`: `1:117 unknown-param: no pattern of the function's routes has a parameter "c"`,
		`local function h(q) return 200, q.params.id end route:get("/", h) route:get("/x", h)`:                                            `1:42 unknown-param: no pattern of the function's routes has a parameter, so there is no "id"`,
		`route:get("/a/:id", "users")`:                                                                                                    `1:11 foreign-pattern: :id in the pattern /a/:id is plain text, which the path must contain; a parameter is {id}`,
		// The old contract.
		`function on_route_request(request, backends) return { selected_backed = request.path } end`:    `1:55 unknown-option: luaroute.LegacyDecision has no "selected_backed"; did you mean "selected_backend"?`,
		`function on_route_request(request, backends) return { selected_backend = request.header } end`: `1:82 unknown-field: request has no field "header"; did you mean "headers"?`,
	} {
		if got := saysOf(t, code); !slices.Equal(got, []string{want}) {
			t.Errorf("%s\ngot\n\t%s\nwant\n\t%s", code, strings.Join(got, "\n\t"), want)
		}
	}
}

// What cannot be known for certain, and what is right although it looks wrong.
func TestWhatIsNotCertainIsNotAFinding(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		`local x = crypto x = { hahs = print } x.hahs()`,
		`local crypto = { hahs = print } crypto.hahs()`,
		`local any = require("plugin") any.thing(1, 2)`,
		`local function f(o) return o.anything end f({ anything = 1 })`,
		`local function f(o) return o.anything end route:get("/", function(q) return 200, f(q.ctx) end)`,
		`local function f(o) return o.anything end pcall(f, {}) route:get("/", function(q) if q.path then f(q) end return 200 end)`,
		`route:get("/", function(q) q.ctx.anything = 1 return 200, q.ctx.anything end)`,
		`route:get("/", function(q) return 200, q.headers["X-A"] or q.cookies.a or q.query.b end)`,
		`route:get("/", function(q) return q.header(q, "A") and 200 or 201 end)`,
		`route.get("/", "users") route.get(route, "/", "users")`,
		`local t = { get = 1 } t.gett = 2 print(t.gettt)`,
		`print(crypto.hash(("md5"), unpack({ "a" })))`,
		`local function args(...) return crypto.hash(...) end args("md5", "a")`,
		`print(crypto.hash("md5", 5), crypto.random("5"))`,
		`route:get("/", function(q) local v, err = q:json() if not v then return 400, err end return 200, v.name end)`,
		`route:get("/", function(q) local v = q:json() return 200, type(v) == "table" and v.name end)`,
		`route:get("/", function(q) return 200, assert(q:json()).name end)`,
		`print(json.decode('{"a":1}').a, json.encode({ route }) .. "")`,
		`route:get("/", function(q) log.info("a", { any = 1, [q.path] = true }) return "users" end)`,
		`route:get("/", function(q) return route.proxy(q.path) end)`,
		`route:get("/{id}", function(q) return 200, q.params.id .. q.params["*"] end)`,
		`local function h(q) return 200, q.params.id end route:get("/{id}", h) route:get("/x", h)`,
		`local function h(q) return 200, q.params.id end route:get("/", h) print(h)`,
		`local p = "/{id}" route:get(p, function(q) return 200, q.params.id end)`,
		`local sub = route.new() sub:get("/", function(q) return 200, q.params.id end) route:mount("/{id}", sub)`,
		`route:use(function(q) if q.params.id then return 200 end end)`,
		`if jit then print(jit.version) end local pack = table.pack or print print(table.pack and table.pack(1))`,
		`function helper() end helper() function string.trim(s) return s end print(("a"):trim(), string.trim("a"))`,
		`local s = "a" s = s:sub(1) for i = 1, 2 do s = s:rep(i) end print(s:upper())`,
		`route:get("/", function(q) for name, value in pairs(q.headers) do print(name:lower()) end return 200 end)`,
		`route:get("/", function(q) return q.scheme == "https" and q.tenant == "" and 200 or "beta" end)`,
		`for _, method in ipairs({ "get", "post" }) do route[method](route, "/", "users") end`,
		`route:pool("users", { "10.0.0.1:80", lb_policy = "random", anything = { 1 } })`,
		`route:get("/", { when = { function() return true end, { header = { A = true } } } }, "users")`,
		`local function add(path, h) route:get(path, h) end add("/", function(q) return 200, q.path end)`,
		`local function name(v) if type(v) == "table" then return v.name end return v end print(name("a"))`,
		`goto done ::done:: repeat local x = crypto until x`,
		`local a a = a and a.b`,
		`local function again(n) return n > 0 and again(n - 1) or crypto end print(again(1).hash)`,
	} {
		if got := saysOf(t, code); len(got) > 0 {
			t.Errorf("%s\ngot\n\t%s", code, strings.Join(got, "\n\t"))
		}
	}
}

// A function of a module knows what the routes give it that name it, and what is wrong with it stands at its place.
func TestAHandlerInAModuleKnowsWhatItGets(t *testing.T) {
	t.Parallel()
	found := looked(t, api(t), map[string]string{
		"main.lua": `local route, auth = require("luaroute"), require("auth")
route:use(auth.check) route:get("/", auth.answer) route:get("/x", auth.made("x"))`,
		"auth.lua": `local M = { answer = function(q) return 200, q.paht end }
function M.check(q) return q.hots and 401 end
function M.made(name) return function(q) return 200, q:cokie(name) end end
return M`,
	})
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprintf("%s:%d %s", f.Script, f.Line, f.Message))
	}
	want := []string{
		`auth.lua:1 q has no field "paht"; did you mean "path"?`,
		`auth.lua:2 q has no field "hots"; did you mean "host"?`,
		`auth.lua:3 q has no method "cokie"; did you mean "cookie"?`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A pool takes the fields of Caddy's reverse_proxy besides its own. None of them is taken for one of those, misspelt.
func TestNoFieldOfReverseProxyIsTakenForAnother(t *testing.T) {
	t.Parallel()
	var fields []string
	of := reflect.TypeFor[reverseproxy.Handler]()
	for i := range of.NumField() {
		if name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			fields = append(fields, name+" = {}")
		}
	}
	if len(fields) < 10 {
		t.Fatalf("there are only %q", fields)
	}
	if got := saysOf(t, `route:pool("a", { `+strings.Join(fields, ", ")+` })`); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}
