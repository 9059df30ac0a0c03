package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

// holdScript has every way in which an answer leaves, at a path each. What is set on the response is said by the query: how, and by
// which function.
const holdScript = `
local route = require("luaroute")
route:pool("up", { "$up" })
route:pool("dead", { "$down" })
route:pool("slow", { "$slow", transport = { protocol = "http", response_header_timeout = "50ms" } })
route:pool("out", { "$down", health_checks = { passive = { fail_duration = "1h", max_fails = 1 } } })

local sets = {
  assign = function(res) res.headers["X-Set"] = "a" end,
  list = function(res) res.headers["X-Set"] = { "a", "b" } end,
  add = function(res) res:add_header("X-Set", "a") end,
  cookie = function(res) res:cookie{ name = "c", value = "1" } end,
  vary = function(res) res:vary("Origin") end,
  remove = function(res) res:remove_header("Server") end,
  assign_nil = function(res) res.headers.Server = nil end,
  on_headers = function(res) res:on_headers(function(res) res.headers["X-Set"] = "a" end) end,
  on_headers_add = function(res) res:on_headers(function(res) res:add_header("X-Set", "a") res:cookie{ name = "c", value = "1" } end) end,
  on_headers_remove = function(res) res:on_headers(function(res) res:remove_header("Server") end) end,
}
local function set(req, res, who)
  if req.query.by == who then sets[req.query.set](res) end
end

route:use(function(req, res) set(req, res, "before") end)
route:use(function(req, res, next) set(req, res, "around") next() end)
route:use(route.handler("headers", { response = { set = { ["X-Module"] = { "m" } } } })) -- Caddy's code stands between the layers
route:use(function(req, res) set(req, res, "inside") end)

local function at(path, answer, opts)
  route:any(path, opts or {}, function(req, res)
    set(req, res, "handler")
    if type(answer) == "function" then return answer(req, res) end
    return answer
  end)
end
at("/up", "up")
at("/dead", "dead")
at("/slow", "slow")
at("/out", "out")
at("/raises", function() error("a secret") end)
at("/budget", function() while true do end end)
at("/error", route.error(418, "short and stout"))
at("/body", function(req) return 200, req:body(5) end)
at("/next", route.next)
at("/next_fails", route.next)
at("/module", route.handler("error", { error = "of a module", status_code = "507" }))
at("/spare", function() error("a secret") end, { on_error = { pool = "up" } })
at("/written", function(req, res) res:write("written") end)
at("/instead", route.proxy("dead", { on_error = { pool = "up" } }))
route:get("/get", "up")
route:with(function(req, res, next) pcall(next) return 503, "caught" end):any("/caught", function(req, res)
  set(req, res, "handler")
  error("a secret")
end)
route:with(function(req, res, next) pcall(next) res:write("caught") end):any("/caught_and_written", function(req, res)
  set(req, res, "handler")
  error("a secret")
end)
local scopes = {
  fn = function(req, res, err) return err.status, "answered" end,
  writer = function(req, res, err) res.status = err.status res:write("answered") end,
  pool = "up",
  data = { status = 500, body = "data" },
  module = route.handler("static_response", { body = "page" }),
  raises = function() error("again") end,
  error = route.error(511),
  declines = route.decline,
}
for name, answer in pairs(scopes) do
  route:route("/scope_" .. name, function(r)
    r:on_error(answer)
    r:any("/", function(req, res) set(req, res, "handler") error("a secret") end)
  end)
end
route:route("/scope", function(r)
  r:not_found({ status = 404, body = "none" })
  r:post("/posted", "up")
end)
route:tenant("t", { path_prefix = "/tenant", on_error = { pool = "up" } }, function(r)
  r:use(function(req, res) set(req, res, "before") end)
  r:any("/", function(req, res) set(req, res, "handler") error("a secret") end)
end)
`

func TestWhatAFunctionHasSetIsOnEveryResponseThatLeaves(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	c.Serve("up", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" && r.Header.Get("X-Not-Modified") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, "up")
	})
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	c.Serve("slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	})
	c.Set("down", ports.Dead(t))
	c.File("main.lua", holdScript)
	const site = `http://%s.example {
		luaroute {
			name %[1]s
			script $dir/main.lua
			limits {
				cpu 5ms
			}
		}
		error /next_fails 508
		respond "behind"
		%s
	}
	`
	c.Start(fmt.Sprintf(site, "plain", "") + fmt.Sprintf(site, "handled", `handle_errors {
			respond "handled {err.status_code} {err.message}"
		}`))
	for _, host := range []string{"plain", "handled"} { // from now on there is no upstream
		c.Get("/out?by=nobody", "Host: "+host+".example")
	}
	leaves := map[string]int{
		"GET /up": 200, "HEAD /up": 200, "GET /up 304": 304, "GET /dead": 502, "GET /slow": 504, "GET /out": 503, "GET /raises": 500, "GET /budget": 503,
		"GET /error": 418, "POST /body": 413, "GET /next": 200, "GET /module": 507, "GET /spare": 200, "GET /written": 200, "GET /instead": 200,
		"POST /get": 405, "GET /caught": 503, "GET /caught_and_written": 200, "GET /scope_fn": 500, "GET /scope_writer": 500, "GET /scope_pool": 200,
		"GET /scope_data": 500, "GET /scope_module": 500, "GET /scope_raises": 500, "GET /scope_error": 511, "GET /scope_declines": 500,
		"GET /scope/none": 404, "GET /scope/posted": 405, "GET /tenant": 200, "GET /none": 200, "GET /next_fails": 508,
	}
	want := map[string]func(http.Header) bool{}
	for _, set := range []string{"assign", "add", "on_headers"} {
		want[set] = func(h http.Header) bool { return slices.Equal(h["X-Set"], []string{"a"}) }
	}
	want["list"] = func(h http.Header) bool { return slices.Equal(h["X-Set"], []string{"a", "b"}) }
	want["cookie"] = func(h http.Header) bool { return slices.Equal(h["Set-Cookie"], []string{"c=1"}) }
	want["vary"] = func(h http.Header) bool { return slices.Equal(h["Vary"], []string{"Origin"}) }
	want["on_headers_add"] = func(h http.Header) bool { return want["add"](h) && want["cookie"](h) }
	for _, set := range []string{"remove", "assign_nil", "on_headers_remove"} {
		want[set] = func(h http.Header) bool { return h["Server"] == nil }
	}
	none := func(h http.Header) bool {
		return h["X-Set"] == nil && h["Set-Cookie"] == nil && h["Vary"] == nil && h["Server"] != nil
	}

	for _, host := range []string{"plain", "handled"} {
		for leave, status := range leaves {
			for _, by := range []string{"before", "around", "inside", "handler"} {
				for set, holds := range want {
					fields := strings.Fields(leave)
					headers := []string{"Host: " + host + ".example"}
					if len(fields) == 3 {
						headers = append(headers, "X-Not-Modified: yes")
					}
					var body io.Reader
					if fields[0] == http.MethodPost {
						body = strings.NewReader("too large")
					}
					answer := c.Send(fields[0], fields[1]+"?by="+by+"&set="+set, body, headers...)
					if answer.Status != status {
						t.Errorf("%s %s: the status is %d, want %d", host, leave, answer.Status, status)
					}
					if strings.Contains(answer.Body, "secret") || strings.Contains(answer.Body, "main.lua") {
						t.Errorf("%s %s: the client reads %q", host, leave, answer.Body)
					}
					switch noHandler := leave == "POST /get" || strings.HasPrefix(leave, "GET /scope/"); {
					case leave == "GET /none": // it is declined, which drops all
						holds = none
					case by == "handler" && noHandler, leave == "GET /tenant" && (by == "around" || by == "inside"):
						continue // nothing was set
					case leave == "POST /get":
						continue // no middleware stands around the 405 of the root
					}
					if !holds(answer.Header) {
						t.Errorf("%s %s, %s set by %s: the header is %v", host, leave, set, by, answer.Header)
					}
				}
			}
		}
	}
}
