package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestTheDashboardShowsWhatCheckFindsInScriptsAndModules(t *testing.T) {
	t.Setenv("DASHBOARD_TOKEN", "planted-environment")
	c := e2e.New(t)
	c.File("lib/names.lua", "local M = {}\nfunction M.of(req)\n  local unused = req.params\n  return req.tenant\nend\nfunction M.on(route) route:gte(\"/m\", { status = 204 }) end\nreturn M\n")
	c.File("main.lua", `local route, names = require("luaroute"), require("lib.names")
route.metric{ name = "cache" }
route:get("/x", function(req) req:count("cahce") return 204 end)
route:get("/y", function(req) return req:hedaer("planted-environment") and 204 or 205 end)
`)
	c.Start(dashboard("", "env DASHBOARD_TOKEN"))
	ask := func(path string, into any) {
		t.Helper()
		answer := c.Get("/ops/api/main/"+path, localHost)
		if answer.Status != http.StatusOK || strings.Contains(answer.Body, "planted") {
			t.Fatalf("%s: %d %s", path, answer.Status, answer.Body)
		}
		if err := json.Unmarshal([]byte(answer.Body), into); err != nil {
			t.Fatal(err)
		}
	}
	var list []struct {
		Name            string
		Lines, Findings int
	}
	ask("scripts", &list)
	if len(list) != 2 || list[0].Name != c.Expand("$dir/main.lua") || list[0].Findings != 2 || list[1].Name != c.Expand("$dir/lib/names.lua") {
		t.Errorf("the list is %+v", list)
	}
	var script struct {
		Code     string
		Findings []struct {
			Severity, Kind, Message string
			Line                    int
		}
	}
	ask(c.Expand("script?name=$dir/main.lua"), &script)
	if len(script.Findings) != 2 {
		t.Fatalf("the findings are %+v", script.Findings)
	}
	if f := script.Findings[0]; f.Line != 3 || f.Kind != "unknown-name" || f.Severity != "warning" || f.Message != `there is no metric "cahce"; did you mean "cache"?` {
		t.Errorf("the first finding is %+v", f)
	}
	if f := script.Findings[1]; f.Line != 4 || !strings.Contains(f.Message, `did you mean "header"`) {
		t.Errorf("the second finding is %+v", f)
	}
	ask(c.Expand("script?name=$dir/lib/names.lua"), &script)
	if !strings.Contains(script.Code, "function M.of") {
		t.Errorf("the module is %q", script.Code)
	}
}

func TestRoutesSayWhatTheyAreWrittenIn(t *testing.T) {
	c := e2e.New(t)
	c.Route(`local route = require("luaroute")
route:get("/plain", { status = 204 })
route:tenant("acme", { hosts = { "*.acme.test" }, path_prefix = "/t" }, function(acme)
  acme:host("a.acme.test", function(r)
    r:when({ header = { ["X-Beta"] = "1" } }, function(r)
      r:route("/v1", function(r) r:group(function(r) r:get("/{id}", { status = 204 }) end) end)
    end)
  end)
end)`)
	var routes []struct {
		Pattern string
		Within  []struct{ Kind, Text, At string }
	}
	if err := json.Unmarshal([]byte(c.Admin(http.MethodGet, "/luaroute/main/routes", "").Body), &routes); err != nil {
		t.Fatal(err)
	}
	within := map[string]string{}
	for _, r := range routes {
		var all []string
		for _, w := range r.Within {
			all = append(all, strings.TrimSpace(w.Kind+" "+w.Text)+" at "+strings.TrimPrefix(w.At, c.Expand("$dir/")))
		}
		within[r.Pattern] = strings.Join(all, "; ")
	}
	const want = "host layer a.acme.test at main.lua:4; layer data header X-Beta at main.lua:5; route scope /t/v1 at main.lua:6; group at main.lua:6"
	if within["/plain"] != "" || within["/t/v1/{id}"] != want {
		t.Errorf("the routes are within %v", within)
	}
}
