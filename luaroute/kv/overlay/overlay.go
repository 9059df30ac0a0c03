// Package overlay keeps writes away from a store: those of a request that is only explained, of tests, and of expectations. They read what the
// store has, and what they have written themselves.
package overlay

import (
	"context"
	"sync"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/memory"
)

// Overlay is a store over another one, of which it changes nothing.
type Overlay struct {
	base kv.Store

	mu    sync.Mutex
	top   *memory.Memory
	taken map[taken]bool // keys that are in top, or were deleted there
	now   time.Time      // that of the operation; the zero time stands for the real one
}

type taken struct {
	kv.Scope
	key string
}

// New returns an overlay over a store.
func New(base kv.Store) *Overlay {
	o := &Overlay{base: base, taken: map[taken]bool{}}
	o.top = memory.NewAt(o.clock)
	return o
}

// clock is that of what was written, which is asked while an operation runs.
func (o *Overlay) clock() time.Time {
	if o.now.IsZero() {
		return time.Now()
	}
	return o.now
}

// At returns the overlay at a time of its own, as that of a test: what was written to it expires by that. The zero time stands for the real one.
func (o *Overlay) At(now time.Time) kv.Store { return at{o, now} }

type at struct {
	*Overlay
	now time.Time
}

// Do performs an operation at that time.
func (a at) Do(ctx context.Context, op kv.Op) (kv.Result, error) { return a.do(ctx, op, a.now) }

// Do performs an operation. One that writes does so on a copy of what the store has.
func (o *Overlay) Do(ctx context.Context, op kv.Op) (kv.Result, error) {
	return o.do(ctx, op, time.Time{})
}

// below is the store below, at the time of the operation if it is an overlay itself.
func (o *Overlay) below(ctx context.Context, op kv.Op) (kv.Result, error) {
	if outer, ok := o.base.(*Overlay); ok {
		return outer.do(ctx, op, o.now)
	}
	return o.base.Do(ctx, op)
}

func (o *Overlay) do(ctx context.Context, op kv.Op, now time.Time) (kv.Result, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = now
	key := taken{op.Scope, op.Key}
	switch {
	case op.Kind == kv.Keys:
		return o.keys(ctx, op)
	case o.taken[key]:
		return o.top.Do(ctx, op)
	case op.Kind == kv.Get || op.Kind == kv.TTL:
		return o.below(ctx, op)
	}
	was, err := o.below(ctx, kv.Op{Kind: kv.Get, Scope: op.Scope, Key: op.Key, WithTTL: true})
	if err != nil {
		return kv.Result{}, err
	}
	if was.OK {
		copied := kv.Op{Kind: kv.Set, Scope: op.Scope, Key: op.Key, Value: was.Value, HasValue: true, TTL: was.TTL}
		if _, err := o.top.Do(ctx, copied); err != nil {
			return kv.Result{}, err
		}
	}
	o.taken[key] = true
	return o.top.Do(ctx, op)
}

// keys lists what the store has and was not written, and what was.
func (o *Overlay) keys(ctx context.Context, op kv.Op) (kv.Result, error) {
	result, err := o.top.Do(ctx, op)
	if err != nil {
		return result, err
	}
	limit := op.Limit
	op.Limit += len(o.taken)
	below, err := o.below(ctx, op)
	if err != nil {
		return kv.Result{}, err
	}
	result.OK = result.OK || below.OK
	result.Looked += below.Looked
	for _, key := range below.Keys {
		switch {
		case o.taken[taken{op.Scope, key}]:
		case len(result.Keys) == limit:
			result.OK = true
		default:
			result.Keys = append(result.Keys, key)
		}
	}
	return result, nil
}

// Take asks what would be taken, and takes nothing.
func (o *Overlay) Take(ctx context.Context, take kv.Take) (kv.Taken, error) {
	limiter, ok := o.base.(kv.Limiter)
	if !ok {
		return kv.Taken{}, &kv.Error{Reason: kv.Down, Detail: "the store counts no limits"}
	}
	cost := take.Cost
	take.Cost = 0
	taken, err := limiter.Take(ctx, take)
	taken.OK = taken.Remaining >= cost
	return taken, err
}

// Waits reports whether the store below may wait.
func (o *Overlay) Waits() bool {
	w, ok := o.base.(kv.Waiter)
	return ok && w.Waits()
}

// Run is what one run writes: a request that is explained, a test.
type Run struct {
	outer *Run

	mu  sync.Mutex
	all map[kv.Store]*Overlay
}

// NewRun returns a run. With another one it begins with what that has written.
func NewRun(outer *Run) *Run { return &Run{outer: outer, all: map[kv.Store]*Overlay{}} }

// Over returns the overlay of the run over a store. Without a run it is one that is forgotten.
func (r *Run) Over(base kv.Store) *Overlay {
	if r == nil {
		return New(base)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.all[base]
	if o == nil {
		below := base
		if r.outer != nil {
			below = r.outer.Over(base)
		}
		o = New(below)
		r.all[base] = o
	}
	return o
}

type runKey struct{}

// In returns a context of what belongs to the run.
func (r *Run) In(ctx context.Context) context.Context { return context.WithValue(ctx, runKey{}, r) }

// Of returns the run that a context belongs to, or nil.
func Of(ctx context.Context) *Run {
	r, _ := ctx.Value(runKey{}).(*Run)
	return r
}

// Interface guards
var (
	_ kv.Store   = (*Overlay)(nil)
	_ kv.Waiter  = at{}
	_ kv.Limiter = (*Overlay)(nil)
	_ kv.Waiter  = (*Overlay)(nil)
)
