package vm

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Go takes a processor from a goroutine only every 10 ms, and looks for requests on the network when a processor has nothing
// else to do. So scripts that run for long, as many at a time as there are processors, would make the requests of all others
// wait. Therefore the Lua of a tenant that has used up its allowance has to stand in the slow lane: in it one goroutine less
// runs than there are processors, so that one is always left for those that need little. Tenants take turns there, one after
// the other, however many requests of each wait.

// forever is how long those wait for a place who do so for as long as it takes.
const forever = time.Duration(math.MaxInt64)

// slice is how long a request keeps its place in the lane while others wait for one.
const slice = time.Millisecond

// errQueue says that a place in the lane did not come in time.
var errQueue = errors.New("no place in the lane")

// lane has places for goroutines that run Lua for long.
type lane struct {
	places func() int

	mu    sync.Mutex
	taken int
	lines []*line // those with turns; the first is served next
}

// line is the line of one tenant in front of a lane.
type line struct {
	lane  *lane
	queue time.Duration   // how long a request waits, all together; 0 for a load, which waits for as long as it takes
	turns []chan struct{} // in the order in which they are served
	fresh int             // how many of them, at the front, are of requests that have not had a slice yet
	allowance
}

// newLine returns the line of a tenant that was quiet.
func (n *lane) newLine(queue time.Duration) *line {
	return &line{lane: n, queue: queue, allowance: allowance{began: time.Now()}}
}

// slowLane is that of the process.
var slowLane = &lane{places: func() int { return max(1, runtime.GOMAXPROCS(0)-1) }}

// enter waits for a place. Those that have not had a slice yet come before those that have, for most of them need no more.
// The error is that of the context, or errQueue after the most that the goroutine may wait, which may be forever.
func (l *line) enter(ctx context.Context, most time.Duration, fresh bool) error {
	turn := l.lineUp(fresh)
	if turn == nil {
		return nil
	}
	var over <-chan time.Time
	if most < forever {
		timer := time.NewTimer(most)
		defer timer.Stop()
		over = timer.C
	}
	err := errQueue
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

// lineUp takes a place and returns nil, or returns the turn of the goroutine, which is closed when it has one.
func (l *line) lineUp(fresh bool) chan struct{} {
	n := l.lane
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.lines) == 0 && n.taken < n.places() {
		n.taken++
		return nil
	}
	turn := make(chan struct{})
	at := len(l.turns)
	if fresh {
		at = l.fresh
		l.fresh++
	}
	if l.turns = slices.Insert(l.turns, at, turn); len(l.turns) == 1 {
		n.lines = append(n.lines, l)
	}
	n.serve()
	return turn
}

// giveUp takes a turn out of the line. It returns false if it is not there any more.
func (l *line) giveUp(turn chan struct{}) bool {
	n := l.lane
	n.mu.Lock()
	defer n.mu.Unlock()
	i := slices.Index(l.turns, turn)
	if i < 0 {
		return false
	}
	if l.drop(i); len(l.turns) == 0 {
		n.lines = slices.DeleteFunc(n.lines, func(other *line) bool { return other == l })
	}
	return true
}

// drop takes one of the turns out of the line.
func (l *line) drop(i int) {
	l.turns = slices.Delete(l.turns, i, i+1)
	if i < l.fresh {
		l.fresh--
	}
}

// leave gives a place back.
func (n *lane) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taken--
	n.serve()
}

// serve hands out the places that are free. A line that has more turns goes to the end.
func (n *lane) serve() {
	for len(n.lines) > 0 && n.taken < n.places() {
		l := n.lines[0]
		n.lines = slices.Delete(n.lines, 0, 1)
		n.taken++
		close(l.turns[0])
		if l.drop(0); len(l.turns) > 0 {
			n.lines = append(n.lines, l)
		}
	}
}

// crowded says whether somebody waits.
func (n *lane) crowded() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.lines) > 0
}
