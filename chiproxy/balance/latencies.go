package balance

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Latencies are the times that upstreams take to the header of a response, by address: moving averages that follow peaks at once, and
// forget them in some ten seconds. An error counts as a second. It is safe for concurrent use; NewLatencies makes one.
type Latencies struct {
	mu    sync.RWMutex
	known map[string]*latency
	since time.Time
}

// latency is that of an upstream: nanoseconds as the bits of a float, and when that was, since the measuring began.
type latency struct{ nanoseconds, at atomic.Uint64 }

const (
	// memory is how long a latency is remembered, to the power of e.
	memory = 10 * time.Second
	// failure is the latency of an error, which else would look fast.
	failure = time.Second
	// maxLatencies bounds the addresses that are known: dynamic upstreams may have any.
	maxLatencies = 10_000
)

// NewLatencies returns latencies of which none is known yet.
func NewLatencies() *Latencies {
	return &Latencies{known: map[string]*latency{}, since: time.Now()}
}

// Of returns the latency of an upstream as it is now, and whether it was measured.
func (l *Latencies) Of(address string) (time.Duration, bool) {
	took, known := l.of(address)
	return time.Duration(took), known
}

func (l *Latencies) of(address string) (nanoseconds float64, known bool) {
	l.mu.RLock()
	m := l.known[address]
	l.mu.RUnlock()
	if m == nil {
		return 0, false
	}
	return math.Float64frombits(m.nanoseconds.Load()) * l.faded(m), true
}

// faded returns what is left of a latency.
func (l *Latencies) faded(m *latency) float64 {
	idle := time.Since(l.since) - time.Duration(m.at.Load()) //nolint:gosec // nanoseconds since the begin
	return math.Exp(-max(0, float64(idle)) / float64(memory))
}

// Measure takes the time of a round trip, or of one that failed.
func (l *Latencies) Measure(address string, took time.Duration, err error) {
	if err != nil {
		took = max(took, failure)
	}
	m := l.measured(address)
	for {
		bits := m.nanoseconds.Load()
		was, left := math.Float64frombits(bits), l.faded(m)
		now := float64(took)
		if now < was {
			now = was*left + now*(1-left)
		}
		if m.nanoseconds.CompareAndSwap(bits, math.Float64bits(now)) {
			m.at.Store(uint64(time.Since(l.since))) //nolint:gosec // it is not negative
			return
		}
	}
}

// measured returns where the latency of an address is kept.
func (l *Latencies) measured(address string) *latency {
	l.mu.RLock()
	m := l.known[address]
	l.mu.RUnlock()
	if m != nil {
		return m
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if m = l.known[address]; m != nil {
		return m
	}
	if len(l.known) >= maxLatencies {
		clear(l.known) // all are measured anew
	}
	m = new(latency)
	m.at.Store(uint64(time.Since(l.since))) //nolint:gosec // it is not negative
	l.known[address] = m
	return m
}
