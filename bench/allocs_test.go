//go:build !race

// The race detector empties pools at random, so that figures would not be exact.

package main

import (
	"net/http"
	"runtime/debug"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// pinned is how many allocations a request costs more than with Caddy's reverse_proxy. What costs fewer is to be pinned anew.
var pinned = map[string]int{
	"again":      0,
	"data":       0,
	"handler":    1,
	"guard":      1,
	"before":     1,
	"around":     2,
	"on_headers": 14,
}

func TestARequestAllocatesWhatIsPinnedBesideReverseProxy(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	base := allocations(t, variants[0])
	for _, v := range variants[1:] {
		t.Run(v.name, func(t *testing.T) {
			more := allocations(t, v) - base
			if more != pinned[v.name] {
				t.Errorf("%d allocations more than the %d of reverse_proxy, expected %d", more, base, pinned[v.name])
			}
		})
	}
}

// allocations returns how many allocations a request costs in the handler of a variant.
func allocations(t *testing.T, v variant) int {
	ask := asker(t, provision(t, v), "http://bench.example"+path)
	return int(testing.AllocsPerRun(1000, func() {
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
				return int(testing.AllocsPerRun(1000, func() { ask() }))
			}
			inGo, inLua := asked(decision.inTable), asked(decision.lua)
			if inLua > inGo+2 {
				t.Errorf("%d allocations in Lua and %d in Go; two more are allowed", inLua, inGo)
			}
		})
	}
}
