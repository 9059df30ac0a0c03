package main

import (
	"context"
	"slices"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// walled are ordinary scripts that only compute: the bodies of functions.
var walled = []struct{ name, body string }{
	{"calls", `local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(18)`},
	{"arithmetic", `local x = 0 for i = 1, 20000 do x = (x * 31 + i) % 65537 end return x`},
	{"tables", `local t = {} for i = 1, 3000 do t[i] = { id = i, name = "n" } end
		local n = 0 for i = 1, #t do n = n + t[i].id end return n`},
	{"building strings", `local t = {} for i = 1, 1000 do t[#t + 1] = "key" .. i .. "=" .. i * 2 end return #table.concat(t, "&")`},
	{"comparing", `local n, words = 0, { "GET", "POST", "PUT", "HEAD" } for i = 1, 5000 do local w = words[i % 4 + 1]
		if w == "GET" or w > "P" then n = n + #w end end return n`},
	{"patterns", `local n = 0 for i = 1, 200 do local a, b = ("/users/" .. i .. "/posts"):match("^/users/(%d+)/(%a+)$")
		n = n + #a + #b end return n`},
}

// BenchmarkWalls compares ordinary scripts in our virtual machine with the same in a plain gopher-lua: both run by turns, and the
// ratio is that of their medians.
func BenchmarkWalls(b *testing.B) {
	for _, w := range walled {
		b.Run(w.name, func(b *testing.B) {
			ours, plain := walledCall(b, w.body), plainCall(b, w.body)
			var with, without []time.Duration
			for range b.N {
				for range 15 { // by turns, since the machine may be busy for a while
					with, without = append(with, timed(ours)), append(without, timed(plain))
				}
			}
			slices.Sort(with)
			slices.Sort(without)
			a, c := with[len(with)/2], without[len(without)/2]
			b.ReportMetric(float64(a), "ns/walled")
			b.ReportMetric(float64(c), "ns/plain")
			b.ReportMetric(float64(a)/float64(c), "ratio")
		})
	}
}

func timed(call func()) time.Duration {
	start := time.Now()
	call()
	return time.Since(start)
}

// walledCall returns a call of a script in our virtual machine.
func walledCall(b *testing.B, body string) func() {
	b.Helper()
	p, err := script.Compile("walls.lua", []byte("return function() "+body+" end"))
	if err != nil {
		b.Fatal(err)
	}
	builder := vm.NewBuilder(stdlib.Open, vm.Options{})
	L := builder.State().L
	if err := builder.State().Call(L.NewFunctionFromProto(p.Proto), 1); err != nil {
		b.Fatal(err)
	}
	ref := builder.Keep(L.CheckFunction(-1))
	image, err := builder.Freeze()
	if err != nil {
		b.Fatal(err)
	}
	state := image.NewState()
	return func() {
		state.Arm(vm.Limits{CPU: time.Minute}, context.Background())
		if err := state.Call(state.Func(ref), 1); err != nil {
			b.Fatal(err)
		}
		state.L.Pop(1)
	}
}

// plainCall returns a call of a script in a gopher-lua as it is.
func plainCall(b *testing.B, body string) func() {
	b.Helper()
	L := lua.NewState()
	b.Cleanup(L.Close)
	fn, err := L.LoadString(body)
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if err := L.CallByParam(lua.P{Fn: fn, NRet: 1, Protect: true}); err != nil {
			b.Fatal(err)
		}
		L.Pop(1)
	}
}
