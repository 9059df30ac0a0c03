package dial

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/interrupt"
)

// Caddy begins the health checks of a pool all at once, and those of pools that were loaded together, too. A thousand of them keep the
// processors busy for as long as everybody else waits. So those of isolated tenants begin one after the other.

// checkGap is the time between two health checks: a check takes some 100 µs of a processor.
const checkGap = 500 * time.Microsecond

// pace says when health checks begin.
type pace struct {
	mu   sync.Mutex
	next time.Time
}

// checks is the pace of all isolated tenants.
var checks pace

// isCheck reports whether a request is a health check, which Caddy makes without a server.
func isCheck(r *http.Request) bool { return r.Context().Value(caddyhttp.ServerCtxKey) == nil }

// wait waits for the turn of a health check: for half of the time that it has at most, so that it does not fail for having waited. The turn of
// those that would have to wait for longer is anywhere in that time.
func (p *pace) wait(ctx context.Context) error {
	most := time.Duration(1<<63 - 1)
	if deadline, ok := ctx.Deadline(); ok {
		most = max(time.Until(deadline)/2, 0)
	}
	delay := p.delay(time.Now(), most)
	if delay <= 0 {
		return nil
	}
	return interrupt.Sleep(ctx, delay)
}

// delay returns how long a check that could begin now waits.
func (p *pace) delay(now time.Time, most time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next.Before(now) {
		p.next = now
	}
	delay := p.next.Sub(now)
	if delay > most {
		if most == 0 {
			return 0
		}
		return rand.N(most) //nolint:gosec // to spread the load
	}
	p.next = p.next.Add(checkGap)
	return delay
}
