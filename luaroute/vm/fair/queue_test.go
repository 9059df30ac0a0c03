package fair

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
)

// newQueue returns a queue of so many turns.
func newQueue(turns int) *Queue { return NewQueue(func() int { return turns }) }

// takeOne takes one turn.
func takeOne(t *testing.T, q *Queue) {
	t.Helper()
	if err := q.NewLine().Enter(t.Context(), Forever, true); err != nil {
		t.Fatal(err)
	}
}

// wantSize checks how many goroutines have a turn, and how many wait for one.
func wantSize(t *testing.T, q *Queue, running, waiting int) {
	t.Helper()
	if gotRunning, gotWaiting := q.Size(); gotRunning != running || gotWaiting != waiting {
		t.Errorf("%d have a turn, %d wait; want %d and %d", gotRunning, gotWaiting, running, waiting)
	}
}

func TestTenantsAreServedOneAfterTheOtherHoweverManyGoroutinesOfEachWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		takeOne(t, q)
		var order []string
		enter := func(name string, l *Line) {
			go func() {
				if err := l.Enter(t.Context(), Forever, true); err != nil {
					t.Error(err)
				}
				order = append(order, name)
				q.Leave()
			}()
			synctest.Wait() // it stands in line
		}
		a, b := q.NewLine(), q.NewLine()
		for i := range 3 {
			enter(fmt.Sprint("a", i), a)
		}
		enter("b0", b)
		enter("b1", b)
		wantSize(t, q, 1, 5)
		q.Leave()
		synctest.Wait()
		if got := strings.Join(order, " "); got != "a0 b0 a1 b1 a2" {
			t.Errorf("the order was %s", got)
		}
		wantSize(t, q, 0, 0)
	})
}

func TestWaitingForATurnEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		takeOne(t, q)
		l := q.NewLine()
		start := time.Now()
		if err := l.Enter(t.Context(), time.Second, true); !errors.Is(err, ErrTimeout) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want the end of the queue after a second", err, time.Since(start))
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		if err := l.Enter(ctx, time.Second, true); !errors.Is(err, gone) {
			t.Errorf("got %v, want the cause of the context", err)
		}
		wantSize(t, q, 1, 0)
		q.Leave()
		wantSize(t, q, 0, 0)
	})
}

func TestTurnsAreNeitherLostNorMadeInACrowd(t *testing.T) {
	t.Parallel()
	q := newQueue(3)
	var inside, most atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		l := q.NewLine()
		for range 4 {
			all.Go(func() {
				for round := range 200 {
					wait := time.Hour
					if (round+i)%3 == 0 {
						wait = time.Microsecond
					}
					if l.Enter(t.Context(), wait, round%2 == 0) != nil {
						continue
					}
					now := inside.Add(1)
					for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
					}
					inside.Add(-1)
					q.Leave()
				}
			})
		}
	}
	all.Wait()
	if most.Load() > 3 {
		t.Errorf("%d had one of 3 turns", most.Load())
	}
	wantSize(t, q, 0, 0)
}

func TestThoseThatHadNoSliceYetComeBeforeThoseOfTheirTenantThatHad(t *testing.T) {
	t.Parallel()
	q := newQueue(1)
	takeOne(t, q)
	l := q.NewLine()
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
	for len(l.waiting) > 0 {
		order = append(order, names[l.waiting[0]])
		q.Leave()
	}
	if got := strings.Join(order, ", "); got != "new 1, new 3, new 4, old 1, old 2" {
		t.Errorf("the order was %s", got)
	}
	q.Leave()
	wantSize(t, q, 0, 0)
}
