// Package tally reports once in a while how much was left out of a log.
package tally

import (
	"sync"
	"time"
)

// Interval is how long most tallies count before they report.
const Interval = time.Second

// Tally counts what is left out. It costs nothing while nothing is.
type Tally struct {
	interval time.Duration
	say      func(Count)

	mu    sync.Mutex
	count Count
}

// Count is what was left out in one interval.
type Count struct {
	// Lines is how many lines were left out.
	Lines int
	// Bytes is their size, as far as it is known.
	Bytes int
	// First is the place of the first of them.
	First string
}

// New returns a tally. say is called on its own goroutine, an interval after the first line that was left out.
func New(interval time.Duration, say func(Count)) *Tally {
	return &Tally{interval: interval, say: say}
}

// Add counts a line of so many bytes. place is called for the first line of an interval only.
func (t *Tally) Add(bytes int, place func() string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count.Lines == 0 {
		t.count.First = place()
		time.AfterFunc(t.interval, t.flush)
	}
	t.count.Lines++
	t.count.Bytes += bytes
}

// flush reports the count and begins anew.
func (t *Tally) flush() {
	t.mu.Lock()
	count := t.count
	t.count = Count{}
	t.mu.Unlock()
	t.say(count)
}
