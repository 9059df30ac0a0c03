package vm

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/fair"
)

// ErrBusy means that all states were in use for as long as a request may wait.
var ErrBusy = errors.New("all states are busy")

// ErrClosed means that the pool was closed.
var ErrClosed = errors.New("the pool of states is closed")

// idleFor is how long a state may be idle before it is released.
const idleFor = time.Minute

// Pool keeps the states of an image for requests. It makes them on demand, returns the most recently used one,
// because its memory is warm, and releases idle ones.
type Pool struct {
	image *Image
	max   int
	queue time.Duration
	line  *fair.Line
	total total

	maxStreams int

	mu      sync.Mutex
	idle    []idleState // oldest first
	size    int         // states in use and idle
	slow    int         // those in use that wait for their client
	streams int         // those in use whose request streams
	waiting []turnOf
	closed  bool
	timer   *time.Timer // runs while states are idle
}

type idleState struct {
	state *State
	since time.Time
}

// turnOf is a request that waits for a state, and how many bytes it keeps itself.
type turnOf struct {
	turn chan *State
	own  int64
}

// Stats is what a pool holds.
type Stats struct {
	// Size is the number of states, in use or not.
	Size int
	// Idle is the number of those that are not in use.
	Idle int
	// Waiting is the number of requests that wait for one.
	Waiting int
	// Slow is the number of those in use that wait for their client for long.
	Slow int
	// Streams is the number of those in use whose request streams.
	Streams int
	// Kept is how many bytes are reserved for requests.
	Kept int64
}

// NewPool returns a pool of at most max states, and as many again that wait for slow clients. A request waits at most queue for a state
// and, when its Lua runs for long, as long again for a processor.
func NewPool(img *Image, max int, queue time.Duration) *Pool {
	return &Pool{image: img, max: max, queue: queue, line: processors.NewLine()}
}

// newState returns a state that waits for a processor in the line of the pool.
func (p *Pool) newState() *State {
	s := p.image.NewState()
	s.pool, s.line, s.queue = p, p.line, p.queue
	s.account()
	return s
}

// Get returns a state for one request. The caller returns it with Put. At the limit Get waits; the error is
// ErrBusy, ErrClosed, or that of the context.
func (p *Pool) Get(ctx context.Context) (*State, error) { return p.GetFor(ctx, 0) }

// GetFor is Get for a request for which so many bytes are reserved already: it does not wait for these.
func (p *Pool) GetFor(ctx context.Context, own int64) (*State, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if s := p.spare(own); s != nil {
		p.mu.Unlock()
		return s, nil
	}
	if p.mayGrow(own) {
		p.size++
		p.mu.Unlock()
		return p.newState(), nil
	}
	turn := make(chan *State, 1)
	p.waiting = append(p.waiting, turnOf{turn, own})
	p.mu.Unlock()
	return p.wait(ctx, turn)
}

// NewState returns a state that the pool does not count and that is not returned to it.
func (p *Pool) NewState() *State { return p.image.NewState() }

// wait waits for a state. A nil one on the channel means that the caller may make one.
func (p *Pool) wait(ctx context.Context, turn chan *State) (*State, error) {
	timer := time.NewTimer(p.queue)
	defer timer.Stop()
	err, life := ErrBusy, p.image.options.Life.span()
	select {
	case s, ok := <-turn:
		return p.take(s, ok)
	case <-timer.C:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-life.Done():
		err = context.Cause(life)
	}
	if p.leave(turn) {
		return nil, err
	}
	s, ok := <-turn // its turn came at the same moment
	return p.take(s, ok)
}

func (p *Pool) take(s *State, ok bool) (*State, error) {
	switch {
	case !ok:
		return nil, ErrClosed
	case s == nil:
		return p.newState(), nil
	}
	return s, nil
}

// leave removes a turn from the queue. It returns false if it is not there any more.
func (p *Pool) leave(turn chan *State) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.waiting {
		if other.turn == turn {
			p.leaves(i)
			return true
		}
	}
	return false
}

// Put returns a state. It is released if it is broken, if its variables have grown too large, or if there are too many.
func (p *Pool) Put(s *State) {
	s.StepAside()
	s.Resume()
	s.lingered = 0
	if !s.Broken() {
		s.rest()
	}
	if s.Broken() || s.grown() {
		p.discard(s)
		return
	}
	if s.budget.made > p.total.share(p.max) { // most of it may be garbage
		s.budget.weigh()
	}
	s.account()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.used() > p.max {
		p.size--
		s.gone()
		return
	}
	p.idle = append(p.idle, idleState{s, time.Now()})
	p.admit()
	if len(p.idle) > 0 && p.timer == nil {
		p.timer = time.AfterFunc(idleFor, p.trim)
	}
}

// discard releases a state instead of keeping it.
func (p *Pool) discard(s *State) {
	s.gone()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size--
	p.admit()
}

// trim releases states that were idle for too long.
func (p *Pool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && time.Since(p.idle[n].since) >= idleFor {
		p.idle[n].state.gone()
		n++
	}
	p.size -= n
	p.idle = append([]idleState(nil), p.idle[n:]...)
	p.timer = nil
	if len(p.idle) > 0 && !p.closed {
		p.timer = time.AfterFunc(idleFor-time.Since(p.idle[0].since), p.trim)
	}
}

// Close releases all states, those in use when they are returned. Waiting requests get ErrClosed.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.size -= len(p.idle)
	for _, i := range p.idle {
		i.state.gone()
	}
	p.idle = nil
	for _, turn := range p.waiting {
		close(turn.turn)
	}
	p.waiting = nil
	if p.timer != nil {
		p.timer.Stop()
	}
}

// Stats returns what the pool holds.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Size: p.size, Idle: len(p.idle), Waiting: len(p.waiting), Slow: p.slow, Streams: p.streams, Kept: p.total.kept.Load()}
}
