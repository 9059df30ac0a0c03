package main

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// bodies is a script that reads bodies.
const bodies = `require("luaroute"):post("/", function(req) return 200, #req:body() end)`

func TestATenantInheritsTheLimitsThatItDoesNotSet(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		local route = require("luaroute")
		route:post("/", function(req) return 200, #req:body() end)
		route:tenant("inner", { hosts = "inner.example", script = "bodies.lua", limits = { cpu = 1 } })
		route:tenant("small", { hosts = "small.example", script = "bodies.lua", limits = { body = "5B" } })
	`)
	c.File("bodies.lua", bodies)
	c.Start(e2e.Site(`
		limits {
			body 10
		}
		tenant outer {
			host outer.example
			script $dir/bodies.lua
			limits {
				cpu 1s
			}
		}
		tenant large {
			host large.example
			script $dir/bodies.lua
			limits {
				body 1KiB
			}
		}`))

	for host, most := range map[string]int{
		"other.example": 10, "inner.example": 10, "outer.example": 10, "small.example": 5, "large.example": 1024,
	} {
		for size, status := range map[int]int{most: 200, most + 1: 413} {
			answer := c.Send(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", size)), "Host: "+host)
			if answer.Status != status {
				t.Errorf("%s, %d bytes: the answer is %d; want %d", host, size, answer.Status, status)
			}
		}
	}
}

func TestATenantThatBurnsItsCPUIsRefusedAndItsNeighboursAreServed(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		local route = require("luaroute")
		route:tenant("loop", { hosts = "loop.example", script = "hostile.lua", limits = { cpu = "5ms", vms = 2 } })
		route:any("/*", function() return 200, "default" end)
	`)
	c.File("hostile.lua", `require("luaroute"):any("/*", function() while true do pcall(error) end end)`)
	c.File("neighbour.lua", `require("luaroute"):any("/*", function(req) return 200, req.tenant end)`)
	c.Start(e2e.Site(`
		tenant burn {
			host burn.example
			script $dir/hostile.lua
			limits {
				cpu 5ms
				vms 2
			}
		}
		tenant neighbour {
			host neighbour.example
			script $dir/neighbour.lua
		}`))

	var burning sync.WaitGroup
	for _, host := range []string{"burn.example", "loop.example", "burn.example", "loop.example"} {
		burning.Go(func() {
			for range 10 {
				answer, err := c.Try(http.MethodGet, "/", nil, "Host: "+host)
				if err != nil || answer.Status != 503 || answer.Body != "" || answer.Header.Get("Retry-After") == "" {
					t.Errorf("%s: the answer is %d %q with %v, %v", host, answer.Status, answer.Body, answer.Header, err)
				}
			}
		})
	}
	for range 50 {
		c.Get("/", "Host: neighbour.example").Want(200, "neighbour")
		c.Get("/").Want(200, "default")
	}
	burning.Wait()
	if c.Logged("hostile.lua:1: the budget of the script is used up: it ran for more than 5ms") == 0 {
		t.Error("the log does not say why")
	}
	if n := c.Logged(`"msg":"script failed"`); n == 0 || n > 40 {
		t.Errorf("there are %d lines about it", n)
	}
}

func TestATenantThatHoldsAllItsVMsLeavesItsNeighboursTheirs(t *testing.T) {
	c := e2e.New(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	c.Serve("slow", func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "slow")
	})
	c.File("slow.lua", `
		local route = require("luaroute")
		route:pool("slow", "$slow")
		route:with(function(req, res, next) next() end):get("/slow", "slow")
		route:get("/", function(req) return 200, req.tenant end)
	`)
	c.Start(`http:// {
		luaroute {
			allow {
				upstreams 127.0.0.1
			}
			limits {
				vms 1
				queue 5ms
			}
			tenant a {
				host a.example
				script $dir/slow.lua
			}
			tenant b {
				host b.example
				script $dir/slow.lua
			}
		}
	}`)

	var slow sync.WaitGroup
	slow.Go(func() {
		if answer, err := c.Try(http.MethodGet, "/slow", nil, "Host: a.example"); err != nil || answer.Body != "slow" {
			t.Errorf("the answer is %d %q, %v", answer.Status, answer.Body, err)
		}
	})
	<-arrived
	busy := c.Get("/", "Host: a.example")
	busy.Want(503, "")
	if busy.Header.Get("Retry-After") == "" {
		t.Error("Retry-After is missing")
	}
	c.Get("/", "Host: b.example").Want(200, "b")
	close(release)
	slow.Wait()
	e2e.Until(t, "the tenant is served again", func() bool { return c.Get("/", "Host: a.example").Body == "a" })
}

func TestALimitThatIsNegativeRefusesTheConfiguration(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", bodies)
	for limit, want := range map[string]string{
		`"cpu": "-1s"`:   "limits: cpu is -1s; expected a positive duration",
		`"wall": -5`:     "limits: wall is -5ns; expected a positive duration",
		`"queue": "-1s"`: "limits: queue is -1s; expected a positive duration",
		`"vms": -1`:      "limits: vms is -1; expected a positive number",
		`"streams": -1`:  "limits: streams is -1; expected a positive number",
	} {
		for place, config := range map[string]string{
			"":             `"scripts": ["$dir/main.lua"], "limits": {` + limit + `}`,
			`tenant "a": `: `"tenants": {"a": {"scripts": ["$dir/main.lua"], "limits": {` + limit + `}}}`,
		} {
			err := c.Load(c.JSON(`{"apps": {"http": {"servers": {"srv0": {"routes": [{"handle": [{"handler": "luaroute", ` + config + `}]}]}}}}}`))
			if err == nil || !strings.Contains(err.Error(), place+want) {
				t.Errorf("the error is %v; want %s%s", err, place, want)
			}
		}
	}
}
