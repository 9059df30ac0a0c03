package vm

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// scratch calls a function in Scratch.
func scratch(s *State, ref Ref) (got string, err error) {
	err = s.Scratch(func() (err error) {
		got, err = call(s, ref)
		return err
	})
	return got, err
}

func TestGlobalsThatAreAssignedInScratchAreForgotten(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `n, old = 1, 1 keep(function()
		n = n + 1
		new = (new or 0) + 1
		old = nil
		return n .. "," .. new .. "," .. _G.n .. "," .. tostring(old)
	end)`, Options{})
	s := mustGet(t, NewPool(img, 1, time.Second))
	for range 2 {
		err := s.Scratch(func() error {
			for _, want := range []string{"2,1,2,nil", "3,2,3,nil"} {
				if got, err := call(s, refs[0]); err != nil || got != want {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := call(s, refs[0]); err == nil {
		t.Error("outside of Scratch a global is assigned")
	}
}

func TestWhatScratchChangesIsForgotten(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{
		"a table in a global":          `t = { n = 0 } keep(function() t.n = t.n + 1 return t.n end)`,
		"a table in a table":           `t = { { n = 0 } } keep(function() t[1].n = t[1].n + 1 return t[1].n end)`,
		"a list":                       `t = {} keep(function() table.insert(t, 1) return #t end)`,
		"a captured variable":          `local n = 0 keep(function() n = n + 1 return n end)`,
		"a captured table":             `local t = { n = 0 } keep(function() t.n = t.n + 1 return t.n end)`,
		"a variable two functions use": `local n = 0 function bump() n = n + 1 end keep(function() bump() return n end)`,
		"a table in a module":          `local m = require("m") keep(function() m.n = m.n + 1 return require("m").n end)`,
		"what a method of texts uses":  `local n = 0 function string.bump() n = n + 1 return n end keep(function() return ("x"):bump() end)`,
		"a table under _G":             `t = { n = 0 } keep(function() local t = rawget(_G, "t") t.n = t.n + 1 return t.n end)`,
		"a global erased and set":      `n = 0 keep(function() local was = n n = nil n = (n or was) + 1 return n end)`,
		"a global of loaded text":      `n = 0 keep(function() loadstring("n = n + 1")() return n end)`,
		"a global of a coroutine":      `n = 0 keep(function() coroutine.wrap(function() n = n + 1 end)() return n end)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img, refs := freeze(t, code, Options{Modules: moduleMap{"m": `return { n = 0 }`}})
			s := mustGet(t, NewPool(img, 1, time.Second))
			for range 3 {
				if got, err := scratch(s, refs[0]); err != nil || got != "1" {
					t.Fatalf("got %q, %v; want 1", got, err)
				}
			}
		})
	}
}

func TestWhatIsOutsideOfScratchStays(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `local n = 0
		function string.bump() n = n + 1 return n end
		keep(function() n = n + 1 return ("x"):bump() end)`, Options{})
	s := mustGet(t, NewPool(img, 1, time.Second))
	for _, want := range []string{"2", "4", "6"} {
		if got, err := scratch(s, refs[0]); err != nil || got != "2" {
			t.Errorf("inside: got %q, %v; want 2", got, err)
		}
		if got, err := call(s, refs[0]); err != nil || got != want {
			t.Errorf("outside: got %q, %v; want %q", got, err, want)
		}
	}
}

func TestScratchLeavesWhatRunsAroundIt(t *testing.T) {
	t.Parallel()
	var s *State
	var refs []Ref
	inside := func(L *lua.LState) int {
		got, err := scratch(s, refs[0])
		L.Push(lua.LString(fmt.Sprint(got, err)))
		return 1
	}
	img, refs2 := freeze(t, `t = { n = 0 }
		keep(function() t.n = t.n + 1 return t.n end)
		keep(function() t.n = 5 local got = inside() t.n = t.n + 1 return got .. " " .. t.n end)`,
		Options{Globals: map[string]lua.LValue{"inside": GoFunc(inside)}})
	refs = refs2
	s = mustGet(t, NewPool(img, 1, time.Second))
	if got, err := call(s, refs[1]); err != nil || got != "1<nil> 6" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCopyingForScratchIsPartOfTheBudget(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{
		"a global":            `t = {} for i = 1, 3e5 do t[i] = { i } end keep(function() return #t end)`,
		"a captured variable": `local t = {} for i = 1, 3e5 do t[i] = { i } end keep(function() return #t end)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img, refs := freeze(t, code, Options{})
			s := mustGet(t, NewPool(img, 1, time.Second))
			if got, err := call(s, refs[0]); err != nil || got != "300000" {
				t.Fatalf("outside of Scratch: got %q, %v", got, err)
			}
			s.Arm(Limits{CPU: time.Millisecond}, context.Background())
			if got, err := scratch(s, refs[0]); !errors.Is(err, ErrBudget) {
				t.Errorf("got %q, %v; want the end of the budget", got, err)
			}
		})
	}
}

func BenchmarkScratch(b *testing.B) {
	img, refs := freeze(b, `percent = 20
		function find(list, name) for i, v in ipairs(list) do if v.name == name then return v end end end
		list = { { name = "a" }, { name = "b" } }
		keep(function() chosen = find(list, "b") if math.random(100) <= percent then chosen = list[1] end return chosen.name end)
		keep(function() local chosen = find(list, "b") if math.random(100) <= percent then chosen = list[1] end return chosen.name end)`, Options{})
	s := img.NewState()
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Arm(DefaultLimits, context.Background())
			if _, err := call(s, refs[1]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scratch", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Arm(DefaultLimits, context.Background())
			if _, err := scratch(s, refs[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("state", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s := img.NewState()
			if _, err := scratch(s, refs[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
