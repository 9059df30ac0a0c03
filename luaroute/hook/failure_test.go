package hook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

type position struct {
	name, script string
	late         bool // the header has left
	after        bool // the response was done
}

// positions are where functions of a script run in a request. FAIL stands for what goes wrong there.
var positions = []position{
	{name: "a guard", script: `route:get("/x", { when = function(req) FAIL return true end }, "p")`},
	{name: "the guard of a layer", script: `route:when(function(req) FAIL return true end, function(r) r:get("/x", "p") end)`},
	{name: "middleware before", script: `route:with(function(req) FAIL end):get("/x", "p")`},
	{name: "a wrapper before next", script: `route:with(function(req, res, next) FAIL next() end):get("/x", "p")`},
	{name: "a wrapper after next has declined", script: `route:with(function(req, res, next) if not next() then FAIL return "p" end end):get("/x", route.decline)`},
	{name: "a wrapper after next has failed", script: `route:with(function(req, res, next) if not pcall(next) then FAIL return "p" end end):get("/x", "dead")`},
	{name: "a wrapper after next has answered", script: `route:with(function(req, res, next) next() FAIL end):get("/x", "p")`, after: true},
	{name: "a handler", script: `route:get("/x", function(req) FAIL return "p" end)`},
	{name: "a handler after it has written", script: `route:get("/x", function(req, res) res:write("be") FAIL res:write("gun") end)`},
	{name: "middleware after it has written", script: `route:with(function(req, res) res:write("be") FAIL end):get("/x", "p")`},
	{name: "a wrapper after it has written", script: `route:with(function(req, res, next) res:write("be") FAIL end):get("/x", "p")`},
	{name: "on_error after it has written", script: `route:group(function(r) r:on_error(function(req, res) res:write("be") FAIL end) r:get("/x", "dead") end)`},
	{name: "a handler after it has flushed", script: `route:get("/x", function(req, res) res:write("be") res:flush() FAIL res:write("gun") end)`, late: true},
	{name: "on_headers", script: `route:with(function(req, res) res:on_headers(function() FAIL end) end):get("/x", "p")`},
	{name: "on_headers of a wrapper", script: `route:with(function(req, res, next) res:on_headers(function() FAIL end) next() end):get("/x", "p")`},
	{name: "on_body", script: `route:with(function(req, res) res:on_body(function(piece) FAIL return piece end) end):get("/x", "p")`, late: true},
	{name: "on_body of a handler", script: `route:get("/x", function(req, res) res:on_body(function(piece) FAIL return piece end) return "p" end)`, late: true},
	{name: "not_found", script: `route:not_found(function(req) FAIL return "p" end)`},
	{name: "on_error", script: `route:group(function(r) r:on_error(function(req) FAIL return "p" end) r:get("/x", "dead") end)`},
}

// wrappings are what positions stand behind.
var wrappings = []struct{ name, script string }{
	{"by itself", ""},
	{"behind a wrapper", "route:use(function(req, res, next) next() end)"},
	{"behind a wrapper that catches", "route:use(function(req, res, next) pcall(next) end)"},
	{"behind a wrapper with hooks", "route:use(function(req, res, next) res:on_headers(function() end) res:on_body(function(piece) return piece end) next() end)"},
	{"behind a module of Caddy's", `route:use(route.handler("headers", { response = { set = { ["X-A"] = { "b" } } } }))`},
}

type way struct {
	name, code string
	status     int
	retry      bool // the client is told to try again
	discarded  bool // the virtual machine is not used again
	leaves     bool // the client does not wait for the answer
}

// ways are what goes wrong. Where status is 0 the connection breaks.
var ways = []way{
	{name: "an error", code: `error("secret")`, status: 500},
	{name: "a mistake", code: `local a = nil; a = a.b`, status: 500},
	{name: "an endless loop", code: `while true do end`, status: 503, retry: true, discarded: true},
	{name: "an endless loop in pcall", code: `pcall(function() while true do end end)`, status: 503, retry: true, discarded: true},
	{name: "too long a wait", code: `fail.wait()`, status: 503, retry: true, discarded: true},
	{name: "a client that leaves", code: `fail.left()`, status: 499, discarded: true, leaves: true},
	{name: "a panic of Go code", code: `fail.panic()`, status: 500, discarded: true},
	{name: "a panic of Go code in pcall", code: `pcall(fail.panic)`, status: 500, discarded: true},
	{name: "a panic of Go code in a coroutine", code: `coroutine.resume(coroutine.create(function() fail.panic() end))`, status: 500, discarded: true},
	{name: "a panic of Go code in a metamethod", code: `local t = setmetatable({}, { __index = fail.panic, __eq = fail.panic }) pcall(function() return t.x end)`, status: 500, discarded: true},
	{name: "a panic of Go code in an iterator", code: `for _ in fail.panic do end`, status: 500, discarded: true},
	{name: "a panic of Go code in a callback", code: `("x"):gsub("x", function() fail.panic() end)`, status: 500, discarded: true},
	{name: "a panic of a function that nobody protects", code: `pcall(fail.make())`, status: 500, discarded: true},
	{name: "a panic of such a function in a coroutine", code: `coroutine.wrap(function() fail.make()() end)()`, status: 500, discarded: true},
	{name: "an abort", code: `fail.abort()`, discarded: true},
	{name: "an abort in a coroutine", code: `coroutine.wrap(function() fail.abort() end)()`, discarded: true},
}

// failing is a library that fails. A client that is to leave does so when entered has something.
type failing struct{ entered chan struct{} }

// Open returns the library's table.
func (f failing) Open(L *lua.LState) lua.LValue {
	forever := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	return L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"panic": func(*lua.LState) int { panic("secret of Go") },
		"make": func(L *lua.LState) int {
			L.Push(L.NewFunction(func(*lua.LState) int { panic("secret of Go") }))
			return 1
		},
		"abort": func(*lua.LState) int { panic(http.ErrAbortHandler) },
		"wait": func(L *lua.LState) int {
			if err := vm.Of(L).Wait(forever); err != nil {
				vm.Throw(L, err)
			}
			return 0
		},
		"left": func(L *lua.LState) int {
			f.entered <- struct{}{}
			s := vm.Of(L)
			<-s.Context().Done()
			if err := s.Wait(forever); err != nil {
				vm.Throw(L, err)
			}
			return 0
		},
	})
}

// failures is a script with one position behind one wrapping. The way to fail is a field of the request.
func failures(p, dead, wrapping, position string) string {
	var table strings.Builder
	for _, way := range ways {
		fmt.Fprintf(&table, "[%q] = function() %s end,", way.name, way.code)
	}
	return fmt.Sprintf("local route, fail = require('luaroute'), require('fail') route:pool('p', %q) route:pool('dead', %q) local ways = { %s }\n%s %s",
		p, dead, &table, wrapping, strings.ReplaceAll(position, "FAIL", "local way = ways[req:header('X-Fail')] if way then way() end"))
}

// It is not parallel, so that it can count goroutines.
func TestAFailureInEveryPosition(t *testing.T) {
	luatest.Context(t) // Caddy has goroutines of its own
	p := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("fine")) })
	dead := ports.Dead(t)
	before := goroutines()
	for _, position := range positions {
		for _, wrapping := range wrappings {
			t.Run("in "+position.name+" "+wrapping.name, func(t *testing.T) {
				world := failing{make(chan struct{}, 1)}
				site := luatest.Setup{
					Libraries: map[string]vm.Library{"fail": world},
					Limits:    config.Limits{CPU: caddy.Duration(5 * time.Millisecond), Wall: caddy.Duration(5 * time.Millisecond), VMs: 1, Queue: caddy.Duration(time.Minute)},
				}.Serve(t, failures(p, dead, wrapping.script, position.script))
				for _, way := range ways {
					if a, err := site.Try("/x", ""); err != nil || a.Status != http.StatusOK {
						t.Fatalf("before %s, a request that does not fail got %s, %v", way.name, a, err)
					}
					world.fail(t, site, way, position)
				}
			})
		}
	}
	until(t, "all goroutines are gone", func() bool { return goroutines() <= before })
}

// fail sends a request that fails, and checks what comes of it.
func (f failing) fail(t *testing.T, site *luatest.Site, way way, position position) {
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	if way.leaves {
		go func() {
			<-f.entered
			leave()
		}()
	}
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, site.URL+"/x", nil)
	r.Header.Set("X-Fail", way.name)
	a, err := luatest.Send(luatest.Client, r)
	switch {
	case way.leaves:
		if got := <-site.Errors; statusOf(got) != way.status {
			t.Errorf("%s: the error is %v, want status %d", way.name, got, way.status)
		}
	case way.status == 0 || position.late:
		if err == nil {
			t.Errorf("%s: got %s, want a connection that breaks", way.name, a)
		}
	case position.after:
		if err != nil || a.String() != "200 fine" {
			t.Errorf("%s: got %s, %v; want the whole response", way.name, a, err)
		}
	case err != nil || a.Status != way.status || a.Body != "" || (a.Header.Get("Retry-After") != "") != way.retry:
		t.Errorf("%s: got %s %v, %v; want %d", way.name, a, a.Header, err, way.status)
	}
	want := vm.Stats{Size: 1, Idle: 1}
	if way.discarded {
		want = vm.Stats{}
	}
	until(t, fmt.Sprintf("after %s there are %+v", way.name, want), func() bool { return site.VMs.Stats() == want })
	for len(site.Errors) > 0 {
		<-site.Errors
	}
}

func statusOf(err error) int {
	var own caddyhttp.HandlerError
	if errors.As(err, &own) {
		return own.StatusCode
	}
	return 0
}

// goroutines counts those that are there when no connection is idle.
func goroutines() int {
	luatest.Client.CloseIdleConnections()
	return runtime.NumGoroutine()
}
