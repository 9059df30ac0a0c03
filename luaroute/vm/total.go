package vm

import "sync/atomic"

// The memory of all states of a pool is bounded, too, since the limit of one state cannot see many that hold much while they wait. Each
// reports what it holds when it is returned to the pool, whenever it checks the clock, and before it waits. What was made since the last
// walk counts in full, garbage or not, so a state walks sooner once that matters.

// leastMade is how many bytes a state must have made before it matters how much of it is garbage.
const leastMade = 64 << 10

// total is what the states of a pool hold together.
type total struct {
	held atomic.Int64
	most int64 // 0 for no limit
}

// reached reports whether no further state may be made.
func (t *total) reached() bool { return t.most > 0 && t.held.Load() >= t.most }

// share is by how much each of so many states may be wrong.
func (t *total) share(states int) int64 { return max(t.most/int64(2*max(states, 1)), leastMade) }

// account updates the total by what the state holds now.
func (s *State) account() {
	if s.total == nil {
		return
	}
	now := s.budget.live + s.budget.made
	s.total.held.Add(now - s.counted)
	s.counted = now
}

// gone subtracts a state that is released.
func (s *State) gone() {
	if s.total != nil {
		s.total.held.Add(-s.counted)
		s.counted = 0
	}
}

// LimitMemory bounds what all states hold together, in bytes: beyond it a request waits for a state, as it does at the limit of
// their number. Call it before the first Get.
func (p *Pool) LimitMemory(bytes int64) { p.total.most = bytes }

// Reserve adds bytes that are kept for requests without a state; a negative number releases them. It reports whether the total is below half of
// the limit: the rest is for states.
func (p *Pool) Reserve(bytes int64) bool {
	held := p.total.held.Add(bytes)
	return p.total.most == 0 || held < p.total.most/2
}

// Held returns roughly what all states hold together, in bytes.
func (p *Pool) Held() int64 { return p.total.held.Load() }
