// Package fair shares the processors among tenants whose work runs for long, whatever the work is.
//
// Go takes a processor from a goroutine only every 10 ms, and looks for requests on the network when a processor has nothing else to
// do. So work that runs for long, as many goroutines at a time as there are processors, would make the requests of all others wait.
// Therefore a tenant that has used up its allowance, see [Line.UsedUp], has to wait for turns in a [Queue], which leaves a processor
// to those that need little. Tenants are served one after the other there, however many goroutines of each wait.
package fair

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"
)

// Forever lets Enter wait without a limit.
const Forever = time.Duration(math.MaxInt64)

// Slice is how long a goroutine should keep its turn while others wait for one.
const Slice = time.Millisecond

// ErrTimeout means that a turn did not come in time.
var ErrTimeout = errors.New("no turn came in time")

// Queue hands out turns to goroutines that run for long.
type Queue struct {
	turns func() int

	mu    sync.Mutex
	taken int
	lines []*Line // those in which somebody waits; the first is served next
}

// NewQueue returns a queue of which so many goroutines have a turn at once. The number may change.
func NewQueue(turns func() int) *Queue { return &Queue{turns: turns} }

// Line is the line of one tenant in a queue, with its allowance.
type Line struct {
	*Queue
	waiting []chan struct{} // in the order in which they are served
	fresh   int             // how many of them, at the front, have not had a slice yet
	allowance
}

// NewLine returns the line of a tenant that was quiet.
func (q *Queue) NewLine() *Line { return &Line{Queue: q, allowance: newAllowance()} }

// TryEnter takes a turn, which Leave ends, if one is free and nobody waits for it.
func (q *Queue) TryEnter() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.tryEnter()
}

func (q *Queue) tryEnter() bool {
	if len(q.lines) > 0 || q.taken >= q.turns() {
		return false
	}
	q.taken++
	return true
}

// Enter waits for a turn, which Leave ends. Those that have not had a slice yet, the fresh ones, come before those of the same line that
// have, for most of them need no more. The error is that of the context, or ErrTimeout after the most that the goroutine may wait,
// which may be Forever.
func (l *Line) Enter(ctx context.Context, most time.Duration, fresh bool) error {
	turn := l.lineUp(fresh)
	if turn == nil {
		return nil
	}
	var over <-chan time.Time
	if most < Forever {
		timer := time.NewTimer(most)
		defer timer.Stop()
		over = timer.C
	}
	err := ErrTimeout
	select {
	case <-turn:
		return nil
	case <-over:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if l.giveUp(turn) {
		return err
	}
	return nil // its turn came at the same moment
}

// lineUp takes a turn and returns nil, or returns a channel that is closed when the turn of the goroutine has come.
func (l *Line) lineUp(fresh bool) chan struct{} {
	q := l.Queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tryEnter() {
		return nil
	}
	turn := make(chan struct{})
	at := len(l.waiting)
	if fresh {
		at = l.fresh
		l.fresh++
	}
	if l.waiting = slices.Insert(l.waiting, at, turn); len(l.waiting) == 1 {
		q.lines = append(q.lines, l)
	}
	q.serve()
	return turn
}

// giveUp takes somebody who waits out of the line. It reports false if the turn has come.
func (l *Line) giveUp(turn chan struct{}) bool {
	q := l.Queue
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(l.waiting, turn)
	if i < 0 {
		return false
	}
	if l.drop(i); len(l.waiting) == 0 {
		q.lines = slices.DeleteFunc(q.lines, func(other *Line) bool { return other == l })
	}
	return true
}

// drop takes one of those who wait out of the line.
func (l *Line) drop(i int) {
	l.waiting = slices.Delete(l.waiting, i, i+1)
	if i < l.fresh {
		l.fresh--
	}
}

// Leave ends a turn.
func (q *Queue) Leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken--
	q.serve()
}

// serve hands out the turns that are free. A line in which more wait goes to the end.
func (q *Queue) serve() {
	for len(q.lines) > 0 && q.taken < q.turns() {
		l := q.lines[0]
		q.lines = slices.Delete(q.lines, 0, 1)
		q.taken++
		close(l.waiting[0])
		if l.drop(0); len(l.waiting) > 0 {
			q.lines = append(q.lines, l)
		}
	}
}

// Crowded reports whether somebody waits for a turn.
func (q *Queue) Crowded() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.lines) > 0
}

// Size returns how many goroutines have a turn, and how many wait for one.
func (q *Queue) Size() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.lines {
		waiting += len(l.waiting)
	}
	return q.taken, waiting
}
