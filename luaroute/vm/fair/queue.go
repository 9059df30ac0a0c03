// Package fair shares the processors among tenants whose work takes long, whatever it is.
//
// Go preempts a goroutine only every 10 ms, and polls the network when a processor is idle. So as many busy goroutines as there are
// processors would delay the requests of everybody else. Therefore a tenant that has used up its allowance, see [Line.UsedUp], waits
// for turns in a [Queue], which leaves a processor to those that need little. It serves tenants in rotation, however many
// goroutines of each wait.
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

// Queue gives turns to goroutines that run for long.
type Queue struct {
	turns func() int

	mu    sync.Mutex
	taken int
	lines []*Line // those with waiting goroutines; the first is served next
}

// NewQueue returns a queue in which turns() goroutines have a turn at once. The number may change.
func NewQueue(turns func() int) *Queue { return &Queue{turns: turns} }

// Line is where the goroutines of one tenant wait, with its allowance.
type Line struct {
	*Queue
	waiting []chan struct{} // in the order in which they are served
	fresh   int             // how many of them have not had a slice yet; they are at the front
	allowance
}

// NewLine returns the line of a tenant with its whole allowance.
func (q *Queue) NewLine() *Line { return &Line{Queue: q, allowance: newAllowance()} }

// TryEnter takes a turn, which Leave ends, if one is free and no goroutine waits.
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

// Enter waits for a turn, which Leave ends. Within a line, fresh goroutines, which have not had a slice yet, come before the others: most
// need no second one. The error is that of the context, or ErrTimeout after most, which may be Forever.
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

// lineUp takes a turn and returns nil, or returns a channel that is closed when the goroutine gets its turn.
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

// giveUp removes a waiting goroutine from the line. It returns false if that has got its turn.
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

// drop removes a waiting goroutine from the line.
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

// serve gives out free turns. A line with more waiting goroutines goes to the end.
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

// Crowded reports whether any goroutine waits for a turn.
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
