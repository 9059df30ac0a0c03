package main

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// expecting is a script of which the rows below expect something, in its line 17.
const expecting = `local route = require("luaroute")
route:pool("a", { "127.0.0.1:1" })
route:pool("b", { "127.0.0.1:1" })
route:get("/users/{id}", { name = "user" }, "a")
route:get("/same", "b")
route:get("/lua", function(req) return req:header("X-Pool") or 410 end)
route:get("/broken", function() error("no") end)
route:get("/gone", route.error(404, "gone"))
route:get("/next", route.next)
route:get("/static", route.handler("static_response", { body = "x" }))
route:route("/admin", function(r)
  r:use(function(req) if req:query_value("key") ~= "k" then return 401 end end)
  r:get("/", "a")
end)
route:tenant("acme", { hosts = { "acme.example" }, pool = "b" })
route:tenant("strict", { path_prefix = "/strict" }, function(r) r:post("/x", "a") end)
`

// address is a route for two addresses of the client. It stands on the line of what is expected of it.
const address = `route:get("/address", { when = route.matcher("client_ip", { ranges = { "192.0.2.7", "2001:db8::7" } }) }, "a") ` +
	`route:get("/address", "b") `

func TestATableThatIsNotAsItsScriptExpectsIsNotPublished(t *testing.T) {
	c := e2e.New(t)
	config := func(expectation string) []byte {
		c.File("main.lua", expecting+expectation+"\n")
		return c.Caddyfile(e2e.Site(""))
	}
	for _, row := range []struct{ name, expectation, wrong string }{
		{"a pool", `route:expect({ path = "/users/7" }, { pool = "a", route = "user", pattern = "/users/{id}", params = { id = "7" }, next = false })`, ""},
		{"a pool of the same upstreams goes by its own name", `route:expect({ path = "/same" }, { pool = "b" })`, ""},
		{"another pool", `route:expect({ path = "/users/7" }, { pool = "b" })`, `GET /users/7: pool is "a", expected "b" (the route at $dir/main.lua:4 took it)`},
		{"a function decides", `route:expect({ path = "/lua", headers = { ["X-Pool"] = "b" } }, { pool = "b" })`, ""},
		{"a function answers", `route:expect({ path = "/lua" }, { status = 410 })`, ""},
		{"another status", `route:expect({ path = "/lua" }, { status = 200 })`, `GET /lua: status is 410, expected 200 (the route at $dir/main.lua:6 took it)`},
		{"a function that fails", `route:expect({ path = "/broken" }, { status = 200 })`, `status is 500, expected 200 (it ended with:`},
		{"an error", `route:expect({ path = "/gone" }, { status = 404 })`, ""},
		{"Caddy's next handler by a route", `route:expect({ path = "/next" }, { next = true, pattern = "/next" })`, ""},
		{"Caddy's next handler without a route", `route:expect({ path = "/nowhere" }, { next = true, route = "" })`, ""},
		{"no route where one is expected", `route:expect({ path = "/nowhere" }, { pool = "a" })`, `GET /nowhere: pool is none, expected "a" (no route took it)`},
		{"a handler of Caddy's does not run", `route:expect({ path = "/static" }, { status = 200 })`, `status is the upstream's, expected 200`},
		{"middleware answers", `route:expect({ path = "/admin/x" }, { status = 401 })`, ""},
		{"a query", `route:expect({ path = "/admin?key=k" }, { pool = "a" })`, ""},
		{"a tenant by host", `route:expect({ path = "/", host = "ACME.example" }, { tenant = "acme", pool = "b" })`, ""},
		{"another tenant", `route:expect({ path = "/users/1" }, { tenant = "acme" })`, `tenant is none, expected "acme"`},
		{"a method that is not allowed", `route:expect({ path = "/strict/x" }, { status = 405 })`, ""},
		{"a method", `route:expect({ method = "POST", path = "/strict/x" }, { tenant = "strict", pool = "a" })`, ""},
		{"a param with another value", `route:expect({ path = "/users/7" }, { params = { id = "8" } })`, `param id is "7", expected "8"`},
		{"a param that is not there", `route:expect({ path = "/users/7" }, { params = { name = "8" } })`, `there is no param name, expected "8"`},
		{"an address of the client", address + `route:expect({ path = "/address", remote_addr = "192.0.2.7" }, { pool = "a" })`, ""},
		{"an address of version 6", address + `route:expect({ path = "/address", remote_addr = "2001:db8::7" }, { pool = "a" })`, ""},
		{"an address with a port", address + `route:expect({ path = "/address", remote_addr = "[2001:db8::7]:80" }, { pool = "a" })`, ""},
		{"another address", address + `route:expect({ path = "/address", remote_addr = "192.0.2.8" }, { pool = "a" })`, `pool is "b", expected "a"`},
		{"a request over TLS", `route:get("/tls", { when = route.matcher("protocol", "https") }, function(req)
			if req.scheme == "https" and req.port == 443 and req.tls.sni == "localhost" then return "a" end return "b" end)
			route:expect({ scheme = "https", path = "/tls" }, { pool = "a" })`, ""},
		{"an unknown key of the outcome", `route:expect({ path = "/" }, { upstream = "a" })`, `unknown key "upstream"; allowed are pool, status, tenant, route, pattern, params, next`},
		{"an empty outcome", `route:expect({ path = "/" }, {})`, `the outcome of expect is empty`},
		{"a path without a slash", `route:expect({ path = "x" }, { status = 404 })`, `path "x": expected one that begins with /`},
		{"a method that is none", `route:expect({ method = "G T", path = "/" }, { status = 404 })`, `G T`},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := c.Load(config(row.expectation))
			switch {
			case row.wrong == "" && err != nil:
				t.Error(err)
			case row.wrong != "" && err == nil:
				t.Error("it was published")
			case row.wrong != "" && !strings.Contains(err.Error(), c.Expand(row.wrong)):
				t.Errorf("got %v, want %s", err, c.Expand(row.wrong))
			case row.wrong != "" && !strings.Contains(err.Error(), c.Expand("$dir/main.lua:17: ")):
				t.Errorf("got %v, want the place of the expectation", err)
			}
		})
	}
}
