package vm

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
)

func TestWhatAScriptCanPileUpIsCapped(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{
		{"calls in one another", `local function f(n) return 1 + f(n + 1) end f(0)`, "overflow"},
		{"values on the stack", `local function f(...) return select("#", ..., f(1, 2, 3, 4, 5, 6, 7, 8, ...)) end f()`, "overflow"},
		{"arguments", `local t = {} for i = 1, 7000 do t[i] = i end
			local function f(...) local a, b, c, d = f(..., unpack(t)) return a end f(unpack(t))`, "overflow"},
		{"results", `return unpack({}, 1, 8001)`, "too many results"},
		{"coroutines", `for i = 1, 1001 do coroutine.wrap(function() end)() end`, "too many coroutines"},
		{"coroutines in one another", `local function f() coroutine.wrap(f)() end f()`, "too deeply"},
		{"a string", `return ("x"):rep(2^24 + 1)`, "too large"},
		{"a text to load", `local f, err = loadstring(("x"):rep(64 * 1024 + 1)) error(err)`, "too large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			img, refs := freeze(t, "keep(function() "+test.body+" end)", Options{})
			s := img.NewState()
			s.Arm(Limits{CPU: time.Hour}, context.Background())
			_, err := call(s, refs[0])
			if err == nil {
				t.Fatal("got no error")
			}
			wantError(t, err, "main.lua", errorLine(err), test.want)
		})
	}
}

func TestAnIndexThatIsTooLargeIsAKeyLikeAnyOther(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `keep(function() local t = {} t[2^20] = 1 t[2^53] = 2 return #t .. t[2^20] .. t[2^53] end)`, Options{})
	s := img.NewState()
	if got, err := call(s, refs[0]); err != nil || got != "012" {
		t.Errorf("got %s, %v; want 012", got, err)
	}
	if s.budget.made > mebi {
		t.Errorf("it counts for %d bytes", s.budget.made)
	}
}

// errorLine returns the line of an error: what is tested here are messages.
func errorLine(err error) int {
	var e *script.Error
	if errors.As(err, &e) {
		return e.Line
	}
	return 0
}
