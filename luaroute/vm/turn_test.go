package vm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/fair"
)

// newQueue returns a queue of so many turns.
func newQueue(turns int) *fair.Queue { return fair.NewQueue(func() int { return turns }) }

// useUp takes all that a tenant may run without a turn, for a long time.
func useUp(l *fair.Line) { l.Use(time.Hour, time.Now()) }

// takeOne takes one turn.
func takeOne(t *testing.T, q *fair.Queue) {
	t.Helper()
	if err := q.NewLine().Enter(t.Context(), fair.Forever, true); err != nil {
		t.Fatal(err)
	}
}

// untilWaiting waits until so many goroutines stand in line.
func untilWaiting(q *fair.Queue, count int) {
	for _, waiting := q.Size(); waiting < count; _, waiting = q.Size() {
		time.Sleep(time.Millisecond)
	}
}

// wantSize checks how many goroutines have a turn, and how many wait for one.
func wantSize(t *testing.T, q *fair.Queue, running, waiting int) {
	t.Helper()
	if gotRunning, gotWaiting := q.Size(); gotRunning != running || gotWaiting != waiting {
		t.Errorf("%d have a turn, %d wait; want %d and %d", gotRunning, gotWaiting, running, waiting)
	}
}

// long runs until it has a turn.
const long = `local taken = taken local function long() repeat for i = 1, 1000 do end until taken() end `

// busyState returns a state of a queue with one turn, and its first function.
func busyState(t *testing.T, src string, globals map[string]lua.LValue) (*State, *lua.LFunction) {
	t.Helper()
	globals["taken"] = GoFunc(func(L *lua.LState) int {
		L.Push(lua.LBool(Of(L).budget.turn.taken))
		return 1
	})
	img, refs := freeze(t, long+src, Options{Globals: globals})
	s := img.NewState()
	s.line = newQueue(1).NewLine()
	s.Arm(Limits{CPU: time.Hour}, t.Context())
	return s, s.Func(refs[0])
}

// seen is a Go function that notes how many have a turn in its queue.
func seen(all *[]int, aside bool) lua.LValue {
	return GoFunc(func(L *lua.LState) int {
		s := Of(L)
		look := func() {
			taken, _ := s.line.Queue.Size()
			*all = append(*all, taken)
		}
		if aside {
			_ = s.Wait(func(context.Context) error { look(); return nil })
		} else {
			look()
		}
		return 0
	})
}

func TestThereIsATurnWhileLuaRunsForLongAndAtNoOtherTime(t *testing.T) {
	t.Parallel()
	var running, waiting []int
	s, fn := busyState(t, `local running, waiting = running, waiting
		keep(function() running() long() running() waiting() long() running() end)`,
		map[string]lua.LValue{"running": seen(&running, false), "waiting": seen(&waiting, true)})
	if err := s.Call(fn, 0); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(running, waiting) != "[0 1 1] [0]" {
		t.Errorf("turns while it ran: %v, while it waited: %v; want 0, 1, 1 and 0", running, waiting)
	}
	wantSize(t, s.line.Queue, 0, 0)
}

// brokenGlobals has a function of Go that panics.
func brokenGlobals() map[string]lua.LValue {
	return map[string]lua.LValue{"broken": GoFunc(func(*lua.LState) int { panic("broken") })}
}

func TestNoEndOfACallLosesItsTurn(t *testing.T) {
	t.Parallel()
	broken := brokenGlobals()["broken"]
	inner := lua.LValue(GoFunc(func(L *lua.LState) int {
		s := Of(L)
		if err := s.Call(L.CheckFunction(1), 0); err != nil {
			Throw(L, err)
		}
		taken, _ := s.line.Queue.Size()
		L.Push(lua.LNumber(taken))
		return 1
	}))
	for _, test := range []struct{ name, body string }{
		{"a return", `long()`},
		{"an error", `long() error("x")`},
		{"an error that is caught", `pcall(function() long() error("x") end)`},
		{"a budget", `while true do pcall(long) end`},
		{"a panic", `long() broken()`},
		{"a stack overflow", `long() local function f() return 1 + f() end f()`},
		{"a coroutine", `coroutine.wrap(function() long() coroutine.yield() end)()`},
		{"a call in a call", `long() local taken = inner(long) if taken ~= 0 then error("it is held between the calls") end return "held"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, fn := busyState(t, "local broken, inner = broken, inner keep(function() "+test.body+" end)",
				map[string]lua.LValue{"broken": broken, "inner": inner})
			s.Arm(Limits{CPU: 300 * time.Millisecond}, t.Context())
			func() {
				defer func() { _ = recover() }()
				err := s.Call(fn, 0)
				if strings.Contains(test.name, "call in") && err != nil {
					t.Error(err)
				}
			}()
			wantSize(t, s.line.Queue, 0, 0)
		})
	}
}

func TestALongRunMakesRoomForOthersThatWait(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `local turn = turn keep(function(name) for i = 1, 20 do for j = 1, 2000 do end turn(name) end end)`, Options{
		Globals: map[string]lua.LValue{"turn": GoFunc(func(L *lua.LState) int {
			L.Context().(*budget).turn.since = time.Time{} // its slice is over
			Of(L).Slot.(func(string))(L.CheckString(1))
			return 0
		})},
	})
	q := newQueue(1)
	takeOne(t, q)
	var order strings.Builder
	var ended atomic.Bool // one of the two
	var all sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		s := img.NewState()
		s.line = q.NewLine()
		s.Slot = func(who string) { // only who has the turn is here
			order.WriteString(who)
			for _, waiting := q.Size(); waiting == 0 && !ended.Load(); _, waiting = q.Size() {
				time.Sleep(time.Millisecond)
			}
		}
		s.Arm(Limits{CPU: time.Hour}, t.Context())
		useUp(s.line)
		all.Go(func() {
			if err := s.Call(s.Func(refs[0]), 0, lua.LString(name)); err != nil {
				t.Error(err)
			}
			ended.Store(true)
		})
	}
	untilWaiting(q, 2)
	q.Leave()
	all.Wait()
	// On a slow machine a slice may be over before a name is written.
	if changes := strings.Count(order.String(), "ab") + strings.Count(order.String(), "ba"); changes < 10 {
		t.Errorf("they took turns %d times in %s, want it after each slice", changes, order.String())
	}
	wantSize(t, q, 0, 0)
}

func TestWaitingForATurnIsNoTimeThatLuaRuns(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `keep(function() for i = 1, 100000 do end return "done" end)`, Options{})
	s := img.NewState()
	q := newQueue(1)
	takeOne(t, q)
	s.line = q.NewLine()
	s.Arm(Limits{CPU: time.Hour}, t.Context())
	useUp(s.line) // the call stands in line
	done := make(chan error)
	go func() { _, err := call(s, refs[0]); done <- err }()
	untilWaiting(q, 1)
	start := time.Now()
	time.Sleep(300 * time.Millisecond)
	waited := time.Since(start)
	q.Leave()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s.budget.turn.queued < waited {
		t.Errorf("it waited for %v, of which %v were counted", waited, s.budget.turn.queued)
	}
	if s.budget.spent >= 250*time.Millisecond {
		t.Errorf("%v count as run", s.budget.spent)
	}
}

func TestLuaThatRunsForLittleNeedsNoTurn(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `keep(function() for i = 1, 1000 do end return "done" end)`, Options{})
	s := img.NewState()
	q := newQueue(1)
	takeOne(t, q)
	s.line = q.NewLine()
	if got, err := call(s, refs[0]); err != nil || got != "done" {
		t.Errorf("got %q, %v; want done", got, err)
	}
}

func TestARequestThatGetsNoTurnEnds(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `keep(function() while true do pcall(function() end) end end)`, Options{})
	gone := errors.New("the client is gone")
	for _, test := range []struct {
		name  string
		queue time.Duration
		ends  error
		text  string
	}{
		{"after the time of the queue", time.Millisecond, ErrBudget, "waited for more than 1ms for a processor"},
		{"when nobody waits for it any more", 0, gone, "the client is gone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q := newQueue(1)
			takeOne(t, q)
			p := NewPool(img, 1, test.queue)
			p.line = q.NewLine()
			s := mustGet(t, p)
			ctx, cancel := context.WithCancelCause(t.Context())
			s.Arm(Limits{CPU: time.Hour}, ctx)
			if test.queue == 0 {
				go func() {
					untilWaiting(q, 1)
					cancel(gone)
				}()
			}
			if _, err := call(s, refs[0]); !errors.Is(err, test.ends) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want %v", err, test.text)
			}
			cancel(nil)
			p.Put(s)
			wantSize(t, q, 1, 0)
		})
	}
}

func TestACallOfATenantThatUsedUpItsAllowanceHasATurnFromTheStart(t *testing.T) {
	t.Parallel()
	var running []int
	s, fn := busyState(t, `local running = running keep(function() running() end)`, map[string]lua.LValue{"running": seen(&running, false)})
	if err := s.Call(fn, 0); err != nil {
		t.Fatal(err)
	}
	useUp(s.line)
	if err := s.Call(fn, 0); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(running) != "[0 1]" {
		t.Errorf("turns: %v, want 0 before and 1 after it was used up", running)
	}
	wantSize(t, s.line.Queue, 0, 0)
}

func TestACallThatNeedNotWaitForItsTurnAllocatesNothing(t *testing.T) {
	s, fn := busyState(t, `keep(function() return taken() end)`, map[string]lua.LValue{})
	useUp(s.line)
	got := testkit.Allocs(1000, func() {
		if err := s.Call(fn, 1); err != nil || s.L.Get(-1) != lua.LTrue {
			t.Fatalf("turn: %v, error: %v", s.L.Get(-1), err)
		}
		s.L.Pop(1)
	})
	if got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

func TestMuchWorkOfOneFunctionHasATurnBeforeItBegins(t *testing.T) {
	t.Parallel()
	var running []int
	work := GoFunc(func(L *lua.LState) int { Spend(L, L.CheckInt(1)); return 0 })
	s, fn := busyState(t, `local running, work = running, work
		keep(function() work(2000) running() work(100000) running() end)`, map[string]lua.LValue{"running": seen(&running, false), "work": work})
	if err := s.Call(fn, 0); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(running) != "[0 1]" {
		t.Errorf("turns: %v, want 0 for some work and 1 for much", running)
	}
	wantSize(t, s.line.Queue, 0, 0)
}

func TestLongRunsUseUpTheAllowanceOfTheirTenant(t *testing.T) {
	t.Parallel()
	// How long a run takes depends on the machine: one that stops for a moment, or is slow, uses it up with the first call.
	for rounds := 5000; ; rounds /= 2 {
		s, fn := busyState(t, fmt.Sprintf(`keep(function() for i = 1, %d do end end)`, rounds), map[string]lua.LValue{})
		calls := 0
		for ; !s.line.UsedUp() && calls < 100_000; calls++ {
			s.Arm(Limits{}, t.Context()) // of another request
			if err := s.Call(fn, 0); err != nil {
				t.Fatal(err)
			}
		}
		wantSize(t, s.line.Queue, 0, 0)
		if calls == 100_000 {
			t.Fatalf("%d calls with %d rounds have not used it up", calls, rounds)
		}
		if calls > 1 {
			return
		}
		if rounds == 1 {
			t.Fatal("the first call used it up, however short")
		}
	}
}

func TestTurnsThatComeAndGoDoNotPutOffTheEndOfABudget(t *testing.T) {
	t.Parallel()
	inner := lua.LValue(GoFunc(func(L *lua.LState) int {
		if err := Of(L).Call(L.CheckFunction(1), 0); err != nil {
			Throw(L, err)
		}
		return 0
	}))
	s, fn := busyState(t, `local inner = inner local function little() end keep(function() while true do inner(little) end end)`,
		map[string]lua.LValue{"inner": inner})
	useUp(s.line)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // only a fault takes that long
	defer cancel()
	s.Arm(Limits{CPU: 20 * time.Millisecond}, ctx)
	if err := s.Call(fn, 0); !errors.Is(err, ErrBudget) || s.budget.spent > 25*time.Millisecond {
		t.Errorf("got %v after %v, want the end of the budget after 20 ms", err, s.budget.spent)
	}
	wantSize(t, s.line.Queue, 0, 0)
}
