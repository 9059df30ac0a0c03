package main

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func init() {
	caddy.RegisterModule(door{})
	httpcaddyfile.RegisterHandlerDirective("door", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		h.Next()
		return door{}, nil
	})
	httpcaddyfile.RegisterDirectiveOrder("door", httpcaddyfile.Before, "route")
}

// door counts the requests that go in to the handlers behind it. One with the header X-Hold knocks and waits until it is let in.
type door struct{}

var (
	wentIn       atomic.Int64
	knock, letIn = make(chan struct{}), make(chan struct{})
)

// CaddyModule returns the Caddy module information.
func (door) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.door", New: func() caddy.Module { return new(door) }}
}

// ServeHTTP counts the request, and may hold it up.
func (door) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	wentIn.Add(1)
	if r.Header.Get("X-Hold") != "" {
		knock <- struct{}{}
		<-letIn
	}
	return next.ServeHTTP(w, r)
}

func TestEveryRequestThatComesInDuringReloadsIsAnswered(t *testing.T) {
	const reloads, clients = 20, 4
	c := e2e.New(t)
	c.Origin("app")
	load := func(version int) {
		c.File("main.lua", fmt.Sprintf("local version = %d", version)+`
			local route = require("luaroute")
			route:pool("app", { "$app", try_duration = 100 + version })
			route:use(function(req, res) res.headers["X-Version"] = version end)
			route:get("/pool", "app")
			route:get("/lua", function() return 200, "lua" end)
			route:with(function(req, res, next) next() end):get("/wrapped", function(req) req:body(); return "app" end)
		`)
		c.Start("http:// {\ndoor\nluaroute {\nscript $dir/main.lua\n}\n}")
	}
	load(1)

	wentIn.Store(0)
	var answered, dropped atomic.Int64
	versions := make([]map[string]bool, clients)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range clients {
		versions[i] = map[string]bool{}
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				path := []string{"/pool", "/lua", "/wrapped"}[n%3]
				answer, err := c.Try(http.MethodGet, path, nil)
				switch {
				case err != nil: // the listener of the old configuration was closed with the connection in its queue
					dropped.Add(1)
					continue
				case path == "/lua":
					answer.Want(200, "lua")
				default:
					answer.From("app")
				}
				answered.Add(1)
				versions[i][answer.Header.Get("X-Version")] = true
			}
		})
	}
	for version := range reloads {
		before := answered.Load()
		e2e.Until(t, "some requests were answered", func() bool { return answered.Load() > before+2*clients })
		load(version + 2)
	}
	close(done)
	wg.Wait()

	if in, out := wentIn.Load(), answered.Load(); in != out || in < reloads*clients {
		t.Errorf("%d requests went in, %d were answered", in, out)
	}
	seen := map[string]bool{}
	for _, of := range versions {
		for version := range of {
			seen[version] = true
		}
	}
	if seen[""] || len(seen) <= reloads/2 {
		t.Errorf("the answers came from versions %v", seen)
	}
	t.Logf("%d requests went in, %d connections were dropped before", wentIn.Load(), dropped.Load())
}

func TestARunningRequestFinishesOnTheOldConfiguration(t *testing.T) {
	c := e2e.New(t)
	entered, proceed := make(chan struct{}), make(chan struct{})
	c.Serve("slow", func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-proceed
		fmt.Fprint(w, "finished")
	})
	c.Route(`
		local route = require("luaroute")
		route:pool("slow", { "$slow" })
		route:with(function(req, res, next)
		  res.headers["X-Config"] = "old"
		  next()
		end):get("/slow", "slow")
	`)

	old := make(chan e2e.Answer, 1)
	go func() {
		answer, err := c.Try(http.MethodGet, "/slow", nil)
		if err != nil {
			t.Error(err)
		}
		old <- answer
	}()
	<-entered
	reloaded := make(chan struct{})
	go func() { // Caddy waits for the requests of the old configuration
		defer close(reloaded)
		c.Route(`require("luaroute"):get("/new", function() return 200, "new" end)`)
	}()
	e2e.Until(t, "the new configuration serves", func() bool {
		answer, err := c.Try(http.MethodGet, "/new", nil, "Connection: close")
		return err == nil && answer.Body == "new"
	})
	close(proceed)
	answer := <-old
	<-reloaded
	answer.Want(200, "finished")
	if answer.Header.Get("X-Config") != "old" {
		t.Error("the wrapper of the old configuration did not go on")
	}
}

func TestARequestThatComesAfterItsConfigurationHasEndedIsAnsweredByTheNext(t *testing.T) {
	c := e2e.New(t)
	c.Options = "grace_period 1ms" // so that Caddy ends a configuration while a request is still on its way
	start := func(answer string) {
		c.File("main.lua", `require("luaroute"):get("/", function() return 200, "`+answer+`" end)`)
		c.Start("http:// {\ndoor\nluaroute {\nscript $dir/main.lua\n}\n}")
	}
	start("old")

	held := make(chan e2e.Answer, 1)
	go func() {
		answer, err := c.Try(http.MethodGet, "/", nil, "X-Hold: yes")
		if err != nil {
			t.Error(err)
		}
		held <- answer
	}()
	<-knock
	start("new")
	letIn <- struct{}{}
	if answer := <-held; answer.Status != http.StatusOK || answer.Body != "new" {
		t.Errorf("the answer is %d %q; want that of the new configuration", answer.Status, answer.Body)
	}
}

func TestReloadsLeaveNothingBehind(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	const reloads = 100
	c := e2e.New(t)
	c.Origin("app")
	// What a table that leaks would keep: a goroutine for each pool with checks, and what the handler refers to.
	c.File("main.lua", `
		local route = require("luaroute")
		local ballast = string.rep("x", 256 * 1024)
		route:pool("checked", { "$app", health_uri = "/", health_interval = "1s" })
		route:pool("plain", { "$app" })
		route:get("/lua", function(req) return 200, tostring(#ballast) end)
		route:with(function(req, res, next) next() end):get("/checked", "checked")
		route:get("/plain", "plain")
	`)
	config := c.Caddyfile(e2e.Site("tenant isolated {\nallow {\nupstreams 127.0.0.1\n}\npath_prefix /isolated\nscript $dir/main.lua\n}"))
	reload := func(times int) {
		for range times {
			c.MustLoad(config)
			for _, prefix := range []string{"", "/isolated"} {
				c.Get(prefix+"/lua", "Connection: close").Want(200, "262144")
				c.Get(prefix+"/checked", "Connection: close").From("app")
				c.Get(prefix+"/plain", "Connection: close").From("app")
			}
		}
	}

	reload(10) // whatever Caddy keeps once is there
	runtime.GC()
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	reload(reloads)

	const slack = 4 << 20 // a tenth of what the ballast of all tables would take
	e2e.Until(t, "the goroutines of old configurations have ended", func() bool {
		return runtime.NumGoroutine() <= goroutines+10
	})
	var now uint64
	e2e.Until(t, "the memory of old configurations is free", func() bool {
		now = heapInUse()
		return now <= heap+slack
	})
	t.Logf("goroutines: %d, then %d; heap: %d KiB, then %d KiB", goroutines, runtime.NumGoroutine(), heap>>10, now>>10)
}

// heapInUse returns the bytes that are reachable.
func heapInUse() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
