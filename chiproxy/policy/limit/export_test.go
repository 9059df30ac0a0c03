package limit

import (
	"net/http"
	"time"
)

// Buckets are budgets with a clock of the test's.
type Buckets struct{ b *buckets }

func NewBuckets(most int) Buckets { return Buckets{newBuckets(most)} }

func (b Buckets) Take(key string, rate, burst int, per time.Duration, cost int64, at time.Duration) Budget {
	p, err := newPace(rate, burst, per)
	if err != nil {
		panic(err)
	}
	return b.b.take([]byte(key), b.b.hash([]byte(key)), p, cost, at)
}

func (b Buckets) Reset(key string) { b.b.reset([]byte(key)) }
func (b Buckets) Resize(most int)  { b.b.resize(most) }
func (b Buckets) Keys() int        { return int(b.b.count.Load()) }
func (b Buckets) Evicted() int     { return int(b.b.evicted.Load()) }

// Idle returns how many keys a concurrency keeps, and how many have somebody inside.
func (c *Concurrency) Idle() (kept, busy int) {
	s := &c.state.slots
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byKey), s.busy
}

// InLine returns how many stand in line under a key.
func (c *Concurrency) InLine(key string) int {
	_, line := c.state.slots.of([]byte(key))
	return line
}

// States returns how many states the process has of an instance.
func States(instance string) int {
	n := 0
	states.Range(func(k, _ any) bool {
		if k.(id).instance == instance {
			n++
		}
		return true
	})
	return n
}

// Stamped returns the header of each of several responses that one request has, one after the other.
func Stamped(l *Rate, budgets ...Budget) (all []http.Header) {
	f := new(fields)
	for _, b := range budgets {
		f.show(l, b)
		h := http.Header{}
		f.Stamp(h)
		all = append(all, h)
	}
	return all
}
