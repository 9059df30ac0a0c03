// Package balance has modules for reverse_proxy, of pools and of any other: a circuit breaker, and a policy that selects upstreams by their latency.
// To import it registers them.
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

// observer is told of each round trip to an upstream. The error is nil for any response.
type observer interface {
	roundTrip(u *reverseproxy.Upstream, took time.Duration, err error)
}

// observed is what a module has that sees the round trips of its reverse_proxy.
type observed struct{ made *reverseproxy.HTTPTransport }

// begin has a module that is provisioned in a reverse_proxy see its round trips.
func (s *observed) begin(ctx caddy.Context, o observer) error {
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
		h.Transport = &transport{h.Transport, o}
		return nil
	}
	return errors.New("expected to be part of a reverse_proxy")
}

// Cleanup closes idle connections.
func (s *observed) Cleanup() error {
	if s.made == nil {
		return nil
	}
	return s.made.Cleanup()
}

// transport tells an observer of what passes through it.
type transport struct {
	inner    http.RoundTripper
	observer observer
}

// RoundTrip sends a request. Those of health checks and those that a client has given up are no measure.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	res, err := t.inner.RoundTrip(r)
	ctx := r.Context()
	if errors.Is(err, context.Canceled) || ctx.Value(caddyhttp.VarsCtxKey) == nil {
		return res, err
	}
	if info, ok := reverseproxy.GetDialInfo(ctx); ok && info.Upstream != nil {
		t.observer.roundTrip(info.Upstream, time.Since(start), err)
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
