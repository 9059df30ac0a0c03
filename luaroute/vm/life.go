package vm

import (
	"context"
	"fmt"
	"sync/atomic"
)

// ErrStopped means that a script ran, or waited, when the server or its configuration had to end.
var ErrStopped = fmt.Errorf("%w: the server stops, or its configuration has ended", ErrBudget)

// Life is how long scripts may run. It is that of a configuration: all builders, and the states of their images, have the same.
type Life struct {
	now atomic.Pointer[span]
}

// span is one part of a life. What begins in it ends with it at the latest.
type span struct {
	context.Context
	end context.CancelCauseFunc
}

// NewLife returns a life that has not ended.
func NewLife() *Life {
	l := new(Life)
	l.now.Store(newSpan())
	return l
}

func newSpan() *span {
	ctx, end := context.WithCancelCause(context.Background())
	return &span{ctx, end}
}

// End ends what runs, and all that begins later.
func (l *Life) End() { l.now.Load().end(ErrStopped) }

// EndCalls ends the calls that run, but for those in which a wrapper waits for what it wraps. What begins later, such as functions of a
// response that still streams, has its budget as ever.
func (l *Life) EndCalls() { l.now.Swap(newSpan()).end(ErrStopped) }

// span returns the part of the life that runs. That of nil never ends.
func (l *Life) span() context.Context {
	if l == nil {
		return context.Background()
	}
	return l.now.Load()
}

// enter notes that a call begins, or goes on after other code has run in it.
func (b *budget) enter() { b.life = b.state.options.Life.span() }

// waiting returns a context for something that waits. It ends with the request, and when the call has to end. The caller cancels it.
func (b *budget) waiting() (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(b.parent)
	life := b.life // the state may have another one when this one ends
	stop := context.AfterFunc(life, func() { end(context.Cause(life)) })
	return ctx, func() {
		stop()
		end(nil)
	}
}

// OnStop has a function called when what runs has to end, for Go code that waits without a context. It is not called once stop was.
func (s *State) OnStop(f func()) (stop func() bool) { return context.AfterFunc(s.budget.life, f) }

// OnStop has a function called when what runs has to end, for Go code that waits without a state. It is not called once stop was.
func (p *Pool) OnStop(f func()) (stop func() bool) {
	return context.AfterFunc(p.image.options.Life.span(), f)
}

// Stopped reports whether what runs has to end.
func (s *State) Stopped() bool { return s.budget.life.Err() != nil }
