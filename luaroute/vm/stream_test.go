package vm

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestAStreamGetsBackThePartOfItsBudgetThatItStreams(t *testing.T) {
	t.Parallel()
	const used = 40 * time.Millisecond
	for _, row := range []struct {
		name   string
		refill func(*State)
		left   time.Duration // of what was used
		parts  int           // of the rest that was used
	}{
		{"a piece of others", (*State).Refill, 0, 0},
		{"a full piece", func(s *State) { s.Streamed(fullPiece) }, 0, 0},
		{"a large piece", func(s *State) { s.Streamed(1 << 30) }, 0, 0},
		{"an eighth of a piece", func(s *State) { s.Streamed(fullPiece / 8) }, used - 100*time.Millisecond/8, 3},
		{"nothing", func(s *State) { s.Streamed(0) }, used, 4},
		{"a piece that nobody gets", func(s *State) { s.Refuse = func(string) {}; s.Refill() }, used, 4},
	} {
		img, _ := freeze(t, `keep(function() end)`, Options{})
		s := img.NewState()
		s.Arm(Limits{CPU: 100 * time.Millisecond, Wall: 8 * time.Second}, t.Context())
		s.budget.spent, s.budget.waited, s.budget.threads = used, 4*time.Second, maxThreads/2
		row.refill(s)
		if got := s.budget.spent; got != row.left {
			t.Errorf("%s: %v count as run, want %v", row.name, got, row.left)
		}
		if got, want := s.budget.waited, time.Duration(row.parts)*time.Second; got != want {
			t.Errorf("%s: %v count as waited, want %v", row.name, got, want)
		}
		if got, want := s.budget.threads, row.parts*maxThreads/8; got != want {
			t.Errorf("%s: %d coroutines are counted, want %d", row.name, got, want)
		}
	}
}

func TestABudgetThatHasEndedIsNotRefilled(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `keep(function() while true do end end)`, Options{})
	s := img.NewState()
	s.Arm(Limits{CPU: time.Millisecond}, t.Context())
	for range 2 {
		if _, err := call(s, refs[0]); !errors.Is(err, ErrBudget) {
			t.Fatalf("got %v, want the end of the budget", err)
		}
		s.Refill()
	}
}

func TestAStreamWaitsForAPlaceAsLongAsItTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		img, refs := freeze(t, `keep(function() return "done" end)`, Options{})
		q := newQueue(1)
		for _, streams := range []bool{false, true} {
			takeOne(t, q)
			s := img.NewState()
			s.line, s.queue = q.NewLine(), time.Second
			s.Arm(Limits{}, t.Context())
			useUp(s.line)
			if streams {
				s.Refill()
			}
			done := make(chan error, 1)
			go func() { _, err := call(s, refs[0]); done <- err }()
			time.Sleep(time.Minute)
			q.Leave()
			if err := <-done; errors.Is(err, ErrBudget) == streams {
				t.Errorf("a request that streams: %t, got %v", streams, err)
			}
			wantSize(t, q, 0, 0)
		}
	})
}

func TestAStreamLeavesTheLaneWhenItsClientIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		img, refs := freeze(t, `keep(function() return "done" end)`, Options{})
		q := newQueue(1)
		takeOne(t, q)
		s := img.NewState()
		s.line, s.queue = q.NewLine(), time.Second
		gone := errors.New("the client is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		s.Arm(Limits{}, ctx)
		useUp(s.line)
		s.Refill()
		time.AfterFunc(time.Hour, func() { cancel(gone) })
		if _, err := call(s, refs[0]); !errors.Is(err, gone) {
			t.Errorf("got %v, want the end of the client", err)
		}
		wantSize(t, q, 1, 0)
	})
}

// A stream has had its turn: those that have not begun are served before its next piece.
func TestAStreamStandsBehindThoseThatBegin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		img, refs := freeze(t, `keep(function() return "done" end)`, Options{})
		q := newQueue(1)
		takeOne(t, q)
		l := q.NewLine()
		useUp(l)
		order := make(chan string, 2)
		for _, name := range []string{"stream", "request"} {
			s := img.NewState()
			s.line = l
			s.Arm(Limits{}, t.Context())
			if name == "stream" {
				s.Refill()
			}
			go func() {
				if _, err := call(s, refs[0]); err != nil {
					t.Error(err)
				}
				order <- name
			}()
			synctest.Wait()
		}
		q.Leave()
		if first, second := <-order, <-order; first != "request" || second != "stream" {
			t.Errorf("%s came before %s", first, second)
		}
	})
}

func TestARefillAllocatesNothing(t *testing.T) {
	img, _ := freeze(t, `keep(function() end)`, Options{})
	s := img.NewState()
	if n := testkit.Allocs(100, func() { s.Refill(); s.Streamed(100) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}
