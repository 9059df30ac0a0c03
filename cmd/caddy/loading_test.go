package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// tenantsOf are tenants of a Caddyfile, each with a script of its name and the host NAME.test.
func tenantsOf(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("tenant " + name + " {\nhost " + name + ".test\nscript $dir/" + name + ".lua\n}\n")
	}
	return b.String()
}

func TestScriptsOfTenantsThatWaitAreLoadedSideBySide(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	c.LoadWait(time.Minute) // on a busy machine 3 s may be more
	const waits = `require("time").sleep(3) require("luaroute"):get("/", { status = 200, body = "fine" })`
	var names []string
	for i := range 12 {
		name := "t" + string(rune('a'+i))
		names = append(names, name)
		c.File(name+".lua", waits)
		c.File("inner"+name+".lua", waits)
	}
	c.File("main.lua", `local route = require("luaroute")
		for _, name in ipairs({ "`+strings.Join(names, `", "`)+`" }) do
			route:tenant("inner" .. name, { hosts = { "inner" .. name .. ".test" }, script = "inner" .. name .. ".lua" })
		end`)
	start := time.Now()
	c.Start(e2e.Site(tenantsOf(names...)))
	if took := time.Since(start); took > time.Minute { // one after the other they would wait for 72 s
		t.Errorf("to load 24 scripts that wait for 3 s took %v", took)
	}
	for _, name := range names {
		c.Get("/", "Host: "+name+".test").Want(200, "fine")
		c.Get("/", "Host: inner"+name+".test").Want(200, "fine")
	}
}

func TestTheFirstScriptOfTheConfigurationThatFailsIsTheOneThatIsReported(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/", { status = 204 })`)
	c.File("good.lua", `require("luaroute"):get("/", { status = 204 })`)
	c.File("slow.lua", `for i = 1, 100000 do end error("first")`)
	c.File("quick.lua", `error("second")`)
	config := c.Caddyfile(e2e.Site(tenantsOf("good", "slow", "quick")))
	for range 10 {
		if err := c.Load(config); err == nil || !strings.Contains(err.Error(), "slow.lua:1: first") {
			t.Fatalf("got %v; want the error of the first tenant that fails", err)
		}
	}
}

func TestAScriptMayNotWaitForLongWhileItIsLoaded(t *testing.T) {
	c := e2e.New(t)
	if usual := c.LoadWait(50 * time.Millisecond); usual != 5*time.Second {
		t.Errorf("by itself a load may wait for %v", usual)
	}
	c.File("main.lua", `local time = require("time")
		for i = 1, 1000 do pcall(time.sleep, 3600) end`)
	err := c.Load(c.Caddyfile(e2e.Site("")))
	if err == nil || !strings.Contains(err.Error(), "the budget of the script is used up: it waited for more than 50ms") {
		t.Errorf("got %v", err)
	}
}

func TestATenantWhoseScriptFailsAtTheStartIsLeftOutWithIsolateFailures(t *testing.T) {
	good := `require("luaroute"):get("/", { status = 200, body = "good" })`
	for name, bad := range map[string]string{
		"an error":                 `require("luaroute"):get("/", { status = 200 }) error("broken")`,
		"a syntax error":           `route get`,
		"an unknown pool":          `require("luaroute"):get("/", "nowhere") require("luaroute").every(1, function() print("never") end)`,
		"an expectation":           `local r = require("luaroute") r:get("/", { status = 200 }) r:expect({ path = "/", host = "bad.test" }, { status = 201 })`,
		"the end of its budget":    `while true do end`,
		"a file that is not there": "",
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			c.LoadBudget(50 * time.Millisecond)
			c.File("main.lua", `local route = require("luaroute")
				route:tenant("inner", { hosts = { "inner.test" }, script = "bad.lua" })
				route:any("/*", { status = 200, body = "default" })`)
			c.File("good.lua", good)
			if bad != "" {
				c.File("bad.lua", bad)
			}
			if err := c.Load(c.Caddyfile(e2e.Site(tenantsOf("good", "bad")))); err == nil {
				t.Fatal("without isolate_failures the configuration is good")
			}
			c.Start(e2e.Site("isolate_failures\n" + tenantsOf("good", "bad")))
			leftOut := func() []string {
				var all []struct {
					LeftOut []struct{ Tenant, Error string } `json:"left_out"`
				}
				if err := json.Unmarshal([]byte(c.Admin(http.MethodGet, "/luaroute/", "").Body), &all); err != nil || len(all) != 1 {
					t.Fatalf("the admin API says %v, %v", all, err)
				}
				var names []string
				for _, l := range all[0].LeftOut {
					if l.Error == "" {
						t.Errorf("there is no error for %s", l.Tenant)
					}
					names = append(names, l.Tenant)
				}
				return names
			}
			c.Get("/", "Host: good.test").Want(200, "good")
			c.Get("/", "Host: other.test").Want(200, "default")
			for _, host := range []string{"bad.test", "inner.test"} {
				c.Get("/", "Host: "+host).Want(503, "")
				c.Get("/any/path", "Host: "+host).Want(503, "")
			}
			if got := strings.Join(leftOut(), " "); got != "bad inner" {
				t.Errorf("left out are %q", got)
			}
			if n := c.Logged("the scripts of a tenant failed"); n != 2 {
				t.Errorf("the log tells of %d tenants", n)
			}
			if !strings.Contains(c.Admin(http.MethodGet, "/metrics", "").Body, `caddy_luaroute_tenants_left_out{instance="main"} 2`) {
				t.Error("the metric is not there")
			}

			// What is left out holds nobody up, and what serves is not left out.
			c.File("good.lua", strings.Replace(good, `"good"`, `"better"`, 1))
			c.Admin(http.MethodPost, "/luaroute/main/reload", "")
			c.Get("/", "Host: good.test").Want(200, "better")
			c.Get("/", "Host: bad.test").Want(503, "")
			c.File("good.lua", "error('broken')")
			refuses(t, c.Admin(http.MethodPost, "/luaroute/main/reload", ""), http.StatusUnprocessableEntity, "good.lua:1: broken")
			c.Get("/", "Host: good.test").Want(200, "better")

			c.File("good.lua", good)
			c.File("bad.lua", `require("luaroute"):get("/", { status = 200, body = "mended" })`)
			c.Admin(http.MethodPost, "/luaroute/main/reload", "")
			c.Get("/", "Host: bad.test").Want(200, "mended")
			c.Get("/", "Host: inner.test").Want(200, "mended")
			if got := leftOut(); len(got) > 0 {
				t.Errorf("%q are still left out", got)
			}
		})
	}
}
