package redis

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/rueidis"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// client is what all with the same settings share: the link to Redis, or the knowledge that it is down.
//
// Each call runs in a goroutine of its own. Whatever rueidis waits for, such as the dial of another call, a free spot in its ring or
// the sentinels, the caller leaves when the timeout is over; and a caller who leaves early breaks no connection of others.
type client struct {
	settings
	dial func() (rueidis.Client, error)
	log  func() *zap.Logger // that of the configuration that serves, which the client outlives
	// slots bounds the calls at work, with those that nobody waits for anymore.
	slots chan struct{}

	link   atomic.Pointer[link]     // nil while Redis is down
	reason atomic.Pointer[kv.Error] // why it is

	mu     sync.Mutex // for changes of link
	closed chan struct{}

	failures, falls atomic.Uint64
}

// most is how many calls of one client are at work at most: as many as the ring of one connection of rueidis can hold.
const most = 1000

func newClient(s settings, dial func() (rueidis.Client, error)) *client {
	c := &client{
		settings: s, dial: dial,
		log: func() *zap.Logger {
			return caddy.Log().Named("luaroute.kv.redis").With(zap.Strings("addresses", s.Addresses))
		},
		slots: make(chan struct{}, most), closed: make(chan struct{}),
	}
	c.reason.Store(&kv.Error{Reason: kv.Down})
	c.link.Store(newLink())
	return c
}

// Destruct ends the connections.
func (c *client) Destruct() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.closed)
	if l := c.link.Swap(nil); l != nil {
		l.end()
	}
	return nil
}

// command performs an operation. It begins nothing that it can do without after the deadline.
type command[T any] func(client rueidis.Client, deadline time.Time) (T, error)

// outcome is what a command returned.
type outcome[T any] struct {
	value T
	err   error
}

// call performs a command on a key. It returns within the timeout, and at once when Redis is down.
func call[T any](ctx context.Context, c *client, key string, do command[T]) (T, error) {
	var none T
	l := c.link.Load()
	if l == nil {
		return none, c.reason.Load()
	}
	deadline := time.Now().Add(c.Timeout)
	timer := time.NewTimer(c.Timeout)
	defer timer.Stop()

	select {
	case c.slots <- struct{}{}:
	case <-l.ended:
		return none, c.reason.Load()
	case <-timer.C:
		return none, c.report(l, key, context.DeadlineExceeded)
	case <-ctx.Done():
		return none, failure(ctx.Err())
	}
	var reported atomic.Bool
	done := make(chan outcome[T], 1)
	go func() {
		defer func() { <-c.slots }()
		var value T
		client, err := l.connect(c.dial)
		if err == nil {
			value, err = do(client, deadline)
		}
		if !reported.Swap(true) {
			err = c.report(l, key, err)
		}
		done <- outcome[T]{value, err}
	}()

	select {
	case out := <-done:
		return out.value, out.err
	case <-l.ended:
		return none, c.reason.Load()
	case <-timer.C:
		if reported.Swap(true) { // it came in the same moment
			out := <-done
			return out.value, out.err
		}
		return none, c.report(l, key, context.DeadlineExceeded)
	case <-ctx.Done(): // the goroutine reports what comes of it
		return none, failure(ctx.Err())
	}
}

// report notes how a call ended, and returns its error as scripts see it.
func (c *client) report(l *link, key string, err error) error {
	if err == nil {
		l.succeeded()
		return nil
	}
	failed := failure(err)
	if !isDown(failed) {
		l.succeeded() // Redis answered
		return failed
	}
	c.failures.Add(1)
	if l.failed() >= c.DownAfter {
		c.fall(l, key, failed)
	}
	return failed
}
