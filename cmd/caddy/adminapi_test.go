package main

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// instance is what the admin API says of an instance.
type instance struct {
	Name      string
	Version   int
	LoadedAt  string `json:"loaded_at"`
	Scripts   []string
	Counts    struct{ Tenants, Routes, Pools int }
	LastError *struct{ Error, Cause, At string } `json:"last_error"`
}

// instances asks the admin API for the instances.
func instances(t *testing.T, c *e2e.Caddy) []instance {
	t.Helper()
	answer := c.Admin(http.MethodGet, "/luaroute/", "")
	var all []instance
	if err := json.Unmarshal([]byte(answer.Body), &all); err != nil || answer.Status != 200 {
		t.Fatalf("GET /luaroute/ is %d %q", answer.Status, answer.Body)
	}
	return all
}

// changes is what a reload says of routes, pools or tenants.
type changes struct {
	Added, Removed, Changed int
	AddedNames              []string `json:"added_names"`
	RemovedNames            []string `json:"removed_names"`
	ChangedNames            []string `json:"changed_names"`
}

func TestTheAdminAPIReloadsScripts(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$app" })
		route:get("/a", route.respond(200, "a"))
		route:get("/b", route.respond(200, "b"))
		route:get("/app", "app")`)
	config := c.Admin(http.MethodGet, "/config/", "").Body
	c.Get("/a").Want(200, "a")

	c.File("main.lua", `
		-- a line more
		local route = require("luaroute")
		route:pool("app", { "$app", try_duration = 1 })
		route:get("/a", route.respond(200, "a"))
		route:get("/app", route.respond(201, "changed"))
		route:get("/c", route.respond(200, "c"))
		route:tenant("acme", { path_prefix = "/acme" }, function(r) r:get("/", function() return 200 end) end)`)
	answer := c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	var got struct {
		Version                int
		Routes, Pools, Tenants changes
	}
	if err := json.Unmarshal([]byte(answer.Body), &got); err != nil || answer.Status != 200 {
		t.Fatalf("the reload is %d %q", answer.Status, answer.Body)
	}
	want := got
	want.Version = 2
	want.Routes = changes{2, 1, 1, []string{"GET /acme/ tenant acme", "GET /c"}, []string{"GET /b"}, []string{"GET /app"}}
	want.Pools = changes{Changed: 1, ChangedNames: []string{"app"}}
	want.Tenants = changes{Added: 1, AddedNames: []string{"acme"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the difference is %+v; want %+v", got, want)
	}
	c.Get("/c").Want(200, "c")
	c.Get("/b").Want(200, "")
	if now := c.Admin(http.MethodGet, "/config/", "").Body; now != config {
		t.Errorf("the configuration has become %s", now)
	}
	i := instances(t, c)[0]
	if i.Name != "main" || i.Version != 2 || i.LastError != nil || i.Counts.Routes != 4 || len(i.Scripts) != 1 {
		t.Errorf("the instance is %+v", i)
	}
}

func TestAReloadThatFailsIsReportedAndTheOldTableServes(t *testing.T) {
	c := e2e.New(t)
	c.Route(`require("luaroute"):get("/", function() return 200, "good" end)`)

	c.File("main.lua", "\nerror('no good')")
	answer := c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	refuses(t, answer, http.StatusUnprocessableEntity, "main.lua:2: no good")
	c.Get("/").Want(200, "good")
	i := instances(t, c)[0]
	if i.Version != 1 || i.LastError == nil || !strings.HasSuffix(i.LastError.Error, "main.lua:2: no good") || i.LastError.Cause != "admin API" {
		t.Errorf("the instance is %+v, its error %+v", i, i.LastError)
	}
	if c.Logged("reload failed, the old routing table keeps serving") != 1 {
		t.Error("the failure is not in the log")
	}

	c.File("main.lua", `require("luaroute"):get("/", function() return 200, "better" end)`)
	if answer := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); answer.Status != 200 {
		t.Errorf("the reload is %d %q", answer.Status, answer.Body)
	}
	c.Get("/").Want(200, "better")
	if i := instances(t, c)[0]; i.Version != 2 || i.LastError != nil {
		t.Errorf("the instance is %+v", i)
	}
}

func TestTheAdminAPISaysWhatThereIs(t *testing.T) {
	c := e2e.New(t)
	c.MustLoad(c.JSON(`{}`))
	c.Admin(http.MethodGet, "/luaroute/", "").Want(200, "[]\n")
	refuses(t, c.Admin(http.MethodPost, "/luaroute/main/reload", ""), http.StatusNotFound, "no luaroute instance runs")

	c.Route(`require("luaroute"):get("/", function() return 200, "good" end)`)
	for _, row := range []struct {
		method, path string
		status       int
		want         string
	}{
		{http.MethodPost, "/luaroute/shop/reload", 404, `no luaroute instance "shop" runs; expected main`},
		{http.MethodGet, "/luaroute/main/reload", 405, "method GET: expected POST"},
		{http.MethodGet, "/luaroute/main/nothing", 404, "/luaroute/main/nothing: expected "},
		{http.MethodGet, "/luaroute/main", 404, "PUT /luaroute/main/scripts/{script}, "},
		{http.MethodGet, "/luaroute/shop", 404, `no luaroute instance "shop" runs; expected main`},
		{http.MethodGet, "/luaroute/?format=xml", 400, `format "xml": expected json or text`},
	} {
		refuses(t, c.Admin(row.method, row.path, ""), row.status, row.want)
	}
	text := c.Admin(http.MethodGet, "/luaroute/?format=text", "").Body
	if !strings.HasPrefix(text, "NAME  VERSION  LOADED AT") || !strings.Contains(text, "\nmain  1 ") {
		t.Errorf("the text is %q", text)
	}
}

func TestTheAdminAPIListsRoutesAndPools(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$app" })
		route:get("/users/{id}", { name = "user", meta = { team = "a" }, when = function(req) return true end }, "app")
		route:with(function(req, res) end):any("/lua", function(req) return 204 end)
		route:tenant("acme", { hosts = { "acme.example" }, path_prefix = "/acme", pool = "app" })`)
	c.Get("/users/7").From("app")

	var routes []map[string]any
	if err := json.Unmarshal([]byte(c.Admin(http.MethodGet, "/luaroute/main/routes", "").Body), &routes); err != nil {
		t.Fatal(err)
	}
	script := c.Expand("$dir/main.lua")
	function := func(line string) map[string]any { return map[string]any{"kind": "function", "at": script + ":" + line} }
	proxy := map[string]any{"kind": "proxy", "text": "app"}
	want := []map[string]any{
		{"tenant": "acme", "hosts": []any{"acme.example"}, "pattern": "/acme/*", "action": proxy, "at": script + ":6"},
		{
			"name": "user", "methods": []any{"GET"}, "pattern": "/users/{id}", "action": proxy, "at": script + ":4",
			"guards": []any{function("4")}, "meta": map[string]any{"team": "a"},
		},
		{
			"pattern": "/lua", "middleware": []any{function("5")}, "action": function("5"), "at": script + ":5",
			"within": []any{map[string]any{"kind": "with", "at": script + ":5"}},
		},
	}
	if !reflect.DeepEqual(routes, want) {
		t.Errorf("the routes are\n%v; want\n%v", routes, want)
	}
	text := c.Admin(http.MethodGet, "/luaroute/main/routes?format=text", "").Body
	if lines := strings.Split(text, "\n"); len(lines) != 5 || strings.Join(strings.Fields(lines[1])[:8], " ") != "acme acme.example any /acme/* - - proxy app" {
		t.Errorf("the text is\n%s", text)
	}

	c.Admin(http.MethodGet, "/luaroute/main/pools", "").Want(200, c.Expand(
		`[{"name":"app","at":"$dir/main.lua:3","upstreams":[{"address":"$app","healthy":true,"requests":0,"fails":0}]}]`)+"\n")
	if text := c.Admin(http.MethodGet, "/luaroute/main/pools?format=text", "").Body; !strings.Contains(text, c.Expand("\n-       app   $app  true     0         0      $dir/main.lua:3\n")) {
		t.Errorf("the text is\n%s", text)
	}
}

func TestAReloadTellsWhichRoutesHaveChanged(t *testing.T) {
	const script = `
		local route = require("luaroute")
		local text = "1"
		route:pool("app", { "127.0.0.1:1" })
		route:get("/function", function(req) if req.query.a then return 204 end; return 200, "1" end)
		route:get("/inner", function(req) return (function() return 200, "1" end)() end)
		route:get("/captured", function() return 200, text end)
		route:get("/body", route.respond(200, "1"))
		route:get("/header", route.respond(200, "", { ["X-A"] = "1" }))
		route:get("/query", route.proxy("app", { query = "q=1" }))
		route:get("/proxied", route.proxy("app", { headers = { set = { ["X-A"] = "1" } } }))
		route:get("/module", route.handler("static_response", { body = "1" }))
		route:get("/matcher", { when = route.matcher("client_ip", { ranges = { "10.0.0.1/32" } }) }, "app")
		route:get("/data", { when = { header = { ["X-A"] = "1" } } }, "app")
		route:get("/meta", { meta = { n = 1 } }, "app")
		route:with(function() return nil, "1" end):get("/middleware", "app")
		route:get("/same", function() return 200, "same" end)`
	c := e2e.New(t)
	c.Route(script)
	changed := func() []string {
		t.Helper()
		var got struct{ Routes changes }
		answer := c.Admin(http.MethodPost, "/luaroute/main/reload", "")
		if err := json.Unmarshal([]byte(answer.Body), &got); err != nil || got.Routes.Added+got.Routes.Removed != 0 {
			t.Fatalf("the reload is %d %q", answer.Status, answer.Body)
		}
		return got.Routes.ChangedNames
	}
	c.File("main.lua", "\n\nlocal unused = 1\n"+script)
	if got := changed(); got != nil {
		t.Errorf("some lines more change %v", got)
	}
	for _, row := range []struct{ name, old, new string }{
		{"/function", `204 end; return 200, "1"`, `204 end; return 200, "2"`},
		{"/inner", `function() return 200, "1" end)()`, `function() return 201, "1" end)()`},
		{"/captured", `text = "1"`, `text = "2"`},
		{"/body", `respond(200, "1")`, `respond(200, "2")`},
		{"/header", `"", { ["X-A"] = "1" }`, `"", { ["X-A"] = "2" }`},
		{"/query", `q=1`, `q=2`},
		{"/proxied", `set = { ["X-A"] = "1" }`, `set = { ["X-A"] = "2" }`},
		{"/module", `body = "1"`, `body = "2"`},
		{"/matcher", `10.0.0.1/32`, `10.0.0.2/32`},
		{"/data", `header = { ["X-A"] = "1" }`, `header = { ["X-A"] = "2" }`},
		{"/meta", `n = 1`, `n = 2`},
		{"/middleware", `nil, "1"`, `nil, "2"`},
	} {
		c.File("main.lua", strings.Replace(script, row.old, row.new, 1))
		if got := changed(); len(got) != 1 || got[0] != "GET "+row.name {
			t.Errorf("a change of %s changes %v", row.name, got)
		}
		c.File("main.lua", script)
		changed()
	}
}
