package limit

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// Concurrency is a limit of how many requests there may be at once, as middleware.
type Concurrency struct {
	subject
	options ConcurrencyOptions
	state   *state
}

// NewConcurrency returns the limit that options describe, of a tenant, and declared at a place.
func NewConcurrency(o ConcurrencyOptions, book *Book, tenant string, at origin.Origin) (*Concurrency, error) {
	o = o.withDefaults()
	if err := o.Check(); err != nil {
		return nil, err
	}
	c := &Concurrency{options: o}
	var err error
	if c.subject, err = newSubject(o.Name, o.Key, o.IPv6, o.Missing, at); err != nil {
		return nil, err
	}
	c.refusal = refusal{status: o.Status, name: o.Name, logKey: o.LogKey, answer: plain(o.Status, o.Body)}
	c.state, err = book.hold(kindConcurrency, tenant, o.Name, at)
	return c, err
}

// Options returns the options, with their defaults.
func (c *Concurrency) Options() ConcurrencyOptions { return c.options }

// Describe shows the name.
func (c *Concurrency) Describe() origin.Origin {
	at := c.at
	at.Kind, at.Text = "concurrency", c.name
	return at
}

// Traits are those of what answers by errors only.
func (c *Concurrency) Traits() chiproxy.Traits { return chiproxy.Traits{} }

// statusClientClosed is what Caddy's reverse_proxy answers when the client has left.
const statusClientClosed = 499

// Handle runs what is inside while there is a place for it.
func (c *Concurrency) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	var room [keyRoom]byte
	key, counts, err := c.keyOf(ex, room[:0])
	if err != nil {
		return chiproxy.Done, err
	}
	if !counts {
		return next()
	}
	if ex.Refuse() != nil {
		if !c.look(ex, key) {
			return c.refuse(ex, key, time.Second)
		}
		return next()
	}
	at, err := c.state.slots.enter(ex.R.Context(), key, c.options.Max, time.Duration(c.options.Wait), c.options.Queue, ex.Yield)
	switch {
	case err != nil: // nobody is there who could be refused
		return chiproxy.Done, caddyhttp.Error(statusClientClosed, fmt.Errorf("concurrency %s: %w", c.name, err))
	case at == nil:
		c.state.counts(refused)
		return c.refuse(ex, key, time.Second)
	}
	c.state.counts(allowed)
	defer c.state.slots.leave(at)
	return next()
}

// look notes what an explanation shows, and reports whether the request would get in, or stand in line.
func (c *Concurrency) look(ex *chiproxy.Exchange, key []byte) bool {
	inside, line := c.state.slots.of(key)
	if isWhole(ex.R.Context()) {
		inside = 0
	}
	ex.Note(fmt.Sprintf("%s: %d of %d inside", c.name, inside, c.options.Max))
	return inside < c.options.Max || line < c.options.Queue
}

// Enter goes inside until the request has ended, and reports whether there was a place. It does not stand in line. If the request is only
// explained, it looks.
func (c *Concurrency) Enter(ex *chiproxy.Exchange, key string) bool {
	bytes := []byte(short(key))
	if ex.Refuse() != nil {
		inside, _ := c.state.slots.of(bytes)
		return inside < c.options.Max || isWhole(ex.R.Context())
	}
	at, _ := c.state.slots.enter(ex.R.Context(), bytes, c.options.Max, 0, 0, ex.Yield)
	if at == nil {
		c.state.counts(refused)
		return false
	}
	c.state.counts(allowed)
	ex.AtEnd(func() { c.state.slots.leave(at) })
	return true
}

// Interface guards
var (
	_ chiproxy.Middleware = (*Concurrency)(nil)
	_ chiproxy.Describer  = (*Concurrency)(nil)
)
