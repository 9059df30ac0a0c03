package main

import (
	"runtime"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// BenchmarkLoad loads a script that declares a hundred thousand routes, and says how long that takes and how much memory the
// table keeps.
func BenchmarkLoad(b *testing.B) {
	const routes = 100_000
	for b.Loop() {
		before := heap()
		start := time.Now()
		handler := provision(b, manyRoutes(routes))
		b.ReportMetric(time.Since(start).Seconds(), "s/load")
		b.ReportMetric(float64(heap()-before)/routes, "B/route")
		runtime.KeepAlive(handler)
	}
}

// heap is the memory in use, in bytes, after what is not needed has gone.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkVM makes a virtual machine beside a hundred thousand functions, and calls one of them in it.
func BenchmarkVM(b *testing.B) {
	const functions = 100_000
	image, refs := freeze(b, functions, `
		local allowed, hits = { a = true, b = true }, 0
		for i = 1, n do
			local name = "route" .. i
			keep(function(x) hits = hits + 1 if allowed[x] then return name end end)
		end`)
	arg := lua.LValue(lua.LString("a"))
	call := func(b *testing.B, s *vm.State) {
		if err := s.Call(s.Func(refs[functions/2]), 1, arg); err != nil {
			b.Fatal(err)
		}
		s.L.Pop(1)
	}
	b.Run("copy_and_first_call", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			call(b, image.NewState())
		}
	})
	b.Run("call", func(b *testing.B) {
		s := image.NewState()
		b.ReportAllocs()
		for b.Loop() {
			call(b, s)
		}
	})
}

// freeze runs a script that keeps functions, with the global n, and returns its image.
func freeze(b *testing.B, n int, text string) (*vm.Image, []vm.Ref) {
	b.Helper()
	var builder *vm.Builder
	var refs []vm.Ref
	keep := vm.GoFunc(func(L *lua.LState) int {
		refs = append(refs, builder.Keep(L.CheckFunction(1)))
		return 0
	})
	builder = vm.NewBuilder(stdlib.Open, vm.Options{Globals: map[string]lua.LValue{"keep": keep, "n": lua.LNumber(n)}})
	program, err := script.Compile("bench.lua", []byte(text))
	if err != nil {
		b.Fatal(err)
	}
	if err := builder.Run(program); err != nil {
		b.Fatal(err)
	}
	image, err := builder.Freeze()
	if err != nil {
		b.Fatal(err)
	}
	return image, refs
}
