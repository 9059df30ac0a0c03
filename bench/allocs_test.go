//go:build !race

// The race detector empties pools at random, so that figures would not be exact.
package main

import (
	"net/http"
	"runtime/debug"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// pinned is how many allocations a request costs more than the same without what is measured: a route that is data beside Caddy's
// reverse_proxy, and Lua beside a route that is data. What costs fewer is to be pinned anew.
var pinned = []struct {
	of, to string
	more   int
}{
	{again, plain, 0},
	{"data", plain, -25}, // the fields of the logger, see chiproxy/poollog.go
	{"handler", "data", 1},
	{"guard", "data", 1},
	{"before", "data", 1},
	{"around", "data", 2},
	{"on_headers", "data", 9},
}

func TestARequestAllocatesWhatIsPinned(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	counted := map[string]int{}
	for _, v := range variants {
		counted[v.name] = allocations(t, v)
	}
	for _, p := range pinned {
		t.Run(p.of, func(t *testing.T) {
			if more := counted[p.of] - counted[p.to]; more != p.more {
				t.Errorf("%d allocations more than the %d of %s, expected %d", more, counted[p.to], p.to, p.more)
			}
		})
	}
	if len(pinned) != len(variants)-1 {
		t.Errorf("%d variants are pinned, there are %d and %s", len(pinned), len(variants), plain)
	}
}

// allocations returns how many allocations a request costs in the handler of a variant.
func allocations(t *testing.T, v variant) int {
	ask := asker(t, provision(t, v), "http://bench.example"+path)
	return int(testkit.Allocs(1000, func() {
		if w := ask(); w.status != http.StatusOK {
			t.Fatalf("%s: status %d, expected that of the origin", v.name, w.status)
		}
	}))
}

func TestADecisionInLuaAllocatesAtMostTwice(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for _, d := range decisions {
		t.Run(d.name, func(t *testing.T) {
			asked := func(in func(decision, testing.TB, bool) caddyhttp.MiddlewareHandler) int {
				ask := asker(t, in(d, t, false), "http://bench.example"+path)
				return int(testkit.Allocs(1000, func() { ask() }))
			}
			inGo, inLua := asked(decision.inTable), asked(decision.lua)
			if inLua > inGo+2 {
				t.Errorf("%d allocations in Lua and %d in Go; two more are allowed", inLua, inGo)
			}
		})
	}
}
