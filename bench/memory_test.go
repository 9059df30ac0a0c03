//go:build !race

// The race detector takes memory of its own.
package main

import (
	"runtime"
	"testing"
)

// kept is how many bytes what is declared may keep in memory at rest, a half more than was measured.
var kept = []struct {
	name string
	n    int
	most uint64
	of   func(t *testing.T, n int) any
}{
	{"an isolated tenant of a script that many have", 1000, 26 << 10, fleetOf("isolated_by_the_same_script")}, // 18 KiB; 45 when each kept its libraries
	{"an isolated tenant of its own script", 1000, 30 << 10, fleetOf("isolated")},                             // 20 KiB
	{"a tenant of a script", 1000, 17 << 10, fleetOf("script")},                                               // 9 to 11 KiB
	{"a route", 20_000, 1500, func(t *testing.T, n int) any { return provision(t, manyRoutes(n)) }},           // 1,000 bytes, of which chi has 650
}

func fleetOf(name string) func(*testing.T, int) any {
	return func(t *testing.T, n int) any {
		for _, way := range manyTenants {
			if way.name == name {
				return provisionConfig(t, way.config(n))
			}
		}
		t.Fatal("there is no such way to declare tenants")
		return nil
	}
}

func TestWhatIsDeclaredKeepsLittleMemory(t *testing.T) {
	for _, k := range kept {
		t.Run(k.name, func(t *testing.T) {
			before := heap()
			h := k.of(t, k.n)
			bytes := (heap() - before) / uint64(k.n)
			t.Logf("%d bytes", bytes)
			if bytes > k.most {
				t.Errorf("%s keeps %d bytes; expected at most %d", k.name, bytes, k.most)
			}
			runtime.KeepAlive(h)
		})
	}
}
