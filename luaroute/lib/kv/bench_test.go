package kv_test

import (
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/memory"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// BenchmarkGetBesideTheStore reports the least that a kv.get of a script, the same read without a script, and a call of a function that does next
// to nothing have taken, in turns: a busy machine is as busy for each.
func BenchmarkGetBesideTheStore(b *testing.B) {
	store := memory.New()
	loop := func(call string) (*vm.State, *lua.LFunction) {
		s, ref := world(store).State(b, "keep(function(n) local get, type = kv.get, type for _ = 1, n do "+call+" end end)")
		s.Arm(vm.Limits{CPU: time.Hour}, b.Context())
		return s, s.Func(ref)
	}
	script := func(s *vm.State, fn *lua.LFunction) func(int) {
		return func(n int) {
			if err := s.Call(fn, 0, lua.LNumber(n)); err != nil {
				b.Fatal(err)
			}
		}
	}
	space := &kv.Space{Store: store}
	op := kv.Op{Kind: kv.Set, Key: "feature:dark-mode", Value: []byte("on for all of them"), HasValue: true, Room: make([]byte, 0, 64)}
	_, _ = space.Do(b.Context(), op)
	op.Kind = kv.Get
	ways := []struct {
		name string
		run  func(n int)
	}{
		{"ns-get", script(loop("get('feature:dark-mode')"))},
		{"ns-store", func(n int) {
			for range n {
				_, _ = space.Do(b.Context(), op)
			}
		}},
		{"ns-call", script(loop("type('feature:dark-mode')"))},
	}
	const turn = 1000
	least := make([]time.Duration, len(ways))
	for b.Loop() {
		for i, way := range ways {
			start := time.Now()
			way.run(turn)
			if took := time.Since(start); least[i] == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	for i, way := range ways {
		b.ReportMetric(float64(least[i].Nanoseconds())/turn, way.name)
	}
}
