package balance

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func init() {
	caddy.RegisterModule(new(Breaker))
	caddy.RegisterModule(new(Latency))
}

// Breaker is a circuit breaker of a `reverse_proxy`: when too many of its last round trips have failed, its upstreams
// get no requests for a while, and clients 503 at once. Then a few requests are let through; the first answer says
// whether it closes, or stays open for as long again.
//
// A failure is a response of 500 or more, a connection that cannot be made or breaks, or an answer that is slow.
type Breaker struct {
	// How many of the last round trips must have failed. Default: 5.
	Errors int `json:"errors,omitempty"`

	// How many round trips are remembered. Default: 20, or `errors` if that is more.
	Of int `json:"of,omitempty"`

	// How long upstreams get nothing. Default: 10s.
	Open caddy.Duration `json:"open,omitempty"`

	// The time to the header of a response from which on it is a failure. Default: none is too slow.
	Slow caddy.Duration `json:"slow,omitempty"`

	Observed
	state atomic.Int32

	mu     sync.Mutex
	failed []bool // a ring of the last round trips
	at     int
	count  int // of those that failed
	// until is when the state ends, and since when it began.
	since, until time.Time
}

const (
	closed int32 = iota
	open
	half
)

// trying is how long a half open breaker lets requests through before one has an answer.
const trying = 10 * time.Millisecond

// maxOf bounds what a breaker remembers.
const maxOf = 10_000

// CaddyModule returns the Caddy module information.
func (*Breaker) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.circuit_breakers.luaroute",
		New: func() caddy.Module { return new(Breaker) },
	}
}

// Provision checks the options, and has the breaker see errors, of which Caddy does not tell it.
func (b *Breaker) Provision(ctx caddy.Context) error {
	if err := b.prepare(); err != nil {
		return err
	}
	return b.Begin(ctx, b)
}

func (b *Breaker) prepare() error {
	if b.Errors == 0 {
		b.Errors = 5
	}
	if b.Of == 0 {
		b.Of = max(20, b.Errors)
	}
	if b.Open == 0 {
		b.Open = caddy.Duration(10 * time.Second)
	}
	switch {
	case b.Errors < 1:
		return fmt.Errorf("errors is %d; expected 1 or more", b.Errors)
	case b.Of < b.Errors || b.Of > maxOf:
		return fmt.Errorf("of is %d; expected %d (errors) to %d", b.Of, b.Errors, maxOf)
	case b.Open < 0 || b.Slow < 0:
		return errors.New("open and slow are times above 0")
	}
	b.failed = make([]bool, b.Of)
	return nil
}

// OK reports whether upstreams may get requests.
func (b *Breaker) OK() bool {
	if b.state.Load() == closed {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	switch b.state.Load() {
	case open:
		if now.Before(b.until) {
			return false
		}
		b.become(half, now, trying)
	case half:
		if !now.Before(b.until) { // all that were let through wait for answers, or have got lost
			if now.Before(b.until.Add(time.Duration(b.Open))) {
				return false
			}
			b.become(half, now, trying)
		}
	}
	return true
}

// RecordMetric takes the status and the time of a response.
func (b *Breaker) RecordMetric(status int, took time.Duration) {
	b.record(status >= 500 || b.Slow > 0 && took >= time.Duration(b.Slow), took)
}

// Trip takes an error. Caddy tells of responses itself.
func (b *Breaker) Trip(t Trip) {
	if t.Err != nil {
		b.record(true, t.Took)
	}
}

func (b *Breaker) record(failed bool, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	switch b.state.Load() {
	case closed:
		if b.failed[b.at] {
			b.count--
		}
		if b.failed[b.at] = failed; failed {
			b.count++
		}
		b.at = (b.at + 1) % len(b.failed)
		if b.count >= b.Errors {
			b.become(open, now, time.Duration(b.Open))
		}
	case half:
		switch {
		case now.Add(-took).Before(b.since): // sent before it opened
		case failed:
			b.become(open, now, time.Duration(b.Open))
		default:
			clear(b.failed)
			b.count = 0
			b.become(closed, now, 0)
		}
	}
}

func (b *Breaker) become(state int32, now time.Time, last time.Duration) {
	b.since, b.until = now, now.Add(last)
	b.state.Store(state)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Breaker)(nil)
	_ caddy.CleanerUpper          = (*Breaker)(nil)
	_ reverseproxy.CircuitBreaker = (*Breaker)(nil)
	_ Observer                    = (*Breaker)(nil)
)
