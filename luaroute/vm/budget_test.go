package vm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestEveryEndlessScriptEndsWithItsBudget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body string }{
		{"a loop", `while true do end`},
		{"a loop in pcall", `while true do pcall(function() while true do end end) end`},
		{"a pcall that is the last call", `return pcall(function() while true do end end)`},
		{"xpcall with a handler that loops", `xpcall(function() while true do end end, function() while true do end end)`},
		{"a tail call", `local function f() return f() end f()`},
		{"a coroutine", `coroutine.wrap(function() while true do end end)()`},
		{"a coroutine whose error is ignored", `while true do coroutine.resume(coroutine.create(function() while true do end end)) end`},
		{"a pattern that goes back for ever", `(("a"):rep(100000)):find((".-"):rep(20) .. "b")`},
		{"gsub with a long replacement", `local s = ("a"):rep(1000) while true do s:gsub("a", s) end`},
		{"insertions at the front", `local t = {} while true do table.insert(t, 1, 1) end`},
		{"sorting", `local t = {} for i = 1, 100000 do t[i] = -i end while true do table.sort(t) t[1] = 1 end`},
		{"a metamethod", `local t = setmetatable({}, { __index = function(t, k) while true do end end }) return t.x`},
		{"an iterator", `for _ in function() return 1 end do end`},
		{"compiling", `local s = ("local a = 1 "):rep(100) while true do loadstring(s) end`},
	} {
		t.Run(test.name, func(t *testing.T) {
			img, refs := freeze(t, "keep(function() "+test.body+" end)", Options{})
			s := img.NewState()
			s.Arm(Limits{CPU: 50 * time.Millisecond}, context.Background())
			_, err := call(s, refs[0])
			if !errors.Is(err, ErrBudget) {
				t.Fatalf("got %v, want the end of the budget", err)
			}
			wantError(t, err, "main.lua", 1, "")
			if !s.Broken() {
				t.Error("the state is not broken")
			}
			if _, err := call(s, refs[0]); !errors.Is(err, ErrBudget) {
				t.Errorf("the next call gives %v, want the same error", err)
			}
		})
	}
}

func TestALoopEndsSoonAfterItsBudget(t *testing.T) {
	img, refs := freeze(t, "keep(function() while true do end end)", Options{})
	s := img.NewState()
	s.Arm(Limits{CPU: 20 * time.Millisecond}, context.Background())
	took := testkit.Ran(func() {
		if _, err := call(s, refs[0]); !errors.Is(err, ErrBudget) {
			t.Errorf("got %v, want the end of the budget", err)
		}
	})
	if s.budget.spent < 20*time.Millisecond || took > 2*time.Second {
		t.Errorf("20ms took %v, of which %v were counted", took, s.budget.spent)
	}
}

func TestTheClockAloneNeverEndsACallOfFewSteps(t *testing.T) {
	t.Parallel()
	slow := lua.LValue(GoFunc(func(*lua.LState) int { time.Sleep(time.Millisecond); return 0 }))
	img, refs := freeze(t, `local slow = slow keep(function() for i = 1, 30 do slow() end return "done" end)`,
		Options{Globals: map[string]lua.LValue{"slow": slow}})
	s := img.NewState()
	s.Arm(Limits{CPU: time.Millisecond}, context.Background())
	if got, err := call(s, refs[0]); err != nil || got != "done" {
		t.Errorf("got %q, %v; want done", got, err)
	}
}

func TestTheBudgetCountsOverTheCallsOfARequest(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `keep(function() for i = 1, 50000 do end end)`, Options{})
	s := img.NewState()
	s.Arm(Limits{CPU: 10 * time.Millisecond}, context.Background())
	var err error
	for i := 0; err == nil; i++ {
		if i > 1000 {
			t.Fatal("a thousand calls of some milliseconds did not end a budget of ten")
		}
		_, err = call(s, refs[0])
	}
	if !errors.Is(err, ErrBudget) {
		t.Errorf("got %v, want the end of the budget", err)
	}
}

func TestTheEndOfTheContextEndsTheCall(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `keep(function() while true do pcall(function() end) end end)`, Options{})
	s := img.NewState()
	gone := errors.New("the client is gone")
	ctx, cancel := context.WithCancelCause(context.Background())
	s.Arm(Limits{CPU: time.Hour}, ctx)
	cancel(gone)
	if _, err := call(s, refs[0]); !errors.Is(err, gone) || errors.Is(err, ErrBudget) {
		t.Errorf("got %v, want the cause of the context", err)
	}
}

func TestWaitingEndsWithItsOwnBudget(t *testing.T) {
	t.Parallel()
	wait := lua.LValue(GoFunc(func(L *lua.LState) int {
		err := Of(L).Wait(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if err != nil {
			Throw(L, err)
		}
		return 0
	}))
	img, refs := freeze(t, `local wait = wait keep(function() pcall(wait) return 1 end)`, Options{Globals: map[string]lua.LValue{"wait": wait}})
	s := img.NewState()
	s.Arm(Limits{Wall: time.Millisecond}, context.Background())
	_, err := call(s, refs[0])
	if !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), "waited for more than 1ms") {
		t.Errorf("got %v, want the end of the time for waiting", err)
	}
}

func TestCoroutinesAreLimited(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{
		{"in number", `for i = 1, 2000 do coroutine.create(function() end) end`, "too many coroutines"},
		{"in depth", `local function f() coroutine.wrap(f)() end f()`, "too deeply"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := eval(t, test.body)
			wantError(t, err, "main.lua", 1, test.want)
		})
	}
}

func TestRecursionEndsWithAnErrorOfLua(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body string }{
		{"of a function", `local function f() return 1 + f() end f()`},
		{"through pcall", `local function f() local ok, e = pcall(f) error(e, 0) end f()`},
		{"through gsub", `local function f() return (("x"):gsub("x", f)) end f()`},
		{"through sort", `local function f() table.sort({1, 2}, f) return true end f()`},
		{"of a metamethod", `local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x`},
		{"of tostring", `local t = setmetatable({}, {}) getmetatable(t).__tostring = function(t) return tostring(t) end return tostring(t)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := eval(t, test.body)
			wantError(t, err, "main.lua", 1, "overflow")
		})
	}
}

func TestACallAllocatesNothing(t *testing.T) {
	img, refs := freeze(t, `local known = { a = "x" } keep(function(k) return known[k] end)`, Options{})
	s := img.NewState()
	arg := lua.LValue(lua.LString("a"))
	got := testkit.Allocs(1000, func() {
		if err := s.Call(s.Func(refs[0]), 1, arg); err != nil {
			t.Fatal(err)
		}
		s.L.Pop(1)
	})
	if got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
	if got := testkit.Allocs(1000, func() { s.Arm(DefaultLimits, context.Background()) }); got != 0 {
		t.Errorf("got %v allocations for arming, want none", got)
	}
}
