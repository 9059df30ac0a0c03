package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestATimerRunsOncePerInstanceAndAllSeeItsData(t *testing.T) {
	c := e2e.New(t)
	c.File("flag.txt", "")
	c.Route(`
		local route = require("luaroute")
		local n = 0
		local latest = route.every(0.1, function()
		  n = n + 1
		  return { count = n, list = { "a", "b" } }
		end)
		local text = route.every(3600, function() return "once" end)
		route:get("/", function()
		  local data = latest()
		  return data and 200 or 503, data and data.count .. " " .. #data.list or ""
		end)
		route:get("/same", function() return 200, tostring(latest() == latest()) end)
		route:get("/text", function() return 200, text() end)`)
	e2e.Until(t, "the timer has run", func() bool { return c.Get("/").Status == 200 })
	becomes(t, c, "/text", "once")
	first := c.Get("/").Body
	e2e.Until(t, "it has run again", func() bool { return c.Get("/").Body != first })
	if body := c.Get("/").Body; !strings.HasSuffix(body, " 2") {
		t.Errorf("the data is %q", body)
	}
}

func TestAReloadWaitsForTheFirstRunOfItsTimers(t *testing.T) {
	c := e2e.New(t)
	script := func(text string) string {
		return `
		local route = require("luaroute")
		local latest = route.every(3600, function() return "` + text + `" end)
		route:get("/", function() return 200, latest() or "nothing" end)`
	}
	version := 1
	c.Route(script("1"))
	becomes(t, c, "/", "1")
	e2e.Until(t, "a reload takes less than the second that it may wait", func() bool {
		version++
		c.File("main.lua", script(fmt.Sprint(version)))
		start := time.Now()
		if answer := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); answer.Status != 200 {
			t.Fatalf("the reload is %d %q", answer.Status, answer.Body)
		}
		if time.Since(start) >= time.Second {
			return false
		}
		c.Get("/").Want(200, fmt.Sprint(version))
		return true
	})
}

func TestATimerThatFailsKeepsItsLastValueAndIsLogged(t *testing.T) {
	c := e2e.New(t)
	c.Route(`
		local route = require("luaroute")
		local n = 0
		local latest = route.every(0.1, function()
		  n = n + 1
		  if n == 1 then return { text = "good" } end
		  if n == 2 then return nil, "not now" end
		  if n == 3 then return print end
		  if n == 4 then while true do end end
		  error("no good")
		end)
		route:get("/", function() local l = latest(); return 200, l and l.text end)`)
	becomes(t, c, "/", "good")
	// The end of a budget takes the virtual machine with it, and n with that.
	for _, text := range []string{"not now", "is not plain data", "the budget of the script is used up"} {
		e2e.Until(t, "the log has "+text, func() bool { return c.Logged(text) > 0 })
		c.Get("/").Want(200, "good")
	}
}

func TestATimerStopsWithItsTable(t *testing.T) {
	c := e2e.New(t)
	c.Route(`
		local route = require("luaroute")
		route.every(0.1, function() print("old timer") end)
		route:get("/", function() return 200, "old" end)`)
	e2e.Until(t, "the timer runs", func() bool { return c.Logged("old timer") > 0 })
	c.File("main.lua", `
		local route = require("luaroute")
		local n = 0
		local latest = route.every(0.1, function() n = n + 1; return n end)
		route:get("/", function() return 200, tostring(latest()) end)`)
	c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	ran := c.Logged("old timer")
	e2e.Until(t, "the new timer has run 5 times", func() bool { n, _ := strconv.Atoi(c.Get("/").Body); return n >= 5 })
	if now := c.Logged("old timer"); now > ran+1 { // one may have been running
		t.Errorf("the timer of the old table has run %d times since", now-ran)
	}
}

func TestScriptsAskForReloads(t *testing.T) {
	c := e2e.New(t)
	c.Route(`
		local route = require("luaroute")
		route:get("/reload", function() for i = 1, 100 do route.reload() end; return 200, "asked" end)
		route:get("/", function() return 200, "1" end)`)
	c.File("main.lua", `require("luaroute"):get("/", function() return 200, "2" end)`)
	c.Get("/reload").Want(200, "asked")
	becomes(t, c, "/", "2")
	if i := instances(t, c)[0]; i.Version > 3 {
		t.Errorf("100 calls were %d reloads", i.Version-1)
	}

	c.File("main.lua", `require("luaroute").reload()`)
	refuses(t, c.Admin(http.MethodPost, "/luaroute/main/reload", ""), http.StatusUnprocessableEntity,
		"main.lua:1: route.reload is called while the script loads")
}

func TestATimerThatReloadsComesToRest(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	script := func(text string) string {
		return `
		local route = require("luaroute")
		route.every(0.3, function() route.reload() end)
		route:get("/", function() return 200, "` + text + `" end)`
	}
	c.Route(script("1"))
	c.File("main.lua", script("2"))
	becomes(t, c, "/", "2")
	start, before := time.Now(), instances(t, c)[0].Version
	e2e.Until(t, "it has reloaded again", func() bool { return instances(t, c)[0].Version >= before+3 })
	if took := time.Since(start); took < 600*time.Millisecond {
		t.Errorf("three reloads took %v", took)
	}
}
