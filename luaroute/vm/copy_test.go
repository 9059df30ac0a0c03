package vm

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

func TestAStateIsACopyOfWhatTheScriptsLeft(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, src, want string }{
		{"a local", `local x = 7 keep(function() return x end)`, "7"},
		{"a global", `x = 7 keep(function() return x end)`, "7"},
		{"a global function", `function f() return 8 end keep(function() return f() end)`, "8"},
		{"a global through _G", `_G.x = 7 keep(function() return _G.x .. rawget(_G, "x") end)`, "77"},
		{"globals are listed", `x = 1 keep(function() local n = 0 for k in pairs(_G) do if k == "x" or k == "string" then n = n + 1 end end return n end)`, "2"},
		{"a table", `local t = { a = { b = 3 }, 1, 2 } keep(function() return t.a.b + #t end)`, "5"},
		{"a table with holes and odd keys", `local k = {} local t = { [k] = 1, [true] = 2, [1.5] = 3, [0] = 4, [-1] = 5, nil, 6 }
			keep(function() return t[k] + t[true] + t[1.5] + t[0] + t[-1] + t[2] end)`, "21"},
		{"a cycle", `local t = {} t.t = t keep(function() return tostring(t.t == t) end)`, "true"},
		{"a metatable", `local t = setmetatable({}, { __index = function(_, k) return k .. "!" end }) keep(function() return t.hi end)`, "hi!"},
		{"a class", `local C = {} C.__index = C function C.new(n) return setmetatable({ n = n }, C) end function C:get() return self.n end
			local c = C.new(4) keep(function() return c:get() + C.new(5):get() end)`, "9"},
		{"a recursive function", `local function fac(n) return n < 2 and 1 or n * fac(n - 1) end keep(function() return fac(5) end)`, "120"},
		{"a vararg", `local function f(...) return select("#", ...) end keep(function() return f(1, nil, 3) end)`, "3"},
		{"the order of a table", `local t = {} for i = 1, 50 do t["k" .. i] = i end for i = 1, 50, 3 do t["k" .. i] = nil end
			local a = "" for k in pairs(t) do a = a .. k end
			keep(function() local b = "" for k in pairs(t) do b = b .. k end return tostring(a == b) end)`, "true"},
		{"a field a script put into a library", `function string.twice(s) return s .. s end keep(function() return ("ab"):twice() .. string.twice("c") end)`, "ababcc"},
		{"an iterator", `local next_word = ("a b c"):gmatch("%a") next_word() keep(function() return next_word() end)`, "b"},
		{"a variable of a coroutine that is not finished", `local get
			coroutine.resume(coroutine.create(function() local x = 5 get = function() x = x + 1 return x end coroutine.yield() end))
			keep(function() get() return get() end)`, "7"},
		{"strings have methods", `keep(function() return ("x"):upper() end)`, "X"},
		{"a library in a variable is the global", `local s = string keep(function() return tostring(s == string and s == require("string") and s.upper == ("").upper) end)`, "true"},
		{
			"a global that is removed", `print, string = nil keep(function() return tostring(print) .. tostring(string) .. tostring(rawget(_G, "print")) .. ("x"):upper() end)`,
			"nilnilnilX",
		},
		{"a removed global is not listed", `print = nil keep(function() for k in pairs(_G) do if k == "print" then return "listed" end end return "no" end)`, "no"},
		{"a removed library is required", `math = nil keep(function() return require("math").max(1, 2) end)`, "2"},
		{"a global that is replaced", `local old = type type = function(v) return "a " .. old(v) end keep(function() return type(1) end)`, "a number"},
		{"a library that is replaced", `math = { pi = 3 } keep(function() return math.pi .. require("math").floor(1.5) end)`, "31"},
		{"a library that two names have", `str = string keep(function() return str.rep("a", 2) .. tostring(str == string) end)`, "aatrue"},
		{"a library that a script has written to", `local s = string function string.x() return 1 end
			keep(function() return tostring(s == string and s == require("string") and ("").x == s.x) end)`, "true"},
		{"the globals are themselves", `local g = _G keep(function() return tostring(g == _G and _G._G == g and require("_G") == g) end)`, "true"},
		{"_G is removed", `local g = _G _G = nil keep(function() return tostring(_G) .. tostring(g.type ~= nil) .. tostring(require("_G") == g) end)`, "niltruetrue"},
		{"the globals have another name", `all = _G keep(function() return tostring(all == _G) end)`, "true"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			img, refs := freeze(t, test.src, Options{})
			for range 2 { // the second state finds what the first did not change
				if got, err := call(img.NewState(), refs[0]); err != nil || got != test.want {
					t.Errorf("got %q, %v; want %q", got, err, test.want)
				}
			}
		})
	}
}

func TestFunctionsThatShareAVariableShareItInACopy(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `
		local n, list = 0, {}
		keep(function() n = n + 1 list[#list + 1] = n return n end)
		keep(function() return n .. "," .. #list end)`, Options{})
	one, other := img.NewState(), img.NewState()
	for range 3 {
		if _, err := call(one, refs[0]); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		state *State
		want  string
	}{{one, "3,3"}, {other, "0,0"}} {
		if got, err := call(test.state, refs[1]); err != nil || got != test.want {
			t.Errorf("got %q, %v; want %q", got, err, test.want)
		}
	}
}

func TestUserdataIsFreshButHoldsTheSameValue(t *testing.T) {
	t.Parallel()
	value := &struct{ n int }{1}
	meta := gopher.NewTable(0, 1)
	meta.RawSetString("__tostring", GoFunc(func(L *lua.LState) int { L.Push(lua.LString("thing")); return 1 }))
	original := &lua.LUserData{Value: value, Metatable: meta}
	img, refs := freeze(t, `local t = thing keep(function() return t end)`, Options{Globals: map[string]lua.LValue{"thing": original}})
	s := img.NewState()
	if err := s.Call(s.Func(refs[0]), 1); err != nil {
		t.Fatal(err)
	}
	got := s.L.Get(-1).(*lua.LUserData)
	if got == original || got.Value != value || got.Metatable == lua.LValue(meta) {
		t.Errorf("got %+v, want a copy of %+v", got, original)
	}
	if text := s.L.ToStringMeta(got).String(); text != "thing" {
		t.Errorf("its metatable gives %q, want thing", text)
	}
}

func TestASharedMetatableIsNotCopied(t *testing.T) {
	t.Parallel()
	meta := gopher.NewTable(0, 0)
	original := &lua.LUserData{Metatable: meta}
	b, refs := newBuilder(Options{Globals: map[string]lua.LValue{"thing": original}})
	b.share(meta)
	if err := b.Run(compile(t, `local t = thing keep(function() return t end)`)); err != nil {
		t.Fatal(err)
	}
	img, err := b.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	s := img.NewState()
	if err := s.Call(s.Func((*refs)[0]), 1); err != nil {
		t.Fatal(err)
	}
	if got := s.L.Get(-1).(*lua.LUserData); got == original || got.Metatable != lua.LValue(meta) {
		t.Errorf("got %+v, want another userdata with the same metatable", got)
	}
}

// fixed is the value of a userdata that never changes.
type fixed struct{}

func (fixed) Immutable() {}

func TestUserdataOfAnImmutableValueIsShared(t *testing.T) {
	t.Parallel()
	original := &lua.LUserData{Value: fixed{}, Metatable: lua.LNil}
	img, refs := freeze(t, `local t = thing keep(function() return t end)`, Options{Globals: map[string]lua.LValue{"thing": original}})
	s := img.NewState()
	if err := s.Call(s.Func(refs[0]), 1); err != nil {
		t.Fatal(err)
	}
	if got := s.L.Get(-1); got != lua.LValue(original) {
		t.Errorf("got a copy")
	}
}

func TestTheZeroRefIsNoFunction(t *testing.T) {
	t.Parallel()
	img, _ := freeze(t, `keep(function() end)`, Options{})
	if fn := img.NewState().Func(0); fn != nil {
		t.Errorf("got %v", fn)
	}
}

func TestABuilderCallsWhatItKeeps(t *testing.T) {
	t.Parallel()
	b, refs := load(t, `local n = 1 keep(function() n = n + 1 return n end)`, Options{})
	if got, err := call(b.State(), (*refs)[0]); err != nil || got != "2" {
		t.Errorf("got %q, %v; want 2", got, err)
	}
	if Of(b.State().L) != b.State() || !b.State().Loading() {
		t.Error("the state of the builder is not the one of its thread, or does not load")
	}
	img, err := b.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	if s := img.NewState(); Of(s.L) != s || s.Loading() {
		t.Error("a copy is not the state of its thread, or loads")
	}
	if got := Of(lua.NewState(lua.Options{SkipOpenLibs: true})); got != nil {
		t.Errorf("a state of nobody is %v", got)
	}
}

func TestACapturedCoroutineFailsTheLoadWithItsLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, src string
		line      int
	}{
		{"as a local", "local co = coroutine.create(function() end)\n\nkeep(function() return co end)", 3},
		{"by wrap", "local f = coroutine.wrap(function() end)\nkeep(function() return f() end)", 2},
		{"in a table", "local t = { { coroutine.create(function() end) } }\nkeep(function() return t end)", 2},
		{"by an inner function", "local co = coroutine.create(function() end)\nlocal function f() return co end\nkeep(function()\nreturn f() end)", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, _ := load(t, test.src, Options{})
			_, err := b.Freeze()
			wantError(t, err, "main.lua", test.line, "captures a coroutine")
		})
	}
}

func TestAGlobalCoroutineIsAnErrorOnlyWhereItIsUsed(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, "co = { { coroutine.create(function() end) } }\nkeep(function() return 1 end)\nkeep(function() return co end)", Options{})
	s := img.NewState()
	if got, err := call(s, refs[0]); err != nil || got != "1" {
		t.Errorf("got %q, %v; want 1", got, err)
	}
	for range 2 { // the first error leaves nothing half copied behind
		_, err := call(s, refs[1])
		wantError(t, err, "main.lua", 3, `"co": a coroutine cannot be copied`)
	}
}

func TestAListOfAMillionElementsIsCopied(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `
		local list
		for i = 1, 1000000 do list = { list } end
		keep(function() local n = 0 local l = list while l and n < 10 do n, l = n + 1, l[1] end return n end)`, Options{Load: Limits{CPU: time.Minute}})
	if got, err := call(img.NewState(), refs[0]); err != nil || got != "10" {
		t.Errorf("got %q, %v; want 10", got, err)
	}
}

func TestManyGoroutinesCopyAtOnce(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `
		local json = require("string")
		local meta = { __index = function(t, k) return k end }
		local shared = setmetatable({ 1, 2, 3, a = { b = { c = 1 } }, [true] = "x" }, meta)
		shared.self = shared
		config = { list = { "a", "b" }, n = 0 }
		function string.shout(s) return s:upper() .. "!" end
		for i = 1, 50 do
			keep(function(x)
				config.n = config.n + 1
				shared[#shared + 1] = x
				for k, v in pairs(shared) do local _ = k end
				return json.format("%s %d %s %s", x, config.n, shared.missing, ("a"):shout())
			end)
		end`, Options{})
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for range 20 {
				s := img.NewState()
				for i, ref := range refs {
					want := fmt.Sprintf("%d %d missing A!", g, i+1)
					if got, err := call(s, ref, lua.LNumber(g)); err != nil || got != want {
						t.Errorf("got %q, %v; want %q", got, err, want)
						return
					}
				}
			}
		})
	}
	wait.Wait()
}

func TestAnImageWithoutKeptFunctionsIsEmpty(t *testing.T) {
	t.Parallel()
	if img, _ := freeze(t, `local x = 1`, Options{}); !img.Empty() {
		t.Error("nothing was kept, but the image is not empty")
	}
	if img, _ := freeze(t, `keep(function() end)`, Options{}); img.Empty() {
		t.Error("a function was kept, but the image is empty")
	}
}

func TestAFunctionKeptTwiceIsOne(t *testing.T) {
	t.Parallel()
	_, refs := freeze(t, `local function f() end keep(f) keep(f) keep(function() end)`, Options{})
	if refs[0] != refs[1] || refs[0] == refs[2] || refs[0] == 0 {
		t.Errorf("got %v, want two equal ones and another", refs)
	}
}

// manyFunctions is a script that keeps functions as a table of routes does.
func manyFunctions(n int) string {
	return strings.ReplaceAll(`
		local allowed = { a = true, b = true }
		local hits = 0
		for i = 1, N do
			local name = "route" .. i
			keep(function(x) hits = hits + 1 if allowed[x] then return name end return nil end)
		end`, "N", fmt.Sprint(n))
}

func BenchmarkNewStateAndFirstCall(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		b.Run(fmt.Sprintf("%d functions", n), func(b *testing.B) {
			img, refs := freeze(b, manyFunctions(n), Options{})
			b.ReportAllocs()
			for b.Loop() {
				s := img.NewState()
				if _, err := call(s, refs[n/2], lua.LString("a")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFreeze(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		builder, _ := load(b, manyFunctions(100_000), Options{})
		b.StartTimer()
		if _, err := builder.Freeze(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	img, refs := freeze(b, manyFunctions(1), Options{})
	s := img.NewState()
	s.Arm(Limits{CPU: time.Hour}, context.Background()) // all calls are of one request
	arg := lua.LValue(lua.LString("a"))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Call(s.Func(refs[0]), 1, arg); err != nil {
			b.Fatal(err)
		}
		s.L.Pop(1)
	}
}
