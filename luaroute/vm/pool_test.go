package vm

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func newTestPool(t *testing.T, limit int, queue time.Duration) *Pool {
	t.Helper()
	img, _ := freeze(t, `keep(function() end)`, Options{})
	return NewPool(img, limit, queue)
}

func mustGet(t *testing.T, p *Pool) *State {
	t.Helper()
	s, err := p.Get(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAPoolHandsOutTheStateThatWasUsedLast(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, 10, time.Second)
	a, b := mustGet(t, p), mustGet(t, p)
	if a == b {
		t.Fatal("two requests got one state")
	}
	p.Put(a)
	p.Put(b)
	if mustGet(t, p) != b || mustGet(t, p) != a {
		t.Error("the states came in another order")
	}
	if got := p.Stats(); got != (Stats{Size: 2}) {
		t.Errorf("got %+v, want two states in use", got)
	}
}

func TestAStateForgetsItsRequest(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, 1, time.Second)
	s := mustGet(t, p)
	s.Slot = "request"
	s.L.Push(s.env)
	p.Put(s)
	if s.Slot != "request" || s.L.GetTop() != 0 {
		t.Errorf("its slot is %v, which belongs to the room above, and its stack has %d", s.Slot, s.L.GetTop())
	}
}

func TestABrokenStateIsLetGo(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, 1, time.Second)
	s := mustGet(t, p)
	s.budget.end(ErrBudget)
	p.Put(s)
	if got := p.Stats(); got != (Stats{}) {
		t.Errorf("got %+v, want none", got)
	}
	if mustGet(t, p) == s {
		t.Error("the broken state came back")
	}
}

func TestAtTheLimitRequestsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 1, time.Second)
		s := mustGet(t, p)
		start := time.Now()
		if _, err := p.Get(context.Background()); !errors.Is(err, ErrBusy) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want ErrBusy after a second", err, time.Since(start))
		}

		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(gone)
		if _, err := p.Get(ctx); !errors.Is(err, gone) {
			t.Errorf("got %v, want the cause of the context", err)
		}

		got := make(chan *State)
		go func() { got <- mustGet(t, p) }()
		synctest.Wait()
		if stats := p.Stats(); stats != (Stats{Size: 1, Waiting: 1}) {
			t.Errorf("got %+v, want one that waits", stats)
		}
		p.Put(s)
		if <-got != s {
			t.Error("the request that waited got another state")
		}

		go func() { got <- mustGet(t, p) }()
		synctest.Wait()
		p.discard(s)
		if fresh := <-got; fresh == nil || fresh == s {
			t.Error("the request that waited did not get a new state")
		}
		p.Close()
	})
}

func TestIdleStatesAreLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 10, time.Second)
		a, b := mustGet(t, p), mustGet(t, p)
		p.Put(a)
		time.Sleep(idleFor / 2)
		p.Put(b)
		time.Sleep(idleFor/2 + time.Second)
		synctest.Wait()
		if got := p.Stats(); got != (Stats{Size: 1, Idle: 1}) {
			t.Errorf("got %+v, want the one that was used later", got)
		}
		time.Sleep(idleFor)
		synctest.Wait()
		if got := p.Stats(); got != (Stats{}) {
			t.Errorf("got %+v, want none", got)
		}
	})
}

func TestAClosedPoolGivesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 1, time.Hour)
		s := mustGet(t, p)
		failed := make(chan error)
		go func() { _, err := p.Get(context.Background()); failed <- err }()
		synctest.Wait()
		p.Close()
		p.Close()
		if err := <-failed; !errors.Is(err, ErrClosed) {
			t.Errorf("the request that waited got %v, want ErrClosed", err)
		}
		if _, err := p.Get(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("a new request got %v, want ErrClosed", err)
		}
		p.Put(s)
		if got := p.Stats(); got != (Stats{}) {
			t.Errorf("got %+v, want none", got)
		}
	})
}

func TestManyRequestsShareAPool(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `local n = 0 keep(function() n = n + 1 return n end)`, Options{})
	p := NewPool(img, 3, time.Minute)
	defer p.Close()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				s, err := p.Get(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := call(s, refs[0]); err != nil {
					t.Error(err)
				}
				p.Put(s)
			}
		})
	}
	wait.Wait()
	if got := p.Stats(); got.Size > 3 || got.Size != got.Idle {
		t.Errorf("got %+v, want at most three, all idle", got)
	}
}

func BenchmarkPool(b *testing.B) {
	img, _ := freeze(b, `keep(function() end)`, Options{})
	p := NewPool(img, 10, time.Second)
	defer p.Close()
	b.ReportAllocs()
	for b.Loop() {
		s, err := p.Get(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		p.Put(s)
	}
}
