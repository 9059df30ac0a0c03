package vm

import (
	"errors"
	"fmt"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestProtectedCallsAreThoseOfLua51(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{
		{"an outer variable stays shared after a caught error", `
			local a
			local function get() return a end
			pcall(function() error("x") end)
			a = 5
			return get()`, "5"},
		{"a variable of the failed function lives on in its closure", `
			local f
			pcall(function() local z = 7 f = function() z = z + 1 return z end error("y") end)
			local x, y, w = 1, 2, 3
			f()
			return f()`, "9"},
		{"nested calls", `
			local a, b = 1, 2
			local function get() return a end
			pcall(function()
				local c = 10
				local function getc() return c end
				pcall(function() error("in") end)
				c, a = 11, 99
				b = getc()
				error("out")
			end)
			a = a + 1
			return get() .. "," .. b`, "100,11"},
		{"in a coroutine", `
			local a
			local function get() return a end
			local co = coroutine.wrap(function() pcall(error, "x") a = 6 return get() end)
			return co()`, "6"},
		{"results pass", `return select("#", pcall(function(...) return ... end, 1, nil, 3))`, "4"},
		{"the error object passes", `local t = {} local ok, e = pcall(error, t) return tostring(not ok and e == t)`, "true"},
		{"a nil error", `local ok, e = pcall(error) return tostring(ok) .. tostring(e)`, "falsenil"},
		{"an error of a Go function", `return select(2, pcall(string.rep))`, "bad argument #1 to '?' (string expected, got no value)"},
		{"an error of level 2 blames the caller", "local function f() error('x', 2) end\nlocal ok, e = pcall(function()\nf() end) return e", "main.lua:3: x"},
		{"an error has its place", `local ok, e = pcall(function() error("x") end) return e`, "main.lua:1: x"},
		{"an error of level 0 has none", `local ok, e = pcall(function() error("x", 0) end) return e`, "x"},
		{"a value that cannot be called", `local ok, e = pcall(42) return e`, "attempt to call a number value"},
		{"a table that can be called", `local ok, v = pcall(setmetatable({}, { __call = function(_, x) return x end }), 3) return v`, "3"},
		{"xpcall runs its handler", `local ok, e = xpcall(function() error("x", 0) end, function(e) return e .. "!" end) return e`, "x!"},
		{"xpcall passes results", `local ok, a, b = xpcall(function() return 1, 2 end, print) return a + b`, "3"},
		{"an error in the handler", `local ok, e = xpcall(error, function() error("h", 0) end) return tostring(ok) .. e`, "falseerror in error handling"},
		{"an error keeps the space that it begins with", `local _, a = pcall(error, " x", 0) local _, b = xpcall(function() error(" y", 0) end, tostring) return a .. b`, " x y"},
		{"a handler sees the functions that fail", `
			local function fails() error("x") end
			local _, trace = xpcall(function() fails() end, debug.traceback)
			return (trace:find("in function 'fails'", 1, true)) ~= nil and (trace:find("in function 'xpcall'", 1, true)) ~= nil`, "true"},
		{"a handler sees where a coroutine failed that a wrap resumes", `
			local resumes = coroutine.wrap(function() error("x", 0) end)
			local _, trace = xpcall(function() resumes() end, debug.traceback)
			return trace:match("^x\n.-\n\t(.-)\n")`, "[C]: in function 'resumes'"},
		{"an error in a coroutine that is caught has no handler", `
			local called = 0
			xpcall(function() coroutine.resume(coroutine.create(function() error("x") end)) pcall(error) end, function() called = called + 1 end)
			return called`, "0"},
		{"a handler is called once for a stack that is too deep", `
			local called = 0
			local function deep() return 1 + deep() end
			local _, e = xpcall(deep, function(e) called = called + 1 return e end)
			return called .. e:match("stack overflow")`, "1stack overflow"},
		{"a handler may fail and catch its own errors", `
			local n = 0
			local _, e = xpcall(function() error("a", 0) end, function(e)
				n = n + 1
				local _, inner = pcall(error, "in", 0)
				if n < 3 then error(e .. inner .. n, 0) end
				return e
			end)
			return e`, "ain1in2"},
		{"a handler may read and write what the failed function has captured", `
			local bump
			local _, v = xpcall(function() local y, z = 1, 2 bump = function() y = y + z return y end local s = y .. {} end, function()
				local a, b, c, d = 9, 9, 9, 9
				return bump() + a
			end)
			return v .. "," .. bump()`, "12,5"},
		{"an outer handler handles what an inner one does not", `
			local _, e = xpcall(function()
				xpcall(function() error("in", 0) end, function(e) return e end)
				error("out", 0)
			end, function(e) return e .. "!" end)
			return e`, "out!"},
		{"xpcall keeps variables shared", `
			local a
			local function get() return a end
			xpcall(function() error("x") end, function(e) return e end)
			a = 5
			return get()`, "5"},
		{"a coroutine goes on after an error in another", `
			local good = coroutine.wrap(function() coroutine.yield(1) return 2 end)
			good()
			pcall(coroutine.wrap(function() error("x") end))
			return good()`, "2"},
		{"a dead coroutine", `local co = coroutine.create(function() end) coroutine.resume(co) return select(2, coroutine.resume(co))`, "can not resume a dead thread"},
		{"a coroutine passes values", `
			local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) return b * 2 end)
			local _, x = coroutine.resume(co, 1)
			local _, y = coroutine.resume(co, 10)
			return x .. "," .. y .. "," .. coroutine.status(co)`, "2,20,dead"},
		{"an error in a coroutine", `local ok, e = coroutine.resume(coroutine.create(function() error("x") end)) return e`, "main.lua:1: x"},
		{
			"yielding out of pcall", `local ok, e = coroutine.resume(coroutine.create(function() local ok, e = pcall(coroutine.yield, 1) return e end)) return e`,
			"attempt to yield across a call of a Go function, such as pcall",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got, err := eval(t, test.body); err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestAPanicWhileScriptsLoadIsAnError(t *testing.T) {
	t.Parallel()
	bad := GoFunc(func(*lua.LState) int { panic("boom") })
	b, _ := newBuilder(Options{Globals: map[string]lua.LValue{"bad": bad}})
	err := b.Run(compile(t, "\nbad()"))
	wantError(t, err, "main.lua", 2, "panic: boom")
}

func TestAGoErrorIsFoundInTheErrorOfTheCall(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such pool")
	throw := GoFunc(func(L *lua.LState) int { Throw(L, fmt.Errorf("route: %w", cause)); return 0 })
	img, refs := freeze(t, `local throw = throw
keep(function()
	throw()
end)
keep(function() pcall(throw) error("mine") end)`, Options{Globals: map[string]lua.LValue{"throw": throw}})
	s := img.NewState()
	_, err := call(s, refs[0])
	wantError(t, err, "main.lua", 3, "route: no such pool")
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want it to wrap the cause", err)
	}
	if _, err := call(s, refs[1]); errors.Is(err, cause) {
		t.Errorf("got %v, want the error that was not caught", err)
	}
}

func TestACallInACallKeepsItsMeaning(t *testing.T) {
	t.Parallel()
	again := GoFunc(func(L *lua.LState) int {
		s := Of(L)
		if err := s.Call(L.CheckFunction(1), 1); err != nil {
			Throw(L, err)
		}
		v := s.L.Get(-1)
		s.L.Pop(1)
		L.Push(v)
		return 1
	})
	img, refs := freeze(t, `local again = again
keep(function() local a = 1 local function get() return a end pcall(again, function() error("x") end) a = 2 return get() end)
keep(function() return again(function()
	error("deep")
end) end)
keep(function() return again(function() return again(function() return 5 end) end) end)
keep(function() return coroutine.wrap(function() return again(function() return 6 end) end)() end)`,
		Options{Globals: map[string]lua.LValue{"again": again}})
	s := img.NewState()
	if got, err := call(s, refs[0]); err != nil || got != "2" {
		t.Errorf("got %q, %v; want 2", got, err)
	}
	_, err := call(s, refs[1])
	wantError(t, err, "main.lua", 4, "deep")
	if err.Error() != "main.lua:4: deep" {
		t.Errorf("got %q, want the place once", err)
	}
	if got, err := call(s, refs[2]); err != nil || got != "5" {
		t.Errorf("got %q, %v; want 5", got, err)
	}
	if got, err := call(s, refs[3]); err != nil || got != "6" {
		t.Errorf("got %q, %v; want 6", got, err)
	}
}

func BenchmarkPcall(b *testing.B) {
	for _, test := range []struct{ name, body string }{
		{"good", `local function id(x) return x end keep(function() return pcall(id, 1) end)`},
		{"fails", `local function bad() error("x") end keep(function() return pcall(bad) end)`},
	} {
		b.Run(test.name, func(b *testing.B) {
			img, refs := freeze(b, test.body, Options{})
			s := img.NewState()
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Call(s.Func(refs[0]), 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
