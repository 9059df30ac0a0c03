package vm

import (
	"slices"
	"time"
)

// A pool bounds states because of what they hold and what they run. One that waits for its client runs nothing, for as long as the client
// likes, so it does not keep the place of another. A state that waits for its client for longer than requests wait for a state is slow; one
// whose request streams while Lua has nothing to do until the next piece, or the end, streams. Up to max slow ones and as many streaming
// ones as LimitStreams says do not count, so a pool has at most max states and these. When Lua continues, it does so at once, even above
// the limit: its memory is there already, and for processors it waits as all do. States above the limit are released over time: none is
// made, or passed on, until enough are gone.

// The places of a state.
const (
	inUse   int32 = iota
	waits         // for its client, but not for long yet
	isSlow        // waits for its client for long
	streams       // its request streams
)

// leastPatience is the part of what a client may make a state wait that it may once it has used that up.
const leastPatience = 100

// LimitStreams sets how many states whose requests stream do not count. Call it before the first Get.
func (p *Pool) LimitStreams(n int) { p.maxStreams = n }

// used is how many states count. p.mu is held, as for all below that do not say so.
func (p *Pool) used() int { return p.size - min(p.slow, p.max) - min(p.streams, p.maxStreams) }

// mayGrow reports whether one more state may be made, for a request that keeps so many bytes itself.
func (p *Pool) mayGrow(own int64) bool { return p.used() < p.max && !p.total.reached(own) }

// spare returns a state that is idle to a request that keeps so many bytes itself; nil if it may have none.
func (p *Pool) spare(own int64) *State {
	last := len(p.idle) - 1
	if last < 0 || p.total.keepsAll(own) {
		return nil
	}
	s := p.idle[last].state
	p.idle[last] = idleState{}
	p.idle = p.idle[:last]
	return s
}

// admit lets those who wait have states that are idle, and make others where they may: who waits longest is first, but for those who may have none
// because of what others keep.
func (p *Pool) admit() {
	for i := 0; i < len(p.waiting) && (len(p.idle) > 0 || p.used() < p.max); {
		next := p.waiting[i]
		s := p.spare(next.own)
		if s == nil {
			if !p.mayGrow(next.own) {
				i++
				continue
			}
			p.size++
		}
		p.leaves(i)
		next.turn <- s // a nil one: it makes one
	}
}

// leaves removes one of those who wait.
func (p *Pool) leaves(i int) {
	if i == 0 { // mostly
		p.waiting[0] = turnOf{}
		p.waiting = p.waiting[1:]
		return
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
}

// lend frees the place of a state that still waits for its client. It takes the lock.
func (p *Pool) lend(s *State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.place.CompareAndSwap(waits, isSlow) {
		p.slow++
		p.admit()
	}
}

// AwaitClient calls a function that waits until the client has sent or taken something. If that takes long, its place is free
// for another state meanwhile.
func (s *State) AwaitClient(wait func() error) error {
	if s.pool == nil || !s.place.CompareAndSwap(inUse, waits) {
		return wait()
	}
	queue, start := s.pool.queue, time.Now()
	patience := max(queue-s.lingered, queue/leastPatience) // a client that takes a little now and then is as slow
	if s.patience == nil {
		s.patience = time.AfterFunc(patience, func() { s.pool.lend(s) })
	} else {
		s.patience.Reset(patience)
	}
	defer func() {
		s.patience.Stop() // one that goes off all the same finds nobody who waits, or lends a little early
		s.lingered += time.Since(start)
		s.Resume()
	}()
	return wait()
}

// Stream says that the request streams, and that Lua has nothing to do but with its pieces and its end, until Resume.
func (s *State) Stream() {
	p := s.pool
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.place.CompareAndSwap(inUse, streams) {
		p.streams++
		p.admit()
	}
}

// Resume says that Lua continues. It costs nothing if the state still counts.
func (s *State) Resume() {
	was := s.place.Swap(inUse)
	if was == inUse || was == waits {
		return
	}
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if was == isSlow {
		p.slow--
	} else {
		p.streams--
	}
}
