package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// customs returns the metrics of scripts, by name and labels.
func customs(t *testing.T, c *e2e.Caddy, name string) map[string]float64 {
	t.Helper()
	return samples(t, c, "caddy_luaroute_custom_"+name)
}

const counting = `local route = require("luaroute")
	local jobs = route.metric{ name = "jobs", kind = "gauge", help = "Jobs under way." }
	route.metric{ name = "cache", help = "Looks into the cache.", labels = { result = { "hit", "miss" } } }
	route:get("/cache/{result}", function(req)
		req:count("cache", 1, { result = req.params.result })
		return 204
	end)
	route:get("/jobs/{n}", function(req, res)
		jobs:count(tonumber(req.params.n))
		res:on_done(function() jobs:count() end)
		return 204
	end)
	route:get("/set", function() jobs:set(40) return 204 end)
	route:get("/guarded", { when = function(req) req:count("cache", 1, { result = "guard" }) return true end }, function() return 204 end)`

func TestScriptsCountInMetricsOfTheirOwn(t *testing.T) {
	c := e2e.New(t)
	c.Route(counting)
	for _, path := range []string{"/cache/hit", "/cache/hit", "/cache/from-the-client", "/guarded"} {
		c.Get(path).Want(204, "")
	}
	labels := func(result string) string { return fmt.Sprintf(`instance="main",result="%s",tenant=""`, result) }
	if got := customs(t, c, "cache_total"); len(got) != 3 || got[labels("hit")] != 2 || got[labels("miss")] != 0 || got[labels("_other")] != 2 {
		t.Errorf("the counts are %v", got)
	}
	c.Get("/set").Want(204, "")
	c.Get("/jobs/-2.5").Want(204, "")
	e2e.Until(t, "on_done counts", func() bool { return customs(t, c, "jobs")[`instance="main",tenant=""`] == 38.5 })
	stats := c.Admin(http.MethodGet, "/luaroute/main/stats?tenant=", "").Body
	if !strings.Contains(stats, `{"tenant":"","name":"cache","kind":"counter","labels":{"result":"hit"},"value":2}`) {
		t.Errorf("the numbers are %s", stats)
	}
	if text := c.Admin(http.MethodGet, "/luaroute/main/stats?format=text", "").Body; !strings.Contains(text, "cache   result=hit     2\n") {
		t.Errorf("the numbers are\n%s", text)
	}
}

func TestExplanationsAndTestsOfScriptsCountNothing(t *testing.T) {
	c := e2e.New(t)
	c.Route(counting)
	for _, path := range []string{"/cache/hit", "/guarded", "/set", "/jobs/3"} {
		answer := c.Admin(http.MethodPost, "/luaroute/main/explain?run=true", `{"method":"GET","path":"`+path+`"}`)
		if answer.Status != http.StatusOK {
			t.Fatalf("%d %s", answer.Status, answer.Body)
		}
	}
	for _, name := range []string{"cache_total", "jobs"} {
		for labels, n := range customs(t, c, name) {
			if n != 0 {
				t.Errorf("%s{%s} is %g", name, labels, n)
			}
		}
	}
}

func TestMetricsOfScriptsSurviveReloadsAndVanishWithTheirDeclaration(t *testing.T) {
	c := e2e.New(t)
	c.Route(counting)
	c.Get("/cache/hit").Want(204, "")
	reload := func(script string, want int) string {
		t.Helper()
		c.File("main.lua", script)
		answer := c.Admin(http.MethodPost, "/luaroute/main/reload", "")
		if answer.Status != want {
			t.Fatalf("the reload is answered with %d %s", answer.Status, answer.Body)
		}
		return answer.Body
	}
	reload(counting+"\n-- changed", http.StatusOK)
	if got := customs(t, c, "cache_total")[`instance="main",result="hit",tenant=""`]; got != 1 {
		t.Errorf("after a reload the count is %g", got)
	}
	why := reload(counting+"\nroute.metric{ name = \"cache\", kind = \"gauge\" }", http.StatusUnprocessableEntity)
	if !strings.Contains(why, "main.lua:15") || !strings.Contains(why, "main.lua:3") {
		t.Errorf("the error does not name both places: %s", why)
	}
	if got := customs(t, c, "cache_total"); len(got) != 2 {
		t.Errorf("a reload that failed has changed the metrics: %v", got)
	}
	reload(strings.Replace(counting, `route.metric{ name = "cache"`, `route.metric{ name = "looks"`, 1), http.StatusOK)
	if body := c.Admin(http.MethodGet, "/metrics", "").Body; strings.Contains(body, "custom_cache") || !strings.Contains(body, "custom_looks_total") {
		t.Error("the metric that is gone is there, or the new one is not")
	}
}

func TestTenantsMayUseOneNameForMetricsOfTheirOwn(t *testing.T) {
	c := e2e.New(t)
	c.File("a/main.lua", `local route = require("luaroute")
		route.metric{ name = "seen", help = "of a", labels = { by = { "x" } } }
		route:get("/a", function(req) req:count("seen", 1, { by = "x" }) return 204 end)`)
	c.File("b/main.lua", `local route = require("luaroute")
		route.metric{ name = "seen", help = "of b" }
		route:get("/b", function(req) req:count("seen", 2) return 204 end)`)
	c.File("g/main.lua", `local route = require("luaroute")
		route.metric{ name = "seen", kind = "gauge" }
		route:get("/g", function(req) req:count("seen", -1) return 204 end)`)
	c.Start(`http:// {
		luaroute {
			tenant a {
				path_prefix /a
				script $dir/a/main.lua
			}
			tenant b {
				path_prefix /b
				script $dir/b/main.lua
			}
			tenant g {
				path_prefix /g
				script $dir/g/main.lua
			}
		}
	}`)
	for _, path := range []string{"/a/a", "/b/b", "/g/g"} {
		c.Get(path).Want(204, "")
	}
	got := customs(t, c, "seen_total")
	if got[`by="x",instance="main",tenant="a"`] != 1 || got[`instance="main",tenant="b"`] != 2 || len(got) != 2 {
		t.Errorf("the counters are %v", got)
	}
	if got := customs(t, c, "seen"); got[`instance="main",tenant="g"`] != -1 || len(got) != 1 {
		t.Errorf("the gauges are %v", got)
	}
	if stats := c.Admin(http.MethodGet, "/luaroute/main/stats?tenant=b", "").Body; !strings.Contains(stats, `"seen"`) || strings.Contains(stats, `"a"`) {
		t.Errorf("the numbers of one tenant are %s", stats)
	}
}

func TestAStrangersScriptMayHaveAFewMetricsOnly(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/x", { status = 204 })`)
	for _, row := range []struct{ script, want string }{
		{`for i = 1, 21 do route.metric{ name = "m" .. i } end`, "an isolated tenant may have 20 metrics"},
		{`local v = {} for i = 1, 200 do v[i] = i end route.metric{ name = "m", labels = { id = v } }`, "an isolated tenant may have 200"},
		{`local v = {} for i = 1, 20 do v[i] = "v" .. i end route.metric{ name = "m", labels = { a = v, b = v } }`, "441 series"},
	} {
		c.File("t/main.lua", `local route = require("luaroute") `+row.script+` route:get("/x", { status = 204 })`)
		err := c.Load(c.Caddyfile(e2e.Site("tenant t {\nscript $dir/t/main.lua\n}")))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", row.script, err)
		}
	}
}

func TestWhatIsCountedWrongIsAnErrorOfTheScript(t *testing.T) {
	c := e2e.New(t)
	c.Route(`local route = require("luaroute")
		local m = route.metric{ name = "cache", labels = { result = { "hit" } } }
		route:get("/1", function(req) req:count("cach") return 204 end)
		route:get("/2", function(req) req:count("cache", -1) return 204 end)
		route:get("/3", function(req) req:count("cache", 0/0) return 204 end)
		route:get("/4", function(req) req:count("cache", 1, { rsult = "hit" }) return 204 end)
		route:get("/5", function(req) req:count("cache", 1, { result = {} }) return 204 end)
		route:get("/6", function(req) m:set(1) return 204 end)
		route:get("/7", function(req) req:count("cache", "1") return 204 end)`)
	for i, want := range []string{
		`there is no metric \"cach\"; the script declares cache; did you mean \"cache\"?`, "a counter never goes down", "expected a number",
		`has no label \"rsult\"; it has result`, "expected a string, a number or a boolean", "is a counter", "expected a number",
	} {
		c.Get(fmt.Sprintf("/%d", i+1)).Want(500, "")
		if c.Logged(want) == 0 {
			t.Errorf("/%d: the log has no %s", i+1, want)
		}
	}
	if got := customs(t, c, "cache_total")[`instance="main",result="hit",tenant=""`]; got != 0 {
		t.Errorf("something was counted: %g", got)
	}
}
