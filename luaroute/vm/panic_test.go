package vm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// waysToPanic call a Go function that panics, in all ways that Lua has to call one.
var waysToPanic = []struct{ name, body string }{
	{"plain", `abort()`},
	{"as the last call", `return abort()`},
	{"in pcall", `pcall(abort) return 1`},
	{"in a pcall that is the last call", `return pcall(abort)`},
	{"in two of pcall", `pcall(pcall, abort) return 1`},
	{"in a pcall that goes on", `pcall(abort) pcall(abort) while true do end`},
	{"in xpcall", `xpcall(abort, function() end) return 1`},
	{"as the handler of xpcall", `xpcall(error, abort) return 1`},
	{"in a coroutine", `coroutine.resume(coroutine.create(function() abort() end)) return 1`},
	{"in a function of a coroutine", `coroutine.resume(coroutine.create(function() abort() end)) return 1`},
	{"in a coroutine of a coroutine", `coroutine.wrap(function() pcall(coroutine.wrap(function() abort() end)) end)() return 1`},
	{"in wrap", `pcall(coroutine.wrap(function() abort() end)) return 1`},
	{"in a callback", `pcall(string.gsub, "x", "x", abort) return 1`},
	{"in sort", `pcall(table.sort, { 1, 2 }, abort) return 1`},
	{"in an iterator", `for _ in abort do end`},
	{"in __index", `local t = setmetatable({}, { __index = abort }) pcall(function() return t.x end)`},
	{"in __newindex", `local t = setmetatable({}, { __newindex = abort }) pcall(function() t.x = 1 end)`},
	{"in __call", `pcall(setmetatable({}, { __call = abort }))`},
	{"in __add", `local t = setmetatable({}, { __add = abort }) pcall(function() return t + 1 end)`},
	{"in __concat", `local t = setmetatable({}, { __concat = abort }) pcall(function() return t .. "x" end)`},
	{"in __eq", `local meta = { __eq = abort } local a, b = setmetatable({}, meta), setmetatable({}, meta) pcall(function() return a == b end)`},
	{"in __lt", `local meta = { __lt = abort } local a, b = setmetatable({}, meta), setmetatable({}, meta) pcall(function() return a < b end)`},
	{"in __tostring", `pcall(tostring, setmetatable({}, { __tostring = abort }))`},
	{"in a reader of load", `load(abort)`},
}

// panicking returns a state, and its function with a body in which abort panics. A raw abort is not protected, as a function that a
// library makes while a request runs.
func panicking(t *testing.T, body string, value any, raw bool) (*State, Ref) {
	t.Helper()
	abort := &lua.LFunction{IsG: true, GFunction: func(*lua.LState) int { panic(value) }}
	fetch := GoFunc(func(L *lua.LState) int {
		if raw {
			L.Push(L.NewFunction(abort.GFunction))
		} else {
			L.Push(Function(L, abort.GFunction))
		}
		return 1
	})
	img, refs := freeze(t, "local fetch = fetch keep(function() local abort = fetch()\n"+body+"\nend)",
		Options{Globals: map[string]lua.LValue{"fetch": fetch}})
	return img.NewState(), refs[0]
}

func TestAPanicOfGoCodeIsAnErrorThatNoScriptCatches(t *testing.T) {
	t.Parallel()
	for _, way := range waysToPanic {
		for _, value := range []any{fmt.Errorf("other"), "text", []int{1}, nil} {
			for _, raw := range []bool{false, true} {
				t.Run(fmt.Sprint(way.name, " with ", value, raw), func(t *testing.T) {
					t.Parallel()
					s, ref := panicking(t, way.body, value, raw)
					_, err := call(s, ref)
					want := fmt.Sprint("main.lua:2: panic: ", value)
					if value == nil {
						want = "main.lua:2: panic: panic called with nil argument"
					}
					if err == nil || !strings.HasPrefix(err.Error(), want) || errors.Is(err, ErrBudget) {
						t.Errorf("got %v, want %s", err, want)
					}
					if !s.Broken() {
						t.Error("the state is not broken")
					}
				})
			}
		}
	}
}

func TestTheAbortOfAResponseComesOutOfTheCall(t *testing.T) {
	t.Parallel()
	for _, way := range waysToPanic {
		for _, raw := range []bool{false, true} {
			t.Run(fmt.Sprint(way.name, raw), func(t *testing.T) {
				t.Parallel()
				s, ref := panicking(t, way.body, http.ErrAbortHandler, raw)
				defer func() {
					if r := recover(); r != http.ErrAbortHandler {
						t.Errorf("got the panic %v, want the abort", r)
					}
					if !s.Broken() {
						t.Error("the state is not broken")
					}
				}()
				_, err := call(s, ref)
				t.Errorf("got %v, want a panic", err)
			})
		}
	}
}

func TestAPanicOfWhatIsOutsideOfTheScriptComesOutOfTheCall(t *testing.T) {
	t.Parallel()
	outside := GoFunc(func(L *lua.LState) int {
		Of(L).Outside(func() { panic("a handler") })
		return 0
	})
	for _, body := range []string{`outside()`, `pcall(outside) return 1`, `coroutine.wrap(function() pcall(outside) end)()`} {
		img, refs := freeze(t, "local outside = outside keep(function() "+body+" end)", Options{Globals: map[string]lua.LValue{"outside": outside}})
		s := img.NewState()
		func() {
			defer func() {
				if r := recover(); r != "a handler" || !s.Broken() {
					t.Errorf("%s: got the panic %v", body, r)
				}
			}()
			_, err := call(s, refs[0])
			t.Errorf("%s: got %v, want a panic", body, err)
		}()
	}
}

// TestABudgetMayEndAtAnyStep ends budgets after each number of steps: what comes out is always the end of the budget, never a
// panic of gopher-lua, which cannot say where an error is in a function that has not begun.
func TestABudgetMayEndAtAnyStep(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`for i = 1, 30 do xpcall(error, function() return i end) end`,
		`for i = 1, 30 do xpcall(error, error) end`,
		`for i = 1, 30 do pcall(pcall, pcall, error) end`,
		`local t = setmetatable({}, { __index = function(t, k) return k end, __call = function() return 1 end }) for i = 1, 30 do local x = t[i] + t() end`,
		`local function deep(n) return setmetatable({}, { __index = function(t, k) return n > 0 and deep(n - 1)[k] or k end }) end for i = 1, 30 do local x = deep(40).x end`,
		`local meta = {} meta.__eq = function(a, b) return #a == #b end meta.__lt = meta.__eq meta.__concat = function() return "" end
			local a, b = setmetatable({ 1 }, meta), setmetatable({}, meta) for i = 1, 30 do local x = (a == b) or (a < b) or (a .. b) end`,
		`local function each(n, i) if i < n then return i + 1 end end for i = 1, 10 do for k in each, 5, 0 do pcall(error, k) end end`,
		`for i = 1, 10 do ("abc"):gsub(".", function(c) return (c:gsub(".", function(d) return d end)) end) end`,
		`for i = 1, 10 do table.sort({ 3, 2, 1 }, function(a, b) return a < b end) end`,
		`for i = 1, 10 do local w = coroutine.wrap(function(a) for j = 1, 3 do pcall(error, coroutine.yield(a)) end end) w(1) w(2) w(3) end`,
		`local function nest(n) if n > 0 then return coroutine.wrap(function() return nest(n - 1) end)() end return n end for i = 1, 3 do nest(20) end`,
		`for i = 1, 10 do local ok, e = pcall(function() error(setmetatable({}, { __tostring = function() return "x" end })) end) tostring(e) end`,
		`for i = 1, 10 do load(function() return nil end) loadstring("return 1")() end`,
		`local function f(...) return select("#", ...) end for i = 1, 20 do f(unpack({ 1, 2, 3, 4 })) end`,
		`local function f() return f() end f()`,
		`local function f() return 1 + f() end pcall(f)`,
		`local t = setmetatable({}, {}) getmetatable(t).__tostring = tostring pcall(tostring, t)`,
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			img, refs := freeze(t, "keep(function() "+body+" end)", Options{})
			ends := 0
			for steps := 0; steps < 1500; steps++ {
				s := img.NewState()
				s.Arm(Limits{CPU: 1}, context.Background())
				s.budget.left, s.budget.size, s.budget.looked = steps, steps+1, time.Now().Add(-time.Second)
				_, err := call(s, refs[0])
				if err == nil {
					break
				}
				ends++
				if !errors.Is(err, ErrBudget) {
					t.Fatalf("after %d steps: got %v, want the end of the budget", steps, err)
				}
			}
			if ends < 10 {
				t.Errorf("it ended %d times within its run", ends)
			}
		})
	}
}

func TestAStackOverflowIsAnErrorThatPcallCatches(t *testing.T) {
	t.Parallel()
	const slow, many = 20, 1000 // slow is what makes an overflow of overflows
	for _, test := range []struct {
		name, body string
		times      int
	}{
		{"of a function", `local function f() return 1 + f() end return pcall(f)`, many},
		{"of a function in xpcall", `local function f() return 1 + f() end return xpcall(f, function(e) return e end)`, 0},
		{"in a coroutine", `local function f() return 1 + f() end return coroutine.resume(coroutine.create(f))`, many},
		{"in a pcall of a coroutine", `local function f() return 1 + f() end return coroutine.wrap(function() return pcall(f) end)()`, many},
		{"of a metamethod", `local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return pcall(function() return t.x end)`, many},
		{"of __call", `local t = setmetatable({}, {}) getmetatable(t).__call = function(t) return 1 + t() end return pcall(t)`, 0},
		{"of __concat", `local t = setmetatable({}, {}) getmetatable(t).__concat = function(a, b) return a .. b end return pcall(function() return t .. "x" end)`, 0},
		{"of tostring", `local t = setmetatable({}, {}) getmetatable(t).__tostring = function(t) return tostring(t) end return pcall(tostring, t)`, 0},
		{"of Go functions alone", `local t = setmetatable({}, {}) getmetatable(t).__tostring = tostring return pcall(tostring, t)`, 0},
		{"through gsub", `local function f() return (("x"):gsub("x", f)) end return pcall(f)`, 0},
		{"through sort", `local function f() table.sort({ 1, 2 }, f) return true end return pcall(f)`, 0},
		{"through an iterator", `local function f() for _ in f do end end return pcall(f)`, 0},
		{"of values", `local function f(...) return select("#", ..., f(1, 2, 3, 4, 5, 6, 7, 8, ...)) end return pcall(f)`, 0},
		{"that a pcall inside has seen", `local seen local function f() local ok, e = pcall(f) seen = seen or e error(e, 0) end return pcall(f)`, slow},
		{"with captured variables", `
			local get, set
			local function f(n) local v = n if n == 500 then get, set = function() return v end, function(x) v = x end end return 1 + f(n + 1) end
			local ok, e = pcall(f, 1)
			set(get() + 1)
			if get() ~= 501 then error("the variable is lost: " .. tostring(get())) end
			return ok, e`, many},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			times := cmp.Or(test.times, 100)
			img, refs := freeze(t, `keep(function()
				local outer = 1
				local function add() outer = outer + 1 end
				local function once() `+test.body+` end
				for i = 1, `+strconv.Itoa(times)+` do
					local ok, e = once()
					if ok ~= false or not tostring(e):find("overflow") then error("got " .. tostring(ok) .. " " .. tostring(e)) end
					add()
					if i % 100 == 0 then fresh() end
				end
				return outer
			end)`, Options{Globals: map[string]lua.LValue{"fresh": GoFunc(func(L *lua.LState) int {
				Of(L).Arm(Limits{CPU: time.Hour}, context.Background()) // coroutines are counted
				return 0
			})}})
			s := img.NewState()
			s.Arm(Limits{CPU: time.Hour}, context.Background())
			got, err := call(s, refs[0])
			if err != nil || got != strconv.Itoa(times+1) || s.Broken() {
				t.Errorf("got %q, %v, broken %t; want %d", got, err, s.Broken(), times+1)
			}
		})
	}
}
