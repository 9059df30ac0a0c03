package vm

import "sync/atomic"

// The memory of all states of a pool is bounded, too, since the limit of one state cannot see many that hold much while they wait. Each
// reports what it holds when it is returned to the pool, whenever it checks the clock, and before it waits. What was made since the last
// walk counts in full, garbage or not, so a state walks sooner once that matters. What requests keep without a state, such as the body
// that an upstream gets, counts as well; if that is all there may be, no request gets a state, not even one that is idle: it might keep more.

// leastMade is how many bytes a state must have made before it matters how much of it is garbage.
const leastMade = 64 << 10

// total is what the states of a pool, and their requests, hold together.
type total struct {
	held atomic.Int64
	kept atomic.Int64 // the part of held that requests keep
	most int64        // 0 for no limit
}

// reached reports whether no further state may be made for a request that keeps so many bytes itself.
func (t *total) reached(own int64) bool { return t.most > 0 && t.held.Load()-own >= t.most }

// keepsAll reports whether other requests than one that keeps so many bytes keep all that there may be.
func (t *total) keepsAll(own int64) bool { return t.most > 0 && t.kept.Load()-own >= t.most }

// add adds bytes, perhaps fewer than none, and reports whether requests that waited for memory may go on.
func (t *total) add(bytes int64) (eased bool) {
	now := t.held.Add(bytes)
	return bytes < 0 && t.most > 0 && now-bytes >= t.most
}

// share is by how much each of so many states may be wrong.
func (t *total) share(states int) int64 { return max(t.most/int64(2*max(states, 1)), leastMade) }

// account updates the total by what the state holds now. p.mu of its pool is not held.
func (s *State) account() {
	if s.pool == nil {
		return
	}
	now := s.budget.live + s.budget.made
	more := now - s.counted
	s.counted = now
	if s.pool.total.add(more) {
		s.pool.ease()
	}
}

// gone subtracts a state that is released. Its caller lets in who waits.
func (s *State) gone() {
	if s.pool != nil {
		s.pool.total.add(-s.counted)
		s.counted = 0
	}
}

// ease lets in who waited for memory.
func (p *Pool) ease() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.admit()
}

// LimitMemory bounds what all states hold together, in bytes: beyond it a request waits for a state, as it does at the limit of
// their number. Call it before the first Get.
func (p *Pool) LimitMemory(bytes int64) { p.total.most = bytes }

// Reserve adds bytes that requests keep, with a state or without one; a negative number releases them. It reports whether the total is below
// half of the limit: the rest is for states.
func (p *Pool) Reserve(bytes int64) bool {
	t := &p.total
	t.kept.Add(bytes) // a part of what is held: if it is too much, so is that
	if t.add(bytes) {
		p.ease()
	}
	return t.most == 0 || t.held.Load() < t.most/2
}

// Held returns roughly what all states and their requests hold together, in bytes.
func (p *Pool) Held() int64 { return p.total.held.Load() }
