// Package balance chooses among the upstreams of a reverse_proxy, and watches its round trips. Offer is the choice of one try, with what scripts and
// policies choose by: hashes, weights, latencies, cookies. Importing the package registers modules for any reverse_proxy: a circuit breaker, and
// a policy that selects upstreams by their latency.
package balance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// Trip is a round trip to an upstream. Those of health checks and those that a client has given up are none.
type Trip struct {
	Request  *http.Request
	Upstream *reverseproxy.Upstream
	// Took is the time to the header of the response, or to the error.
	Took     time.Duration
	Response *http.Response // nil if there is an error
	Err      error
}

// Observer is told of each round trip when it ends, in the goroutine of the request.
type Observer interface{ Trip(Trip) }

// Observe returns a transport of a reverse_proxy that tells an observer what passes through it.
func Observe(t http.RoundTripper, o Observer) http.RoundTripper { return &transport{t, o} }

// Observed is what a module has that sees the round trips of its reverse_proxy.
type Observed struct{ made *reverseproxy.HTTPTransport }

// Begin has a module that is provisioned in a reverse_proxy see its round trips.
func (s *Observed) Begin(ctx caddy.Context, o Observer) error {
	above := ctx.Modules()
	for i := len(above) - 1; i >= 0; i-- {
		h, ok := above[i].(*reverseproxy.Handler)
		if !ok {
			continue
		}
		if h.Transport == nil { // Caddy would make this one later
			plain := new(reverseproxy.HTTPTransport)
			if err := plain.Provision(ctx); err != nil {
				return fmt.Errorf("default transport: %w", err)
			}
			h.Transport, s.made = plain, plain
		}
		h.Transport = Observe(h.Transport, o)
		return nil
	}
	return errors.New("expected to be part of a reverse_proxy")
}

// Cleanup closes idle connections.
func (s *Observed) Cleanup() error {
	if s.made == nil {
		return nil
	}
	return s.made.Cleanup()
}

// transport tells an observer of what passes through it.
type transport struct {
	inner    http.RoundTripper
	observer Observer
}

// RoundTrip sends a request.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	res, err := t.inner.RoundTrip(r)
	ctx := r.Context()
	if errors.Is(err, context.Canceled) || ctx.Value(caddyhttp.VarsCtxKey) == nil {
		return res, err
	}
	if info, ok := reverseproxy.GetDialInfo(ctx); ok && info.Upstream != nil {
		t.observer.Trip(Trip{r, info.Upstream, time.Since(start), res, err})
	}
	return res, err
}

// The optional interfaces of transports are passed to the inner one.

// OverrideHealthCheckScheme sets the scheme of health checks.
func (t *transport) OverrideHealthCheckScheme(base *url.URL, port string) {
	if inner, ok := t.inner.(reverseproxy.HealthCheckSchemeOverriderTransport); ok {
		inner.OverrideHealthCheckScheme(base, port)
	}
}

// ProxyProtocolEnabled reports whether connections begin with the PROXY protocol.
func (t *transport) ProxyProtocolEnabled() bool {
	inner, ok := t.inner.(reverseproxy.ProxyProtocolTransport)
	return ok && inner.ProxyProtocolEnabled()
}

// RequestHeaderOps returns what is done to the header of requests.
func (t *transport) RequestHeaderOps() *headers.HeaderOps {
	if inner, ok := t.inner.(reverseproxy.RequestHeaderOpsTransport); ok {
		return inner.RequestHeaderOps()
	}
	return nil
}

// RequiresContentLength reports whether the length of a body must be known.
func (t *transport) RequiresContentLength() bool {
	inner, ok := t.inner.(reverseproxy.ContentLengthRequiredTransport)
	return ok && inner.RequiresContentLength()
}

// Interface guards
var (
	_ reverseproxy.HealthCheckSchemeOverriderTransport = (*transport)(nil)
	_ reverseproxy.ProxyProtocolTransport              = (*transport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport           = (*transport)(nil)
	_ reverseproxy.ContentLengthRequiredTransport      = (*transport)(nil)
)
