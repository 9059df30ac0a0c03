package kv_test

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestReadingAllocatesOnce(t *testing.T) {
	for value, most := range map[string]float64{"'on for all of them'": 1, "12345": 1, "true": 0, "'" + strings.Repeat("x", 100) + "'": 1, "'" + strings.Repeat("x", 400) + "'": 2} {
		s, fn := reading(t, value)
		run := func(n int) float64 {
			return testkit.Allocs(5, func() {
				if err := s.Call(fn, 0, lua.LNumber(n)); err != nil {
					t.Fatal(err)
				}
			})
		}
		if each := (run(1100) - run(100)) / 1000; each > most+0.1 {
			t.Errorf("%s: %.2f allocations, expected %v", value, each, most)
		}
	}
}
