package kv_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/memory"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/internal/libtest"
	luakv "github.com/luaroute/caddy-luaroute/luaroute/lib/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// gate is a function for scripts that waits until it is opened.
type gate struct {
	open    chan struct{}
	entered atomic.Int64
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

// world returns one whose scripts wait at the gate with pause().
func (g *gate) world(store kv.Store) libtest.World {
	w := world(store)
	w.Globals = map[string]lua.LValue{"pause": vm.GoFunc(func(L *lua.LState) int {
		g.entered.Add(1)
		err := vm.Of(L).Wait(func(ctx context.Context) error {
			select {
			case <-g.open:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		if err != nil {
			vm.Throw(L, err)
		}
		return 0
	})}
	return w
}

func TestOneCallerRunsTheFunctionForAll(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ fn, first, others string }{
		"a value":  {"return { 5 }, nil", "5 nil", "5 nil"},
		"nil":      {"return nil", "nil nil", "nil nil"},
		"an error": {"return nil, 'no database'", "nil no database", "nil no database"},
		"a raise":  {"error('a bug', 0)", "a bug", "main.lua: kv.fetch: the function failed for another caller that fetched the same key: a bug"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, store := newGate(), memory.New()
			const callers = 200
			done := make(chan []string)
			go func() {
				done <- parallel(t, g.world(store), callers, `
					local ok, v, err = pcall(kv.fetch, 'k', { ttl = 60 }, function() pause() `+row.fn+` end)
					if not ok then return (v:gsub(':%d+', '')) end
					return text(type(v) == 'table' and v[1] or v, err)`)
			}()
			testkit.Until(t, "all callers wait", func() bool { return luakv.Waiting(store) == callers-1 })
			close(g.open)
			found := map[string]int{}
			for _, text := range <-done {
				found[text]++
			}
			want := map[string]int{row.first: 1}
			want[row.others] += callers - 1
			if fmt.Sprint(found) != fmt.Sprint(want) || g.entered.Load() != 1 {
				t.Errorf("%d have run it, and got\n%v\nexpected\n%v", g.entered.Load(), found, want)
			}
		})
	}
}

func TestWhenTheCallerIsGoneAnotherRunsTheFunction(t *testing.T) {
	t.Parallel()
	g, store := newGate(), memory.New()
	image, ref := g.world(store).Image(t, "keep(function() return kv.fetch('k', { ttl = 60 }, function() pause() return 5 end) end)")
	start := func(ctx context.Context) chan error {
		done := make(chan error, 1)
		go func() {
			s := image.NewState()
			s.Arm(vm.Limits{CPU: time.Minute}, ctx)
			text, err := libtest.Text(s, s.Call(s.Func(ref), 1))
			if err == nil && text != "5" {
				err = errors.New(text)
			}
			done <- err
		}()
		return done
	}
	first, leave := context.WithCancelCause(t.Context())
	gone := errors.New("the client has left")
	leaving := start(first)
	testkit.Until(t, "the first runs it", func() bool { return g.entered.Load() == 1 })
	second, leaveToo := context.WithCancelCause(t.Context())
	waits := start(second)
	third := start(t.Context())
	testkit.Until(t, "the others wait", func() bool { return luakv.Waiting(store) == 2 })
	leaveToo(gone) // while it waits
	if err := <-waits; !errors.Is(err, gone) {
		t.Errorf("who waits and leaves ends with %v", err)
	}
	leave(gone)
	if err := <-leaving; !errors.Is(err, gone) {
		t.Errorf("who runs it and leaves ends with %v", err)
	}
	testkit.Until(t, "the third runs it", func() bool { return g.entered.Load() == 2 })
	close(g.open)
	if err := <-third; err != nil {
		t.Error(err)
	}
}

func TestTwoThatWouldWaitForEachOtherAreToldSo(t *testing.T) {
	t.Parallel()
	g, store := newGate(), memory.New()
	got := make(chan []string)
	go func() {
		got <- parallel(t, g.world(store), 2, `
			local own, other = 'a', 'b'
			if i == '1' then own, other = other, own end
			local ok, v = pcall(kv.fetch, own, {}, function()
				pause()
				return kv.fetch(other, {}, function() return 'v' end)
			end)
			return ok and v or (v:match('it would wait for itself') or v:match('another caller'))`)
	}()
	testkit.Until(t, "both run theirs", func() bool { return g.entered.Load() == 2 })
	close(g.open)
	all := <-got
	if !strings.Contains(strings.Join(all, ", "), "it would wait for itself") {
		t.Errorf("got %q", all)
	}
}

func TestAFunctionThatTakesTooLongEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	store := memory.New()
	s, ref := world(store).State(t, "keep(function() return kv.fetch('k', {}, function() while true do end end) end)")
	s.Arm(vm.Limits{CPU: 20 * time.Millisecond}, t.Context())
	if err := s.Call(s.Func(ref), 1); !errors.Is(err, vm.ErrBudget) {
		t.Errorf("got %v", err)
	}
	if got := call(t, store, "return kv.fetch('k', {}, function() return 1 end)"); got != "1" {
		t.Errorf("the next caller gets %s", got)
	}
}

func TestManyIncrementsOfScriptsAreExact(t *testing.T) {
	t.Parallel()
	store := memory.New()
	parallel(t, world(store), 200, "for _ = 1, 10 do kv.incr('n', 1, { ttl = 3600 }) end")
	if got := call(t, store, "return kv.get('n')"); got != "2000" {
		t.Errorf("got %s", got)
	}
}

// waiting is a store that waits, as one of another server does.
type waiting struct {
	*memory.Memory
}

func (*waiting) Waits() bool { return true }

func (w *waiting) Do(ctx context.Context, op kv.Op) (kv.Result, error) {
	if op.Key == "never" {
		<-ctx.Done()
		return kv.Result{}, &kv.Error{Reason: kv.Timeout}
	}
	return w.Memory.Do(ctx, op)
}

func TestAStoreThatWaitsIsHeldToTheWallTime(t *testing.T) {
	t.Parallel()
	store := &waiting{Memory: memory.New()}
	if got := call(t, store, "kv.set('k', { 1 }) return text(kv.get('k')[1], kv.incr('n'), kv.fetch('f', {}, function() return 2 end))"); got != "1 1 2" {
		t.Errorf("got %s", got)
	}
	s, ref := world(store).State(t, "keep(function() pcall(kv.get, 'never') return 'here' end)")
	s.Arm(vm.Limits{CPU: time.Minute, Wall: 20 * time.Millisecond}, t.Context())
	if err := s.Call(s.Func(ref), 1); !errors.Is(err, vm.ErrBudget) || !strings.Contains(err.Error(), "waited for more than 20ms") {
		t.Errorf("got %v", err)
	}
}

// reading returns a state with a function that reads a value over and over, and the value.
func reading(t testing.TB, value string) (*vm.State, *lua.LFunction) {
	t.Helper()
	s, ref := world(memory.New()).State(t, "keep(function(n) local get, set = kv.get, kv.set set('feature:dark-mode', "+value+") for _ = 1, n do get('feature:dark-mode') end end)")
	s.Arm(vm.Limits{CPU: time.Hour}, t.Context())
	return s, s.Func(ref)
}

func BenchmarkGet(b *testing.B) {
	s, fn := reading(b, "'on for all of them'")
	b.ReportAllocs()
	b.ResetTimer()
	if err := s.Call(fn, 0, lua.LNumber(b.N)); err != nil {
		b.Fatal(err)
	}
}

func benchmark(b *testing.B, body string) {
	s, ref := world(memory.New()).State(b, "keep(function(n) local kv = kv for _ = 1, n do "+body+" end end)")
	s.Arm(vm.Limits{CPU: time.Hour}, b.Context())
	b.ReportAllocs()
	b.ResetTimer()
	if err := s.Call(s.Func(ref), 0, lua.LNumber(b.N)); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkNothing(b *testing.B) { benchmark(b, "") }
func BenchmarkSet(b *testing.B)     { benchmark(b, "kv.set('feature:dark-mode', 'on for all', 60)") }
func BenchmarkIncr(b *testing.B)    { benchmark(b, "kv.incr('visits:192.0.2.1', 1)") }

func BenchmarkFetchHit(b *testing.B) {
	benchmark(b, "kv.fetch('user:5', { ttl = 60 }, function() return 'a user' end)")
}
