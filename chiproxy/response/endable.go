package response

import (
	"context"
	"sync/atomic"
	"time"
)

// endable is a context that can end before the one around it. What the standard library needs for that, it makes when somebody asks for it: most
// actions never do. It is allocated for each request and never used again, as a goroutine may have it for longer than the request.
type endable struct {
	around context.Context
	inner  atomic.Pointer[cancelable]
}

type cancelable struct {
	context.Context
	cancel context.CancelFunc
}

// made returns the context of the standard library.
func (c *endable) made() *cancelable {
	if made := c.inner.Load(); made != nil {
		return made
	}
	made := new(cancelable)
	made.Context, made.cancel = context.WithCancel(c.around)
	if c.inner.CompareAndSwap(nil, made) {
		return made
	}
	made.cancel()
	return c.inner.Load()
}

// now returns the context that knows best.
func (c *endable) now() context.Context {
	if made := c.inner.Load(); made != nil {
		return made
	}
	return c.around
}

// end ends it.
func (c *endable) end() { c.made().cancel() }

// Done makes the context of the standard library, which finds itself by Value afterwards: contexts in this one need no goroutine.
func (c *endable) Done() <-chan struct{} { return c.made().Done() }

// Err returns why it has ended.
func (c *endable) Err() error { return c.now().Err() }

// Value returns a value of the context around.
func (c *endable) Value(key any) any { return c.now().Value(key) }

// Deadline returns that of the context around. Its own is no secret, but over only if no header has left by then.
func (c *endable) Deadline() (time.Time, bool) { return c.around.Deadline() }
