package balance

import (
	"fmt"
	"net/http"
	"strconv"

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

	Observed
	own       []Own
	latencies *Latencies
}

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
	return l.Begin(ctx, l)
}

func (l *Latency) start() {
	l.latencies = NewLatencies()
	for _, w := range l.Weights {
		l.own = append(l.own, Own{Weight: float64(w)})
	}
}

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
	o := Offer{Upstreams: pool, Own: l.own, Latencies: l.latencies}
	at := o.All().Best()
	if at < 0 {
		return nil
	}
	return pool[at]
}

// Trip takes the time of a round trip.
func (l *Latency) Trip(t Trip) { l.latencies.Measure(t.Upstream.Dial, t.Took, t.Err) }

// Interface guards
var (
	_ caddy.Provisioner     = (*Latency)(nil)
	_ caddy.CleanerUpper    = (*Latency)(nil)
	_ caddyfile.Unmarshaler = (*Latency)(nil)
	_ reverseproxy.Selector = (*Latency)(nil)
	_ Observer              = (*Latency)(nil)
)
