package vm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// lines returns options whose Step writes down the lines of main.lua as they are entered.
func lines() (Options, func() string) {
	var all strings.Builder
	last := 0
	return Options{Step: func(L *lua.LState) {
		f := gopher.Running(L)
		if f == nil || f.Fn.IsG || f.Line() == last {
			return
		}
		last = f.Line()
		all.WriteString(string(rune('0' + last)))
	}}, func() string { last = 0; defer all.Reset(); return all.String() }
}

func TestStepSeesEveryLineThatRuns(t *testing.T) {
	t.Parallel()
	// Lua makes a function at the line of its end.
	for name, row := range map[string]struct{ body, want string }{
		"statements": {"local a = 1\nlocal b = a\nreturn a + b", "234"},
		"a branch":   {"local a\nif a then\na = 1\nelse\na = 2\nend\nreturn a", "2368"},
		"a call":     {"local function f()\nreturn 1\nend\nreturn f() + 1", "4535"},
		"a tail call, an iterator and pcall": {
			"pcall(function()\nfor _ in pairs({ 1 }) do\nlocal x\nend\nend)\nreturn (function()\nreturn 7\nend)()", "262343698",
		},
		"a coroutine":                      {"local co = coroutine.wrap(function()\ncoroutine.yield()\nreturn 2\nend)\nco()\nco()", "25263748"},
		"a metamethod":                     {"local t = setmetatable({}, { __index = function()\nreturn 1\nend })\nreturn t.x", "242535"},
		"a sort, which Go calls back from": {"table.sort({ 1, 2 }, function(a, b)\nreturn a < b\nend)", "24235"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options, seen := lines()
			img, refs := freeze(t, "keep(function()\n"+row.body+"\nend)", options)
			seen()
			s := img.NewState()
			for range 2 { // a state that has been used steps again
				s.Arm(DefaultLimits, context.Background())
				if _, err := call(s, refs[0]); err != nil {
					t.Fatal(err)
				}
				if got := seen(); got != row.want {
					t.Errorf("saw %s, want %s", got, row.want)
				}
			}
		})
	}
}

func TestBudgetsEndWithAStepToo(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"time":   "while true do pcall(function() while true do end end) end",
		"Go":     "while true do (('x'):rep(1e5)):find('y', 1, true) end",
		"memory": "local t = {} for i = 1, 1e9 do t[i] = { i } end",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			img, refs := freeze(t, "keep(function() "+body+" end)", Options{Step: func(*lua.LState) { n++ }})
			s := img.NewState()
			s.Arm(Limits{CPU: 20 * time.Millisecond, Memory: 1 << 20}, context.Background())
			if _, err := call(s, refs[0]); !errors.Is(err, ErrBudget) || !s.Broken() {
				t.Errorf("got %v, want the end of the budget", err)
			}
			if n < 100 {
				t.Errorf("%d instructions were seen", n)
			}
		})
	}
}

func TestTheTimeOfAStepIsNotThatOfTheScript(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, "keep(function() for i = 1, 3000 do end return 1 end)", Options{Step: func(*lua.LState) {
		for start := time.Now(); time.Since(start) < 5*time.Microsecond; {
		}
	}})
	s := img.NewState()
	s.Arm(Limits{CPU: 2 * time.Millisecond}, context.Background())
	if got, err := call(s, refs[0]); err != nil || got != "1" {
		t.Errorf("got %q, %v", got, err)
	}
}
