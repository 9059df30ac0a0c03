package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestTheOldFunctionIsAskedWithPlainTables(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.Origin("spare")
	c.File("main.lua", `
		function on_route_request(request, backends)
		  local words = {}
		  for name, value in pairs(request) do
		    if type(value) == "string" then table.insert(words, name .. "=" .. value) end
		  end
		  table.sort(words)
		  local names = {}
		  for name in pairs(request.headers) do table.insert(names, name) end
		  table.sort(names)
		  local h = request.headers
		  local found = tostring(h["x-some-header"]) .. tostring(h["X-SOME-HEADER"]) .. tostring(h.Cookie) .. tostring(h["X-None"])
		  local list = {}
		  for _, b in ipairs(backends) do table.insert(list, b.name .. " " .. b.url .. " " .. tostring(b.health)) end
		  return { reject = true, reject_reason = table.concat({ table.concat(words, "&"), table.concat(names, ","), found, table.concat(list, ";") }, "|") }
		end`)
	c.Start(e2e.Site("pool spare $spare\npool app http://$app/base/"))

	got := c.Send(http.MethodPost, "/a%20b/c?q=1", strings.NewReader("text"), "Host: Shop.Example:8080", "X-Some-Header: 1",
		"x-some-header: 2", "Cookie: a=1", "User-Agent: test", "Accept-Encoding: none")
	got.Want(403, c.Expand("body=text&host=Shop.Example&method=POST&path=/a b/c|"+
		"Accept-Encoding,Content-Length,Cookie,User-Agent,X-Some-Header|1, 21, 2a=1nil|"+
		"spare http://$spare true;app http://$app/base true"))
}

func TestWhatTheOldFunctionReturnsDecides(t *testing.T) {
	c := e2e.New(t)
	c.Origin("one")
	c.Origin("two")
	c.File("old.lua", `
		local answers = {
		  ["/two"] = { selected_backend = "two" },
		  ["/unknown"] = { selected_backend = "three" },
		  ["/empty"] = {},
		  ["/headers"] = { selected_backend = "two", modified_headers = { ["x-a"] = "b", ["X-N"] = 3 } },
		  ["/path"] = { modified_path = "/new path/%2F" },
		  ["/relative"] = { modified_path = "new" },
		  ["/rejected"] = { reject = true, reject_reason = "no" },
		  ["/without-reason"] = { reject = true },
		  ["/text"] = "two",
		  ["/bad-header"] = { modified_headers = { ["X-A"] = "a\r\nB: c" } },
		  ["/bad-host"] = { modified_headers = { Host = "" } },
		  ["/bad-path"] = { modified_path = "/a\0" },
		  ["/bad-type"] = { selected_backend = {} },
		}
		function on_route_request(request, backends)
		  if request.path == "/loop" then while true do end end
		  if request.path == "/error" then error("broken") end
		  return answers[request.path]
		end`)
	c.Start("http:// {\nluaroute {\ntenant old {\nscript $dir/old.lua\npool one $one\npool two $two\n}\n}\nrespond behind\n}\n")

	c.Get("/two").From("two")
	c.Get("/unknown").From("one")
	c.Get("/empty").From("one")
	if got := c.Get("/headers?q=1", "X-A: a").From("two"); got.Header.Get("X-A") != "b" || got.Header.Get("X-N") != "3" || got.URI != "/headers?q=1" {
		t.Errorf("the origin was asked for %s with %v", got.URI, got.Header)
	}
	if got := c.Get("/path?q=1").From("one"); got.URI != "/new%20path/%252F?q=1" {
		t.Errorf("the origin was asked for %s", got.URI)
	}
	if got := c.Get("/relative").From("one"); got.URI != "/new" {
		t.Errorf("the origin was asked for %s", got.URI)
	}
	c.Get("/rejected").Want(403, "no")
	c.Get("/without-reason").Want(403, "Forbidden")
	c.Get("/nil").Want(403, "Script returned nil")
	for _, path := range []string{"/text", "/bad-header", "/bad-host", "/bad-path", "/bad-type", "/error"} {
		c.Get(path).Want(500, "")
	}
	if loop := c.Get("/loop"); loop.Status != 503 || loop.Header.Get("Retry-After") == "" {
		t.Errorf("a loop is answered with %d, %v", loop.Status, loop.Header)
	}
	for _, text := range []string{
		"old.lua:17: on_route_request returned a string; expected a table", "modified_headers: ", "selected_backend is a table; expected a string", "old.lua:19: broken",
		`old.lua:17: proxy: path`,
	} {
		if c.Logged(text) == 0 {
			t.Errorf("the log does not say %q", text)
		}
	}
	c.Send(http.MethodPost, "/two", strings.NewReader(strings.Repeat("x", 2<<20))).Want(413, "")
}

func TestTheOldFunctionIsAskedForWhatNoRouteTakes(t *testing.T) {
	const function = `
		function on_route_request(request, backends)
		  if request.path == "/error" then error("broken") end
		  return { reject = true, reject_reason = NAME .. " decides" }
		end`
	c := e2e.New(t)
	c.Origin("rest")
	c.File("main.lua", `
		local route = require("luaroute")
		NAME = "default"
		route:tenant("inner", { hosts = { "inner.example" }, script = "inner.lua" })
		route:tenant("inline", { hosts = { "inline.example" } }, function(r) r:get("/inline", function() return 200, "inline" end) end)
	`+function)
	c.File("inner.lua", `
		NAME = "inner"
		require("luaroute"):route("/admin", function(admin)
		  admin:use(function(req) if not req:header("X-Key") then return 401 end end)
		  admin:get("/page", function() return 200, "the page" end)
		end)
	`+function)
	c.File("outer.lua", `
		local route = require("luaroute")
		NAME = "outer"
		route:use(function(req, res) res.headers["X-Mw"] = "ran" end)
		route:get("/route", function() return 200, "the route" end)
		route:get("/declines", route.decline)
		route:route("/admin", function(admin)
		  admin:use(function(req) if not req:header("X-Key") then return 401 end end)
		  admin:get("/page", function() return 200, "the page" end)
		end)
		route:route("/closed", function(closed) closed:not_found({ status = 404, body = "closed" }) end)
		route:not_found({ status = 404, body = "not found" })
	`+function)
	c.Start(e2e.Site(`
		tenant outer {
			host outer.example
			fallthrough
			script $dir/outer.lua
		}
		tenant open {
			host open.example
			script $dir/outer.lua
			on_error open
		}
		tenant rest {
			host rest.example
			script $dir/outer.lua
			pool rest $rest
			use_pool rest
			on_error decline
		}`))

	const outer = "Host: outer.example"
	c.Get("/route", outer).Want(200, "the route")
	c.Send(http.MethodPost, "/route", nil, outer).Want(403, "outer decides") // before 405
	c.Get("/nothing", outer).Want(403, "outer decides")                      // before not_found and the next tenant
	c.Get("/declines", outer).Want(403, "outer decides")
	if c.Get("/nothing", outer).Header.Get("X-Mw") != "ran" {
		t.Error("the middleware of the root did not run")
	}
	c.Get("/admin/none", outer).Want(401, "")
	c.Get("/admin/none", outer, "X-Key: 1").Want(404, "not found") // the not_found of the root is that of the scope, too
	c.Get("/closed/none", outer).Want(404, "closed")
	c.Get("/error", outer).Want(500, "")
	c.Get("/error", "Host: open.example").Want(404, "not found")
	c.Get("/error", "Host: rest.example").From("rest") // use_pool comes after the function
	c.Get("/nothing", "Host: rest.example").Want(403, "outer decides")

	c.Get("/x", "Host: inner.example").Want(403, "inner decides")
	c.Get("/admin/none", "Host: inner.example").Want(401, "") // the middleware of a scope is not walked around
	c.Get("/admin/none", "Host: inner.example", "X-Key: 1").Want(403, "inner decides")
	c.Get("/x").Want(403, "default decides")
	c.Get("/inline", "Host: inline.example").Want(200, "inline")
	c.Get("/x", "Host: inline.example").Want(403, "default decides") // an inline tenant has no function of its own
}

func TestTheGlobalsOfTheOldFunctionAreThrownAway(t *testing.T) {
	c := e2e.New(t)
	c.Route(`
		local route = require("luaroute")
		count = 10
		total = { n = 0, ids = {} }
		local calls = 0
		log("loaded")
		function bump() count = count + 1 seen = (seen or 0) + 1 return count .. " " .. seen end
		route:get("/handler", { on_error = "decline" }, function() count = 1 return 200 end)
		function on_route_request(request, backends)
		  log({}) log("asked for " .. request.path)
		  calls, total.n = calls + 1, total.n + 1
		  table.insert(total.ids, request.path)
		  return { reject = true, reject_reason = bump() .. ", " .. bump() .. ", " .. calls .. total.n .. #total.ids }
		end`)
	for range 3 {
		c.Get("/").Want(403, "11 1, 12 2, 111")
	}
	c.Get("/handler").Want(403, "11 1, 12 2, 111") // elsewhere assigning a global stays an error
	for text, least := range map[string]int{`"msg":"loaded"`: 1, `"msg":"asked for /"`: 3, `the global \"count\" is assigned while a request runs`: 1} {
		if n := c.Logged(text); n < least {
			t.Errorf("the log says %s %d times; want %d", text, n, least)
		}
	}
}

func TestRequestsDoNotSeeTheGlobalsOfOneAnother(t *testing.T) {
	c := e2e.New(t)
	c.Route(`
		function note(request) current = (current or "") .. request.headers["x-id"] end
		function on_route_request(request, backends)
		  note(request)
		  for i = 1, 200 do sum = (sum or 0) + i end
		  return { reject = true, reject_reason = current .. " " .. sum }
		end`)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 40 {
				id := fmt.Sprintf("%d-%d", worker, i)
				got, err := c.Try(http.MethodGet, "/", nil, "X-Id: "+id)
				if want := id + " 20100"; err != nil || got.Body != want {
					t.Errorf("got %q, %v; want %q", got.Body, err, want)
				}
				admin, err := c.Try(http.MethodPost, "http://$admin/luaroute/main/route/default", strings.NewReader(`{"headers": {"x-id": "`+id+`"}}`))
				if want := `"reject_reason":"` + id + ` 20100"`; err != nil || !strings.Contains(admin.Body, want) {
					t.Errorf("got %q, %v; want %q", admin.Body, err, want)
				}
			}
		})
	}
	all.Wait()
}

func TestBackendsAreThePoolsOfTheTenant(t *testing.T) {
	const function = `
		function on_route_request(request, backends)
		  local names = {}
		  for _, b in ipairs(backends) do table.insert(names, b.name) end
		  return { reject = true, reject_reason = table.concat(names, " ") }
		end`
	c := e2e.New(t)
	c.Set("a", "127.0.0.1:1")
	c.File("main.lua", `
		local route = require("luaroute")
		route:pool("z", "$a")
		route:pool("c", "$a")
		route:tenant("inner", { hosts = { "inner.example" }, script = "old.lua" })
	`+function)
	c.File("old.lua", function)
	c.File("own.lua", `require("luaroute"):pool("last", "$a")`+function)
	c.Start(e2e.Site("allow {\nupstreams 127.0.0.1\n}\npool y $a\npool b $a\ntenant own {\nhost own.example\nscript $dir/own.lua\npool second $a\npool first $a\n}\n" +
		"tenant bare {\nhost bare.example\nscript $dir/old.lua\n}"))
	for host, want := range map[string]string{
		"default.example": "y b z c", "inner.example": "y b z c", "own.example": "second first last", "bare.example": "y b",
	} {
		c.Get("/", "Host: "+host).Want(403, want)
	}
}

func TestWhatTheOldProgramsGotWrongStaysFixed(t *testing.T) {
	c := e2e.New(t)
	c.Origin("one")
	c.Origin("two")
	c.File("one.lua", `
		local route = require("luaroute")
		route:use(function(req) req:body() end)
		route:pool("scripted", { "http://$two/lua/base" })
		function on_route_request(request, backends)
		  assert(request.headers["x-tOKEN"] == "t" and request.headers["X-Token"] == "t")
		  return { selected_backend = request.path == "/api/lua" and "scripted" or "app", modified_headers = { ["X-Length"] = #request.body } }
		end`)
	c.Start(`http:// {
		luaroute {
			allow {
				upstreams 127.0.0.1
			}
			tenant one {
				host one.example
				path_prefix /api
				strip_prefix
				script $dir/one.lua
				pool app http://$one/base/v1/
			}
			tenant two {
				host two.example
				path_prefix /api
				strip_prefix
				pool app {
					to http://$two/other
				}
				use_pool app
			}
		}
		respond 404
	}
	`)
	for path, want := range map[string]string{
		"/api":               "/base/v1",
		"/api/":              "/base/v1/",
		"/api/users?q=a%20b": "/base/v1/users?q=a%20b",
		"/api/a%2Fb/c%20d":   "/base/v1/a%2Fb/c%20d",
		"/api//x/":           "/base/v1/x/",
	} {
		got := c.Send(http.MethodPost, path, strings.NewReader("the body"), "Host: one.example", "x-token: t").From("one")
		if got.URI != want || got.Body != "the body" || got.Header.Get("X-Length") != "8" {
			t.Errorf("%s: the origin was asked for %s with %q and %v; want %s", path, got.URI, got.Body, got.Header, want)
		}
	}
	if got := c.Get("/api/lua", "Host: one.example", "x-token: t").From("two"); got.URI != "/lua/base/lua" {
		t.Errorf("the origin was asked for %s", got.URI)
	}
	if got := c.Get("/api/users", "Host: two.example").From("two"); got.URI != "/other/users" {
		t.Errorf("the origin was asked for %s", got.URI)
	}
	c.Get("/apis", "Host: two.example").Want(404, "")
}

func TestAPoolWithSeveralBasePathsIsRefused(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):pool("app", { "http://a/x", "http://b/y" })`)
	err := c.Load(c.Caddyfile(e2e.Site("")))
	if want := `main.lua:1: pool "app": upstream "http://b/y": its path "/y" is not "/x"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v; want %s", err, want)
	}
	c.File("main.lua", "on_route_request = 3")
	if err := c.Load(c.Caddyfile(e2e.Site(""))); err == nil || !strings.Contains(err.Error(), "the global on_route_request is a number; expected a function") {
		t.Errorf("the error is %v", err)
	}
}

func TestTheOldEndpointsAnswerWithTheirJSON(t *testing.T) {
	c := e2e.New(t)
	down := legacyOrigin(c, "app")
	c.Set("spare", "127.0.0.1:1")
	c.File("old.lua", `function on_route_request(request, backends)
  if request.path == "/loop" then while true do end end
  if request.path == "/error" then error("broken") end
  if request.path == "/nil" then return end
  local b = backends[#backends]
  return { selected_backend = b.name .. tostring(b.health) .. b.url, modified_path = "/x" .. request.path,
    modified_headers = { ["X-Host"] = request.host .. request.method .. request.body .. request.headers["x-a"] } }
end`)
	c.File("plain.lua", `require("luaroute")`)
	c.Start(`http:// {
		luaroute {
			tenant old {
				host old.example
				path_prefix /old
				script $dir/old.lua
				pool spare $spare
				pool app http://$app/base {
					health_uri /health
					health_interval 10ms
				}
			}
			tenant plain {
				path_prefix /plain
				script $dir/plain.lua
			}
			tenant three {
				path_prefix /three
				pool one http://$app/v1 http://127.0.0.1:1/v1 http://127.0.0.1:2/v1 {
					lb_policy first
					health_uri /health
					health_interval 10ms
				}
				use_pool one
			}
		}
	}
	`)
	post := func(tenant, body string) e2e.Answer {
		return c.Admin(http.MethodPost, "/luaroute/main/route/"+tenant, body)
	}
	const whole = `{"method":"PUT","path":"/p","host":"h","headers":{"X-A":"a"},"body":"b","backends":[{"name":"n","url":"u","health":false}]}`
	post("old", whole).Want(200, `{"selected_backend":"nfalseu","modified_headers":{"X-Host":"hPUTba"},"modified_path":"/x/p","reject":false,"reject_reason":""}`+"\n")
	post("old", `{"path":"/nil"}`).Want(200, `{"selected_backend":"","modified_headers":{},"modified_path":"","reject":true,"reject_reason":"Script returned nil"}`+"\n")
	for _, tenant := range []string{"none", "plain", "default"} {
		post(tenant, whole).Want(200, `{"selected_backend":"","modified_headers":{},"modified_path":"","reject":true,"reject_reason":"No script found for tenant: `+tenant+`"}`+"\n")
	}
	post("old", `{"path":"/loop"}`).Want(500, `{"error":"script execution timeout"}`+"\n")
	post("old", `{"path":"/error"}`).Want(500, fmt.Sprintf(`{"error":"%s:3: broken"}`, c.Expand("$dir/old.lua"))+"\n")
	for _, bad := range []string{"", "{", "[]", whole + "{}"} {
		refuses(t, post("old", bad), http.StatusBadRequest, "expected ")
	}
	refuses(t, c.Admin(http.MethodGet, "/luaroute/main/route/old", ""), http.StatusMethodNotAllowed, "expected POST")
	refuses(t, c.Admin(http.MethodPost, "/luaroute/main/health", ""), http.StatusMethodNotAllowed, "expected GET")

	c.Admin(http.MethodGet, "/luaroute/main/tenants", "").Want(200, c.Expand(
		`[{"Name":"old","PathPrefix":"/old","Domains":["old.example"],"Interval":"10ms","LuaScript":"$dir/old.lua","Services":[`+
			`{"Name":"spare","URL":"http://127.0.0.1:1","Health":""},{"Name":"app","URL":"http://$app/base","Health":"/health"}]},`+
			`{"Name":"plain","PathPrefix":"/plain","Domains":[],"Interval":"","LuaScript":"","Services":[]},`+
			`{"Name":"three","PathPrefix":"/three","Domains":[],"Interval":"10ms","LuaScript":"","Services":[{"Name":"one","URL":"http://$app/v1","Health":"/health"},`+
			`{"Name":"one","URL":"http://127.0.0.1:1/v1","Health":"/health"},{"Name":"one","URL":"http://127.0.0.1:2/v1","Health":"/health"}]}]`)+"\n")
	health := func() string { return c.Admin(http.MethodGet, "/luaroute/main/health", "").Body }
	e2e.Until(t, "the dead ones are known", func() bool { return strings.Contains(health(), `"three":"1/3 healthy"`) })
	if got, want := health(), `{"status":"healthy","tenants":{"old":"2/2 healthy","plain":"0/0 healthy","three":"1/3 healthy"},"uptime":"`; !strings.HasPrefix(got, want) || !strings.Contains(got, `s","version":"`) {
		t.Errorf("the health is %s; want %s", got, want)
	}
	down.Store(true)
	e2e.Until(t, "the health has one backend less", func() bool { return strings.Contains(health(), `"old":"1/2 healthy"`) })
	e2e.Until(t, "a tenant has none", func() bool {
		return strings.Contains(health(), `"three":"0/3 healthy"`) && strings.HasPrefix(health(), `{"status":"degraded"`)
	})
	c.File("old.lua", `function on_route_request() return { reject = true } end`)
	if got := c.Admin(http.MethodPost, "/luaroute/main/reload", "").Body; !strings.Contains(got, `"changed_names":["any /old/* tenant old host old.example"]`) || !strings.HasPrefix(got, `{"status":"scripts reloaded","count":"2","version":2,`) {
		t.Errorf("the reload is %s", got)
	}
}

func TestNoVirtualMachineWaitsForTheBodyOfTheOldFunction(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", `
		local route = require("luaroute")
		route:use(function(req) req.ctx.id = req:header("X-Id") print("arrived", req.method) end)
		function on_route_request(request, backends)
		  return { modified_headers = { ["X-Length"] = #request.body } }
		end`)
	c.Start(e2e.Site("pool app $app\nlimits {\nvms 1\nqueue 10s\n}"))

	body, send := io.Pipe()
	slow := make(chan e2e.Answer, 1)
	go func() {
		got, err := c.Try(http.MethodPost, "/slow", body)
		if err != nil {
			t.Error(err)
		}
		slow <- got
	}()
	if _, err := io.WriteString(send, "half "); err != nil {
		t.Fatal(err)
	}
	e2e.Until(t, "the slow request arrives", func() bool { return c.Logged(`arrived\tPOST`) > 0 })
	c.Get("/quick").From("app")
	if _, err := io.WriteString(send, "and half"); err != nil {
		t.Fatal(err)
	}
	_ = send.Close()
	if got := <-slow; got.Status != 200 || got.From("app").Header.Get("X-Length") != "13" {
		t.Errorf("the slow request is answered with %d %q", got.Status, got.Body)
	}
}
