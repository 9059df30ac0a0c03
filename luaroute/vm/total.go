package vm

import "sync/atomic"

// What all states of a pool hold together is bounded, too. Each says what it holds when a request gives it back, and while it runs whenever the
// clock is looked at, or it begins to wait: many that wait with much in their hands are what a limit of one state cannot see. What was made
// since the last walk counts whole, garbage or not, so a state walks sooner once it matters.

// leastMade is the least that states have made when it matters how much of it is garbage, in bytes.
const leastMade = 64 << 10

// total is what the states of a pool hold together.
type total struct {
	held atomic.Int64
	most int64 // 0 for no limit
}

// reached reports whether no further state may be made.
func (t *total) reached() bool { return t.most > 0 && t.held.Load() >= t.most }

// share is the part of the limit that each of so many states may be wrong by.
func (t *total) share(states int) int64 { return max(t.most/int64(2*max(states, 1)), leastMade) }

// account says what the state holds now.
func (s *State) account() {
	if s.total == nil {
		return
	}
	now := s.budget.live + s.budget.made
	s.total.held.Add(now - s.counted)
	s.counted = now
}

// gone says that the state is let go.
func (s *State) gone() {
	if s.total != nil {
		s.total.held.Add(-s.counted)
		s.counted = 0
	}
}

// LimitMemory bounds what all states hold together, in bytes: beyond it a request waits for one, as it does when there are as many as may be. It is to be
// called before the first Get.
func (p *Pool) LimitMemory(bytes int64) { p.total.most = bytes }

// Reserve counts bytes that are kept for requests without a state, or takes them off again. It reports whether that was less than half of the limit:
// the rest is for states.
func (p *Pool) Reserve(bytes int64) bool {
	held := p.total.held.Add(bytes)
	return p.total.most == 0 || held < p.total.most/2
}

// Held returns what all states hold together, roughly, in bytes.
func (p *Pool) Held() int64 { return p.total.held.Load() }
