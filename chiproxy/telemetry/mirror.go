package telemetry

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// MirrorOutcome is what became of the copy of a request.
type MirrorOutcome int

// The outcomes of copies.
const (
	MirrorSent    MirrorOutcome = iota // it was answered
	MirrorFailed                       // it was not
	MirrorTimeout                      // its time was over
	MirrorDropped                      // there were too many
	MirrorLarge                        // the body was larger than what is copied
	MirrorUnread                       // the body was not read to its end
	mirrorOutcomes
)

var mirrorNames = [mirrorOutcomes]string{"sent", "failed", "timeout", "dropped", "large", "unread"}

// Mirror counts what became of the copies of requests for one pool. It is safe for concurrent use, and nil counts nothing.
type Mirror struct {
	Pool   string
	counts [mirrorOutcomes]atomic.Uint64
}

// Add counts a copy.
func (m *Mirror) Add(o MirrorOutcome) {
	if m != nil {
		m.counts[o].Add(1)
	}
}

// Each calls a function for each outcome.
func (m *Mirror) Each(f func(outcome string, n uint64)) {
	for o, name := range mirrorNames {
		f(name, m.counts[o].Load())
	}
}

// maxMirrors bounds the pools of a tenant of which copies are counted.
const maxMirrors = 100

// Mirror returns the counters of the copies for a pool; of those beyond the bound, one for all.
func (l *Lua) Mirror(pool string) *Mirror {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.mirrors[pool]; m != nil {
		return m
	}
	if len(l.mirrors) >= maxMirrors {
		pool = Other
	}
	m := l.mirrors[pool]
	if m == nil {
		if l.before != nil {
			m = l.before.mirrors[pool]
		}
		if m == nil {
			m = &Mirror{Pool: pool}
		}
		if l.mirrors == nil {
			l.mirrors = map[string]*Mirror{}
		}
		l.mirrors[pool] = m
	}
	return m
}

// Mirrors returns the counters of all copies, in the order of the pools.
func (l *Lua) Mirrors() []*Mirror {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*Mirror, 0, len(l.mirrors))
	for _, m := range l.mirrors {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *Mirror) int { return cmp.Compare(a.Pool, b.Pool) })
	return all
}
