package hook_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// handler is a handler of Caddy's that ends a request in its own way.
type handler func(w http.ResponseWriter) error

// ServeHTTP calls the function.
func (h handler) ServeHTTP(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
	return h(w)
}

// badHandlers are handlers of the configuration.
var badHandlers = map[string]caddyhttp.MiddlewareHandler{
	"panics": handler(func(http.ResponseWriter) error { panic("secret of Go") }),
	"aborts": handler(func(http.ResponseWriter) error { panic(http.ErrAbortHandler) }),
	"begins": handler(func(w http.ResponseWriter) error {
		_, _ = io.WriteString(w, "begun")
		panic(http.ErrAbortHandler)
	}),
	"refuses": handler(func(http.ResponseWriter) error { return caddyhttp.Error(451, errors.New("refused")) }),
}

// badPools are upstreams that fail: nobody listens, the connection breaks before and after the header, no answer comes.
func badPools(t *testing.T) string {
	silent := make(chan struct{})
	address := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("X-Fail") {
		case "half":
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
		case "slow":
			<-silent
		}
		panic(http.ErrAbortHandler)
	})
	t.Cleanup(func() { close(silent) })
	return fmt.Sprintf(`local route = require("luaroute")
		route:pool("dead", %q) route:pool("breaks", %q)
		route:pool("half", { %[2]q, headers = { request = { set = { ["X-Fail"] = { "half" } } } } })
		route:pool("slow", { %[2]q, headers = { request = { set = { ["X-Fail"] = { "slow" } } } },
			transport = { protocol = "http", response_header_timeout = "10ms" } })
		local function counted(req, res) res:on_done(function(info) require("log").info("done " .. tostring(info.error ~= nil)) end) end
	`, ports.Dead(t), address)
}

func TestAFailureOfAnAction(t *testing.T) {
	luatest.Context(t)
	before := goroutines()
	t.Run("all", func(t *testing.T) { // its upstreams are gone after it
		pools := badPools(t)
		for _, action := range []struct {
			name, lua string
			status    int  // 0 for a connection that breaks
			panics    bool // through what is around it
		}{
			{"an upstream that is not there", `"dead"`, 502, false},
			{"an upstream that breaks off", `"breaks"`, 502, false},
			{"an upstream that breaks off in the body", `"half"`, 0, true},
			{"an upstream that does not answer in time", `"slow"`, 504, false},
			{"a handler that panics", `route.handler("panics")`, 0, true},
			{"a handler that aborts", `route.handler("aborts")`, 0, true},
			{"a handler that aborts in the body", `route.handler("begins")`, 0, true},
			{"a handler that refuses", `route.handler("refuses")`, 451, false},
		} {
			for _, place := range []struct {
				name, script string
				pinned       bool // Lua runs around the action
				vms          int
			}{
				{"as data", `route:get("/x", ACTION)`, false, 0},
				{"behind a guard", `route:get("/x", { when = function() return true end }, ACTION)`, false, 1},
				{"behind middleware", `route:with(function(req) req.ctx.a = 1 end):get("/x", ACTION)`, false, 1},
				{"of a handler", `route:get("/x", function(req, res) return ACTION end)`, false, 1},
				{"of middleware", `route:with(function(req, res) return ACTION end):get("/x", { status = 204 })`, false, 1},
				{"in a wrapper", `route:with(function(req, res, next) next() end):get("/x", ACTION)`, true, 1},
				{"in a wrapper that catches", `route:with(function(req, res, next) pcall(next) end):get("/x", ACTION)`, true, 1},
				{"of a handler in two wrappers", `local function w(req, res, next) next() end route:with(w, w):get("/x", function() return ACTION end)`, true, 1},
				{"of a wrapper", `route:with(function(req, res, next) return ACTION end):get("/x", { status = 204 })`, false, 1},
				{"with response hooks", `route:with(function(req, res) res:on_headers(function() end) res:on_body(function(p) return p end) end):get("/x", ACTION)`, false, 1},
				{"with response hooks in a wrapper", `route:with(function(req, res, next) next() end, function(req, res) res:on_headers(function() end) end):get("/x", ACTION)`, true, 1},
				{"with on_done", `route:with(counted):get("/x", ACTION)`, false, 1},
				{"with on_done in a wrapper", `route:with(counted, function(req, res, next) next() end):get("/x", ACTION)`, true, 1},
			} {
				t.Run(action.name+" "+place.name, func(t *testing.T) {
					site := luatest.Setup{Handlers: badHandlers, Limits: config.Limits{VMs: 1, Queue: caddy.Duration(time.Minute)}}.Serve(t,
						pools+strings.ReplaceAll(place.script, "ACTION", action.lua)+` route:get("/fine", function() return 200, "fine" end)`)
					for range 2 {
						a, err := site.Try("/x", "")
						if action.status == 0 && err == nil || action.status != 0 && (err != nil || a.Status != action.status || a.Body != "") {
							t.Errorf("got %s, %v; want %d", a, err, action.status)
						}
						want := vm.Stats{Size: place.vms, Idle: place.vms}
						if place.pinned && action.panics {
							want = vm.Stats{} // Lua was interrupted
						}
						until(t, fmt.Sprintf("there are %+v", want), func() bool { return site.VMs.Stats() == want })
					}
					if strings.Contains(place.script, "counted") {
						until(t, "on_done was told of both", func() bool { return site.Logs.FilterMessage("done true").Len() == 2 })
					}
					if a := site.Do(t, "/fine", ""); a.String() != "200 fine" {
						t.Errorf("afterwards, a request got %s", a)
					}
				})
			}
		}
	})
	until(t, "all goroutines are gone", func() bool { return goroutines() <= before })
}

// TestAFailureInOnDone happens when the client has its answer.
func TestAFailureInOnDone(t *testing.T) {
	for _, way := range ways {
		if way.leaves { // nobody waits for it
			continue
		}
		t.Run(way.name, func(t *testing.T) {
			site := luatest.Setup{
				Libraries: map[string]vm.Library{"fail": failing{}},
				Limits:    config.Limits{CPU: caddy.Duration(5 * time.Millisecond), Wall: caddy.Duration(5 * time.Millisecond), VMs: 1, Queue: caddy.Duration(time.Minute)},
			}.Serve(t, `local route, fail = require("luaroute"), require("fail")
				route:get("/x", function(req, res) res:on_done(function() `+way.code+` end) return 200, "fine" end)
				route:get("/fine", function() return 200, "fine" end)`)
			want := vm.Stats{Size: 1, Idle: 1}
			if way.discarded {
				want = vm.Stats{}
			}
			for range 2 {
				if a := site.Do(t, "/x", ""); a.String() != "200 fine" {
					t.Errorf("got %s", a)
				}
				until(t, fmt.Sprintf("there are %+v", want), func() bool { return site.VMs.Stats() == want })
			}
			if a := site.Do(t, "/fine", ""); a.String() != "200 fine" {
				t.Errorf("afterwards, a request got %s", a)
			}
		})
	}
}

// TestOnDoneIsCalledHoweverTheRequestEnds has more to do in on_done than fits between two looks at the clock.
func TestOnDoneIsCalledHoweverTheRequestEnds(t *testing.T) {
	for _, way := range append(ways, way{name: "nothing", code: ``, status: 204}, way{name: "a stack overflow", code: `local function f() return 1 + f() end f()`, status: 500}) {
		if way.leaves {
			continue
		}
		t.Run(way.name, func(t *testing.T) {
			site := luatest.Setup{
				Libraries: map[string]vm.Library{"fail": failing{}},
				Limits:    config.Limits{CPU: caddy.Duration(50 * time.Millisecond), Wall: caddy.Duration(5 * time.Millisecond), VMs: 1, Queue: caddy.Duration(time.Minute)},
			}.Serve(t, `local route, fail, log = require("luaroute"), require("fail"), require("log")
				route:use(function(req, res)
					req.ctx.a = "kept"
					for n = 1, 2 do
						res:on_done(function(info)
							local sum = 0
							for i = 1, 3000 do sum = sum + i end
							log.info(n .. " done: " .. coroutine.wrap(function() return info.status end)() .. " " .. req.ctx.a)
						end)
					end
				end)
				route:get("/x", function() `+way.code+` return 204 end)`)
			_, _ = site.Try("/x", "")
			for n := 1; n <= 2; n++ {
				want := fmt.Sprintf("%d done: %d kept", n, way.status)
				until(t, want, func() bool { return site.Logs.FilterMessage(want).Len() == 1 })
			}
			failures := 0
			if way.status >= 500 {
				failures = 1
			}
			if n := site.Logs.FilterMessage("script failed").Len(); n != failures {
				t.Errorf("%d failures are logged, want %d", n, failures)
			}
			rest := vm.Stats{Size: 1, Idle: 1}
			if way.discarded {
				rest = vm.Stats{}
			}
			until(t, fmt.Sprintf("there are %+v", rest), func() bool { return site.VMs.Stats() == rest })
		})
	}
}
