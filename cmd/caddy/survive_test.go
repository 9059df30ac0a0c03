package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// How much of it there is. With -sockets 1000 -sse 100 -reloads 100 the test is one of endurance.
var (
	sockets = flag.Int("sockets", 100, "open WebSockets in the test of reloads")
	sse     = flag.Int("sse", 20, "open event streams in the test of reloads")
	reloads = flag.Int("reloads", 20, "script reloads in the tests of streams and of load")
)

// reload reloads the scripts of the instance main, which must be good.
func reload(t *testing.T, c *e2e.Caddy) {
	t.Helper()
	if answer := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); answer.Status != 200 {
		t.Fatalf("the reload is %d %q", answer.Status, answer.Body)
	}
}

// streams serves WebSockets that echo at /ws and events at /sse, one whenever tick does. It is healthy at /up.
func streams(tick func(ctx context.Context) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/up" {
			return
		}
		if r.URL.Path == "/sse" {
			w.Header().Set("Content-Type", "text/event-stream")
			for n := 0; ; n++ {
				fmt.Fprintf(w, "data: %d\n\n", n)
				if http.NewResponseController(w).Flush() != nil || !tick(r.Context()) {
					return
				}
			}
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for {
			kind, text, err := conn.Read(r.Context())
			if err != nil || conn.Write(r.Context(), kind, text) != nil {
				return
			}
		}
	}
}

// echo sends a text and wants it back.
func echo(ctx context.Context, conn *websocket.Conn, text string) error {
	if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		return err
	}
	_, back, err := conn.Read(ctx)
	if err == nil && string(back) != text {
		err = fmt.Errorf("%q came back as %q", text, back)
	}
	return err
}

func TestStreamsThroughUnchangedPoolsSurviveScriptReloads(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	ctx := e2e.Context(t)
	var proceed atomic.Pointer[chan struct{}] // closed to let every stream send an event
	first := make(chan struct{})
	proceed.Store(&first)
	c.Serve("app", streams(func(ctx context.Context) bool {
		select {
		case <-*proceed.Load():
			return true
		case <-ctx.Done():
			return false
		}
	}))
	version := 0
	script := func() {
		version++
		c.File("main.lua", fmt.Sprintf(`
			local route, version = require("luaroute"), %d
			route:pool("app", { "$app", health_uri = "/up", health_interval = 3600 })
			route:pool("changes", { "$app", try_duration = 100 + version })
			route:get("/ws", "app")
			route:with(function(req, res, next) next() end):get("/sse", "app")
			route:get("/version", function() return 200, tostring(version) end)
			route:get("/route" .. version, "changes")`, version))
	}
	script()
	c.Start(e2e.Site(""))
	c.Client.Timeout = 0 // of streams

	conns := make([]*websocket.Conn, *sockets)
	for i := range conns {
		conn, _, err := websocket.Dial(ctx, c.Expand("ws://127.0.0.1:$port/ws"), &websocket.DialOptions{HTTPClient: c.Client})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		conns[i] = conn
	}
	var dropped atomic.Int64
	var received, readers sync.WaitGroup
	for range *sse {
		res, err := c.Open(http.MethodGet, "/sse", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		received.Add(1)
		readers.Go(func() {
			done := sync.OnceFunc(received.Done)
			defer done()
			for lines := bufio.NewScanner(res.Body); lines.Scan(); {
				if lines.Text() == "data: 1" {
					done()
					return
				}
			}
			dropped.Add(1)
		})
	}

	for n := range *reloads {
		script()
		reload(t, c)
		c.Get("/version").Want(200, fmt.Sprint(version))
		if err := echo(ctx, conns[n%len(conns)], fmt.Sprint(n)); err != nil {
			t.Fatalf("a WebSocket was dropped after %d reloads: %s", n+1, err)
		}
	}
	for i, conn := range conns {
		if err := echo(ctx, conn, fmt.Sprint("last ", i)); err != nil {
			t.Errorf("WebSocket %d was dropped: %s", i, err)
		}
	}
	close(first)
	received.Wait()
	if n := dropped.Load(); n != 0 {
		t.Errorf("%d of %d event streams were dropped", n, *sse)
	}
	readers.Wait()
	t.Logf("%d WebSockets and %d event streams survived %d reloads", *sockets, *sse, *reloads)
}

func TestStreamsThroughChangedPoolsCloseAndTheirChecksStop(t *testing.T) {
	c := e2e.New(t)
	var checks atomic.Int64
	serve := streams(nil)
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/up" {
			checks.Add(1)
			return
		}
		serve(w, r)
	})
	script := func(pool string) {
		c.File("main.lua", `
			local route = require("luaroute")
			`+pool+`
			route:get("/ws", "app")`)
	}
	const checked = `health_uri = "/up", health_interval = "10ms"`
	script(`route:pool("app", { "$app", ` + checked + ` })`)
	c.Start(e2e.Site(""))
	ctx := e2e.Context(t)
	open := func() *websocket.Conn {
		conn, _, err := websocket.Dial(ctx, c.Expand("ws://127.0.0.1:$port/ws"), &websocket.DialOptions{HTTPClient: c.Client})
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	conn := open()
	defer conn.CloseNow()
	e2e.Until(t, "the health is checked", func() bool { return checks.Load() > 3 })

	script(`route:pool("app", { "$app", lb_policy = "first" })`)
	reload(t, c)
	if _, _, err := conn.Read(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("the WebSocket of the changed pool goes on: %v", err)
	}
	e2e.Until(t, "the health checks have stopped", func() bool {
		before := checks.Load()
		time.Sleep(100 * time.Millisecond) // ten times the interval
		return checks.Load() == before
	})
	conn = open()
	defer conn.CloseNow()
	if err := echo(ctx, conn, "new pool"); err != nil {
		t.Error(err)
	}
}

func TestThousandScriptReloadsLeaveNothingBehind(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	c.Origin("app")
	version := 0
	again := func(times int) {
		for range times {
			version++
			c.File("main.lua", fmt.Sprintf(`
				local route = require("luaroute")
				local ballast = string.rep("x", 64 * 1024)
				local latest = route.every(3600, function() return { #ballast } end)
				route:pool("kept", { "$app", health_uri = "/", health_interval = "1s" })
				route:pool("changed", { "$app", try_duration = %d })
				route:pool("checked", { "$app", health_uri = "/%[1]d", health_interval = "1s" })
				route:with(route.handler("encode", { encodings = { gzip = {} } })):get("/kept", "kept")
				route:get("/changed", { when = route.matcher("client_ip", { ranges = { "127.0.0.0/8" } }) }, "changed")
				route:get("/checked", "checked")
				route:get("/lua", function(req) return 200, tostring(#ballast) end)`, version))
			if version == 1 {
				c.Start(e2e.Site(""))
			} else {
				reload(t, c)
			}
			if version%10 == 0 {
				c.Get("/lua").Want(200, "65536")
				c.Get("/kept").From("app")
				c.Get("/changed").From("app")
				c.Get("/checked").From("app")
			}
		}
	}
	again(50) // whatever is kept once is there
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	again(1000)
	e2e.Until(t, "the goroutines of old tables have ended", func() bool { return runtime.NumGoroutine() <= goroutines+20 })
	var now uint64
	e2e.Until(t, "the memory of old tables is free", func() bool {
		now = heapInUse()
		return now <= heap+8<<20 // an eighth of the ballast of all tables
	})
	t.Logf("goroutines: %d, then %d; heap: %d KiB, then %d KiB", goroutines, runtime.NumGoroutine(), heap>>10, now>>10)
}

// bigScript is ten thousand routes that all say their version.
func bigScript(version int) string {
	return fmt.Sprintf(`
		local route, version = require("luaroute"), "%d"
		route:pool("app", { "$app" })
		route:use(function(req, res) res.headers["X-Version"] = version end)
		for i = 1, 9998 do route:get("/users/" .. i .. "/{id}", route.respond(200, version)) end
		route:get("/lua", function() return 200, version end)
		route:get("/pool", route.proxy("app", { path = "/" .. version }))`, version)
}

func TestRequestsDuringReloadsSeeOneVersionEach(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	const clients = 4
	c := e2e.New(t)
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, strings.TrimPrefix(r.URL.Path, "/")) })
	c.File("main.lua", bigScript(1))
	c.Start(e2e.Site(""))

	var count, worst atomic.Int64
	latest := make([]atomic.Value, clients)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range clients {
		latest[i].Store("1")
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				path := []string{"/lua", "/pool", fmt.Sprintf("/users/%d/x", n%9998+1)}[n%3]
				start := time.Now()
				answer, err := c.Try(http.MethodGet, path, nil)
				took := time.Since(start).Microseconds()
				if version := answer.Header.Get("X-Version"); err != nil || answer.Status != 200 || answer.Body != version || version == "" {
					t.Errorf("%s is answered with %d %q by version %q, %v", path, answer.Status, answer.Body, version, err)
					return
				}
				count.Add(1)
				for {
					if old := worst.Load(); took <= old || worst.CompareAndSwap(old, took) {
						break
					}
				}
				latest[i].Store(answer.Header.Get("X-Version"))
			}
		})
	}
	var spent time.Duration
	for version := 2; version < *reloads+2; version++ {
		c.File("main.lua", bigScript(version))
		start := time.Now()
		reload(t, c)
		spent += time.Since(start)
		for i := range latest {
			e2e.Until(t, "a client has seen the new version", func() bool { return t.Failed() || latest[i].Load() == fmt.Sprint(version) })
		}
	}
	close(done)
	wg.Wait()
	t.Logf("%d requests during %d reloads of 10,000 routes, %v each; the slowest request took %v",
		count.Load(), *reloads, spent/time.Duration(*reloads), time.Duration(worst.Load())*time.Microsecond)
}

func TestReloadsOfAllKindsAtOnceAreAnswered(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", `
		local route = require("luaroute")
		local latest = route.every(0.1, function() return { 1 } end)
		route:pool("app", { "$app", health_uri = "/", health_interval = "10ms" })
		route:get("/reload", function() route.reload(); return 200, "asked" end)
		route:with(route.handler("encode", { encodings = { gzip = {} } })):get("/app", "app")
		route:get("/", function() return 200, "here" end)`)
	config := c.Caddyfile("http:// {\nluaroute {\nscript $dir/main.lua\nsource storage {\nwritable\n}\nwatch 10ms\n}\n}")
	c.MustLoad(config)
	var wg sync.WaitGroup
	again := func(f func(n int)) {
		wg.Go(func() {
			for n := range 20 {
				f(n)
			}
		})
	}
	admin := func(method, path, body string) {
		answer, err := c.Try(method, "http://$admin"+path, strings.NewReader(body), "Content-Type: application/json", "Connection: close")
		// A configuration may end while it is asked: its instance has no more tables then, or runs no more.
		ended := answer.Status == http.StatusServiceUnavailable && strings.Contains(answer.Body, "the configuration of this instance has ended")
		if err == nil && answer.Status >= 500 && !ended {
			t.Errorf("%s %s is answered with %d %q", method, path, answer.Status, answer.Body)
		}
	}
	again(func(int) { admin(http.MethodPost, "/luaroute/main/reload", "") })
	again(func(int) { admin(http.MethodPost, "/luaroute/main/reload", "") })
	again(func(n int) {
		admin(http.MethodPut, "/luaroute/main/scripts/more.lua", fmt.Sprintf(`require("luaroute"):get("/more%d", { body = "more" })`, n))
	})
	again(func(int) { admin(http.MethodGet, "/luaroute/main/routes", "") })
	again(func(int) { admin(http.MethodGet, "/luaroute/main/pools", "") })
	again(func(int) { admin(http.MethodGet, "/luaroute/", "") })
	again(func(int) { admin(http.MethodGet, "/metrics", "") })
	again(func(n int) {
		for _, path := range []string{"/", "/app", "/reload"} {
			if answer, err := c.Try(http.MethodGet, path, nil); err == nil && answer.Status != 200 {
				t.Errorf("%s is answered with %d %q", path, answer.Status, answer.Body)
			}
		}
		if n%4 == 0 {
			c.MustLoad(config)
		}
	})
	wg.Wait()
	c.Get("/").Want(200, "here")
	e2e.Until(t, "all tables have settled", func() bool { return instances(t, c)[0].LastError == nil })
}
