package vm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// newLane returns a lane of so many places.
func newLane(places int) *lane { return &lane{places: func() int { return places }} }

// state is what a lane looks like.
func (n *lane) state() (taken, waiting int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.lines {
		waiting += len(l.turns)
	}
	return n.taken, waiting
}

// useUp takes all that a tenant may run without a place, for a long time.
func useUp(l *line) { l.use(time.Hour, time.Now()) }

// fill takes one place.
func fill(t *testing.T, n *lane) {
	t.Helper()
	if err := n.newLine(0).enter(t.Context(), forever, true); err != nil {
		t.Fatal(err)
	}
}

// untilWaiting waits until so many goroutines stand in line.
func untilWaiting(n *lane, count int) {
	for _, waiting := n.state(); waiting < count; _, waiting = n.state() {
		time.Sleep(time.Millisecond)
	}
}

// wantLane checks how many places are taken, and how many goroutines wait for one.
func wantLane(t *testing.T, n *lane, taken, waiting int) {
	t.Helper()
	if gotTaken, gotWaiting := n.state(); gotTaken != taken || gotWaiting != waiting {
		t.Errorf("%d places are taken, %d wait; want %d and %d", gotTaken, gotWaiting, taken, waiting)
	}
}

func TestTenantsTakeTurnsInTheLaneHoweverManyRequestsOfEachWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newLane(1)
		fill(t, n)
		var order []string
		enter := func(name string, l *line) {
			go func() {
				if err := l.enter(t.Context(), forever, true); err != nil {
					t.Error(err)
				}
				order = append(order, name)
				n.leave()
			}()
			synctest.Wait() // it stands in line
		}
		a, b := n.newLine(0), n.newLine(0)
		for i := range 3 {
			enter(fmt.Sprint("a", i), a)
		}
		enter("b0", b)
		enter("b1", b)
		wantLane(t, n, 1, 5)
		n.leave()
		synctest.Wait()
		if got := strings.Join(order, " "); got != "a0 b0 a1 b1 a2" {
			t.Errorf("the order was %s", got)
		}
		wantLane(t, n, 0, 0)
	})
}

func TestWaitingInTheLaneEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newLane(1)
		fill(t, n)
		l := n.newLine(time.Minute)
		start := time.Now()
		if err := l.enter(t.Context(), time.Second, true); !errors.Is(err, errQueue) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want the end of the queue after a second", err, time.Since(start))
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		if err := l.enter(ctx, time.Second, true); !errors.Is(err, gone) {
			t.Errorf("got %v, want the cause of the context", err)
		}
		wantLane(t, n, 1, 0)
		n.leave()
		wantLane(t, n, 0, 0)
	})
}

func TestPlacesAreNeitherLostNorMadeInACrowd(t *testing.T) {
	t.Parallel()
	n := newLane(3)
	var inside, most atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		l := n.newLine(time.Hour)
		for range 4 {
			all.Go(func() {
				for round := range 200 {
					wait := time.Hour
					if (round+i)%3 == 0 {
						wait = time.Microsecond
					}
					if l.enter(t.Context(), wait, round%2 == 0) != nil {
						continue
					}
					now := inside.Add(1)
					for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
					}
					inside.Add(-1)
					n.leave()
				}
			})
		}
	}
	all.Wait()
	if most.Load() > 3 {
		t.Errorf("%d had one of 3 places", most.Load())
	}
	wantLane(t, n, 0, 0)
}

// long runs until it has a place in the lane.
const long = `local taken = taken local function long() repeat for i = 1, 1000 do end until taken() end `

// busyState returns a state whose lane has one place, and its first function.
func busyState(t *testing.T, src string, globals map[string]lua.LValue) (*State, *lua.LFunction) {
	t.Helper()
	globals["taken"] = GoFunc(func(L *lua.LState) int {
		L.Push(lua.LBool(Of(L).budget.place.taken))
		return 1
	})
	img, refs := freeze(t, long+src, Options{Globals: globals})
	s := img.NewState()
	s.line = newLane(1).newLine(0)
	s.Arm(Limits{CPU: time.Hour}, t.Context())
	return s, s.Func(refs[0])
}

// seen is a Go function that notes how many places of its lane are taken.
func seen(all *[]int, aside bool) lua.LValue {
	return GoFunc(func(L *lua.LState) int {
		s := Of(L)
		look := func() {
			taken, _ := s.line.lane.state()
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

func TestAPlaceIsTakenWhileLuaRunsForLongAndAtNoOtherTime(t *testing.T) {
	t.Parallel()
	var running, waiting []int
	s, fn := busyState(t, `local running, waiting = running, waiting
		keep(function() running() long() running() waiting() long() running() end)`,
		map[string]lua.LValue{"running": seen(&running, false), "waiting": seen(&waiting, true)})
	if err := s.Call(fn, 0); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(running, waiting) != "[0 1 1] [0]" {
		t.Errorf("places taken while it ran: %v, while it waited: %v; want 0, 1, 1 and 0", running, waiting)
	}
	wantLane(t, s.line.lane, 0, 0)
}

// brokenGlobals has a function of Go that panics.
func brokenGlobals() map[string]lua.LValue {
	return map[string]lua.LValue{"broken": GoFunc(func(*lua.LState) int { panic("broken") })}
}

func TestNoEndOfACallLosesItsPlace(t *testing.T) {
	t.Parallel()
	broken := brokenGlobals()["broken"]
	inner := lua.LValue(GoFunc(func(L *lua.LState) int {
		s := Of(L)
		if err := s.Call(L.CheckFunction(1), 0); err != nil {
			Throw(L, err)
		}
		taken, _ := s.line.lane.state()
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
			wantLane(t, s.line.lane, 0, 0)
		})
	}
}

func TestALongRunMakesRoomForOthersThatWait(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `local turn = turn keep(function(name) for i = 1, 20 do for j = 1, 20000 do end turn(name) end end)`, Options{
		Globals: map[string]lua.LValue{"turn": GoFunc(func(L *lua.LState) int {
			L.Context().(*Budget).place.since = time.Time{} // its slice is over
			Of(L).Slot.(func(string))(L.CheckString(1))
			return 0
		})},
	})
	n := newLane(1)
	fill(t, n)
	var mu sync.Mutex
	var order strings.Builder
	var all sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		s := img.NewState()
		s.line = n.newLine(0)
		s.Slot = func(who string) {
			mu.Lock()
			defer mu.Unlock()
			order.WriteString(who)
		}
		s.Arm(Limits{CPU: time.Hour}, t.Context())
		useUp(s.line)
		all.Go(func() {
			if err := s.Call(s.Func(refs[0]), 0, lua.LString(name)); err != nil {
				t.Error(err)
			}
		})
	}
	untilWaiting(n, 2)
	n.leave()
	all.Wait()
	if changes := strings.Count(order.String(), "ab") + strings.Count(order.String(), "ba"); changes < 10 {
		t.Errorf("they took turns %d times in %s, want it after each slice", changes, order.String())
	}
	wantLane(t, n, 0, 0)
}

func TestWaitingForAPlaceIsNoTimeThatLuaRuns(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `keep(function() for i = 1, 100000 do end return "done" end)`, Options{})
	s := img.NewState()
	n := newLane(1)
	fill(t, n)
	s.line = n.newLine(0)
	s.Arm(Limits{CPU: time.Hour}, t.Context())
	useUp(s.line) // the call stands in line
	done := make(chan error)
	go func() { _, err := call(s, refs[0]); done <- err }()
	untilWaiting(n, 1)
	start := time.Now()
	time.Sleep(300 * time.Millisecond)
	n.leave()
	waited := time.Since(start)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s.budget.place.queued < waited {
		t.Errorf("it waited for %v, of which %v were counted", waited, s.budget.place.queued)
	}
	if s.budget.spent >= 250*time.Millisecond {
		t.Errorf("%v count as run", s.budget.spent)
	}
}

func TestLuaThatRunsForLittleNeedsNoPlace(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `keep(function() for i = 1, 1000 do end return "done" end)`, Options{})
	s := img.NewState()
	n := newLane(1)
	fill(t, n)
	s.line = n.newLine(0)
	if got, err := call(s, refs[0]); err != nil || got != "done" {
		t.Errorf("got %q, %v; want done", got, err)
	}
}

func TestARequestThatGetsNoPlaceEnds(t *testing.T) {
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
			n := newLane(1)
			fill(t, n)
			p := NewPool(img, 1, test.queue)
			p.line.lane = n
			s := mustGet(t, p)
			ctx, cancel := context.WithCancelCause(t.Context())
			s.Arm(Limits{CPU: time.Hour}, ctx)
			if test.queue == 0 {
				go func() {
					untilWaiting(n, 1)
					cancel(gone)
				}()
			}
			if _, err := call(s, refs[0]); !errors.Is(err, test.ends) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want %v", err, test.text)
			}
			cancel(nil)
			p.Put(s)
			wantLane(t, n, 1, 0)
		})
	}
}

func TestRequestsThatHadNoSliceYetComeBeforeThoseOfTheirTenantThatHad(t *testing.T) {
	t.Parallel()
	n := newLane(1)
	fill(t, n)
	l := n.newLine(0)
	names := make(map[chan struct{}]string)
	lineUp := func(name string, fresh bool) chan struct{} {
		turn := l.lineUp(fresh)
		names[turn] = name
		return turn
	}
	lineUp("old 1", false)
	lineUp("new 1", true)
	gone := lineUp("new 2", true)
	lineUp("old 2", false)
	lineUp("new 3", true)
	if !l.giveUp(gone) || l.giveUp(gone) {
		t.Error("a turn can be given up once")
	}
	lineUp("new 4", true)
	var order []string
	for len(l.turns) > 0 {
		order = append(order, names[l.turns[0]])
		n.leave()
	}
	if got := strings.Join(order, ", "); got != "new 1, new 3, new 4, old 1, old 2" {
		t.Errorf("the order was %s", got)
	}
	n.leave()
	wantLane(t, n, 0, 0)
}

func TestACallOfATenantThatUsedUpItsAllowanceHasAPlaceFromTheStart(t *testing.T) {
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
		t.Errorf("places taken: %v, want 0 before and 1 after it was used up", running)
	}
	wantLane(t, s.line.lane, 0, 0)
}

func TestMuchWorkOfOneFunctionHasAPlaceBeforeItBegins(t *testing.T) {
	t.Parallel()
	var running []int
	work := GoFunc(func(L *lua.LState) int { Spend(L, L.CheckInt(1)); return 0 })
	s, fn := busyState(t, `local running, work = running, work
		keep(function() work(2000) running() work(100000) running() end)`, map[string]lua.LValue{"running": seen(&running, false), "work": work})
	if err := s.Call(fn, 0); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(running) != "[0 1]" {
		t.Errorf("places taken: %v, want 0 for some work and 1 for much", running)
	}
	wantLane(t, s.line.lane, 0, 0)
}

func TestLongRunsUseUpTheAllowanceOfTheirTenant(t *testing.T) {
	t.Parallel()
	s, fn := busyState(t, `keep(function() for i = 1, 5000 do end end)`, map[string]lua.LValue{})
	calls := 0
	for ; !s.line.usedUp() && calls < 1000; calls++ {
		s.Arm(Limits{}, t.Context()) // of another request
		if err := s.Call(fn, 0); err != nil {
			t.Fatal(err)
		}
	}
	if calls == 1 || calls == 1000 {
		t.Errorf("it was used up after %d calls, want some", calls)
	}
	wantLane(t, s.line.lane, 0, 0)
}

func TestPlacesThatComeAndGoDoNotPutOffTheEndOfABudget(t *testing.T) {
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
	wantLane(t, s.line.lane, 0, 0)
}
