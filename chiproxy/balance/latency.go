package balance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// Latency is a selection policy that prefers upstreams that answer fast: of two that chance draws, the one of which
// latency times requests in flight is less, by weight. The latency is a moving average of the time to the header of a
// response that follows peaks at once, and forgets them in some ten seconds; an error counts as a second.
type Latency struct {
	// Weights of the upstreams, in their order. Default: all are alike.
	Weights []int `json:"weights,omitempty"`

	observed
	mu        sync.RWMutex
	latencies map[string]*latency
	since     time.Time
}

// latency is that of an upstream: nanoseconds as the bits of a float, and when that was, since the policy began. Zero stands for one that was never
// measured.
type latency struct{ nanoseconds, at atomic.Uint64 }

const (
	// memory is how long a latency is remembered, to the power of e.
	memory = 10 * time.Second
	// failure is the latency of an error, which else would look fast.
	failure = time.Second
	// maxLatencies bounds the addresses that are known: dynamic upstreams may have any.
	maxLatencies = 10_000
)

// CaddyModule returns the Caddy module information.
func (*Latency) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.selection_policies.luaroute_latency",
		New: func() caddy.Module { return new(Latency) },
	}
}

// Provision begins to measure.
func (l *Latency) Provision(ctx caddy.Context) error {
	for _, w := range l.Weights {
		if w < 1 {
			return fmt.Errorf("a weight is %d; expected 1 or more", w)
		}
	}
	l.start()
	return l.observed.begin(ctx, l)
}

func (l *Latency) start() { l.latencies, l.since = map[string]*latency{}, time.Now() }

// UnmarshalCaddyfile sets up the policy: `lb_policy luaroute_latency [<weights...>]`.
func (l *Latency) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	for d.NextArg() {
		w, err := strconv.Atoi(d.Val())
		if err != nil || w < 1 {
			return d.Errf("the weight is %q; expected a whole number, 1 or more", d.Val())
		}
		l.Weights = append(l.Weights, w)
	}
	return nil
}

// Select returns the better of two upstreams that are available.
func (l *Latency) Select(pool reverseproxy.UpstreamPool, _ *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	if len(pool) == 0 {
		return nil
	}
	one := available(pool, -1)
	if one < 0 {
		return nil
	}
	two := available(pool, one)
	if two < 0 || l.cost(pool, one) <= l.cost(pool, two) {
		return pool[one]
	}
	return pool[two]
}

// available returns the place of an upstream that is available and not at another place, -1 if there is none.
func available(pool reverseproxy.UpstreamPool, other int) int {
	begin := rand.IntN(len(pool)) //nolint:gosec // no secret
	for i := range pool {
		at := (begin + i) % len(pool)
		if at != other && pool[at].Available() {
			return at
		}
	}
	return -1
}

// cost returns what a request more at an upstream costs. One that was never measured gets one request, and no other before that is answered.
func (l *Latency) cost(pool reverseproxy.UpstreamPool, at int) float64 {
	u := pool[at]
	took, known := l.of(u.Dial)
	requests := float64(u.Host.NumRequests())
	if !known && requests > 0 {
		return math.MaxFloat64 / 2
	}
	weight := 1
	if at < len(l.Weights) {
		weight = l.Weights[at]
	}
	return took * (requests + 1) / float64(weight)
}

// of returns the latency of an upstream as it is now, and whether it was measured.
func (l *Latency) of(address string) (float64, bool) {
	l.mu.RLock()
	m := l.latencies[address]
	l.mu.RUnlock()
	if m == nil {
		return 0, false
	}
	return math.Float64frombits(m.nanoseconds.Load()) * l.faded(m), true
}

// faded returns what is left of a latency.
func (l *Latency) faded(m *latency) float64 {
	idle := time.Since(l.since) - time.Duration(m.at.Load()) //nolint:gosec // nanoseconds since the begin
	return math.Exp(-max(0, float64(idle)) / float64(memory))
}

func (l *Latency) roundTrip(u *reverseproxy.Upstream, took time.Duration, err error) {
	if err != nil {
		took = max(took, failure)
	}
	m := l.measured(u.Dial)
	for {
		bits := m.nanoseconds.Load()
		was, left := math.Float64frombits(bits), l.faded(m)
		now := float64(took)
		if now < was {
			now = was*left + now*(1-left)
		}
		if m.nanoseconds.CompareAndSwap(bits, math.Float64bits(now)) {
			m.at.Store(uint64(time.Since(l.since))) //nolint:gosec // it is not negative
			return
		}
	}
}

// measured returns where the latency of an address is kept.
func (l *Latency) measured(address string) *latency {
	l.mu.RLock()
	m := l.latencies[address]
	l.mu.RUnlock()
	if m != nil {
		return m
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if m = l.latencies[address]; m != nil {
		return m
	}
	if len(l.latencies) >= maxLatencies {
		clear(l.latencies) // all are measured anew
	}
	m = new(latency)
	m.at.Store(uint64(time.Since(l.since))) //nolint:gosec // it is not negative
	l.latencies[address] = m
	return m
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Latency)(nil)
	_ caddy.CleanerUpper    = (*Latency)(nil)
	_ caddyfile.Unmarshaler = (*Latency)(nil)
	_ reverseproxy.Selector = (*Latency)(nil)
	_ observer              = (*Latency)(nil)
)
