package hook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Lua that runs for long needs a place, of which there is one less than processors. Here that many requests run for long and
// then wait for something: if they kept their places, the next one would get none.
func TestRequestsThatWaitLeaveTheirProcessorToOthers(t *testing.T) {
	for _, row := range []struct{ name, method, path string }{
		{"for what is inside of middleware", http.MethodGet, "/next"},
		{"for the client's body", http.MethodPost, "/body"},
		{"in a library", http.MethodGet, "/library"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var ran atomic.Int64
			origin := newDam(t)
			site := luatest.Setup{
				Limits: config.Limits{CPU: caddy.Duration(time.Minute), Queue: caddy.Duration(5 * time.Minute)},
				Libraries: map[string]vm.Library{
					"fail": failing{},
					"ran":  vm.LibraryFunc(func(*lua.LState) lua.LValue { return vm.GoFunc(func(*lua.LState) int { ran.Add(1); return 0 }) }),
				},
			}.Serve(t, fmt.Sprintf(`local route, ran, fail = require("luaroute"), require("ran"), require("fail")
				local function long() for i = 1, 1000000 do end end
				route:pool("dam", %q)
				route:with(function(req, res, next) long() ran() next() end):get("/next", "dam")
				route:post("/body", function(req) long() ran() return 200, req:body() end)
				route:get("/library", function() long() ran() fail.wait() return 204 end)
				route:get("/long", function() long() return 200, "long" end)`, origin.address))
			ctx, cancel := context.WithCancel(t.Context())
			body, rest := io.Pipe() // the body comes never
			var waiting sync.WaitGroup
			defer waiting.Wait()
			defer rest.Close()
			defer cancel()
			places := max(1, runtime.GOMAXPROCS(0)-1)
			for range places {
				r, _ := http.NewRequestWithContext(ctx, row.method, site.URL+row.path, nil)
				if row.method == http.MethodPost {
					r.Body = body
				}
				waiting.Go(func() { _, _ = luatest.Send(luatest.Client, r) })
			}
			until(t, "all have run", func() bool { return ran.Load() == int64(places) })
			if a := site.Do(t, "GET /long", ""); a.String() != "200 long" {
				t.Errorf("the next that runs for long got %s", a)
			}
		})
	}
}
