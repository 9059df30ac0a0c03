//go:build !race

// The race detector empties pools at random, so that figures would not be exact.

package main

import (
	"net/http"
	"runtime/debug"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// allowed is how many allocations a request may cost more than with Caddy's reverse_proxy.
var allowed = map[string]int{
	"again":   0,
	"data":    0,
	"handler": 1,
	"guard":   1,
	"before":  1,
	"around":  6,
	// Two tables for each request, and a copy of what the function uses.
	"contract": 120,
	// JSON and HTTP for each request, twice.
	"gateway": 1000,
}

func TestARequestAllocatesNoMoreThanItMayBesideReverseProxy(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	base := allocations(t, variants[0])
	for _, v := range variants[1:] {
		t.Run(v.name, func(t *testing.T) {
			more := allocations(t, v) - base
			t.Logf("%d allocations more than the %d of reverse_proxy, %d are allowed", more, base, allowed[v.name])
			if more > allowed[v.name] {
				t.Errorf("%d allocations more than reverse_proxy, %d are allowed", more, allowed[v.name])
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
			t.Logf("%d allocations in Go, %d in Lua", inGo, inLua)
			if inLua > inGo+2 {
				t.Errorf("%d allocations in Lua and %d in Go; two more are allowed", inLua, inGo)
			}
		})
	}
}
