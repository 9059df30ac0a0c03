package dial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/proxylog"
)

func init() {
	caddy.RegisterModule(new(Transport))
}

// Protocol is the name of Transport among the transports of reverse_proxy.
const Protocol = "luaroute"

// Transport is a transport of `reverse_proxy` that dials only some addresses. Pools of isolated tenants use it, with
// the addresses that the tenant's `allow` lists.
//
// An address is checked when it is dialled, a name by what it resolves to then, for health checks, too. Caddy's admin
// endpoint is never dialled. The proxies of the environment (`HTTP_PROXY`) are not used, since the address that they
// dial could not be checked.
type Transport struct {
	// The addresses: `network`, `public`, `none`, `all`, addresses, CIDRs, names such as `*.example:443`, sockets such
	// as `unix//run/app.sock`.
	Upstreams []string `json:"upstreams,omitempty"`

	// The transport that is used. Default: `http`.
	TransportRaw json.RawMessage `json:"transport,omitempty" caddy:"namespace=http.reverse_proxy.transport inline_key=protocol"`

	policy   *Policy
	inner    http.RoundTripper
	resolver Resolver
	end      func() error          // of an inner transport that Caddy has not loaded
	user     *reverseproxy.Handler // nil if it has many
}

// CaddyModule returns the Caddy module information.
func (*Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport." + Protocol,
		New: func() caddy.Module { return new(Transport) },
	}
}

// Shared returns the addresses of a Transport that is configured by nothing else, nil for every other transport.
func Shared(transport json.RawMessage) []string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(transport, &fields) != nil || len(fields) != 2 || string(fields["protocol"]) != `"`+Protocol+`"` {
		return nil
	}
	var upstreams []string
	if json.Unmarshal(fields["upstreams"], &upstreams) != nil {
		return nil
	}
	return upstreams
}

// For returns the transport of a reverse_proxy that dials as t does: one of its own, which ends with t, if it has health checks, whose log is bounded.
func (t *Transport) For(h *reverseproxy.Handler) *Transport {
	if h.HealthChecks == nil || h.HealthChecks.Active == nil {
		return t
	}
	return &Transport{policy: t.policy, inner: t.inner, resolver: t.resolver, user: h}
}

// Provision sets up the transport that dials.
func (t *Transport) Provision(ctx caddy.Context) (err error) {
	if above := ctx.Modules(); len(above) > 1 {
		t.user, _ = above[len(above)-2].(*reverseproxy.Handler)
	}
	if t.policy, err = Parse(t.Upstreams); err != nil {
		return fmt.Errorf("upstreams: %w", err)
	}
	if t.TransportRaw == nil {
		plain := new(reverseproxy.HTTPTransport)
		if err := plain.Provision(ctx); err != nil {
			return err
		}
		t.inner, t.end = plain, plain.Cleanup
	} else {
		if err := noProxy(t.TransportRaw); err != nil { // Provision hides it
			return err
		}
		mod, err := ctx.LoadModule(t, "TransportRaw")
		if err != nil {
			return err
		}
		t.inner = mod.(http.RoundTripper)
	}
	if plain, ok := t.inner.(*reverseproxy.HTTPTransport); ok {
		return t.guard(plain)
	}
	return nil
}

// noProxy refuses a transport that would have a proxy dial.
func noProxy(transport json.RawMessage) error {
	var t struct {
		ForwardProxyURL string `json:"forward_proxy_url"`
		NetworkProxy    struct {
			From string `json:"from"`
		} `json:"network_proxy"`
	}
	if json.Unmarshal(transport, &t) == nil && (t.ForwardProxyURL != "" || t.NetworkProxy.From != "" && t.NetworkProxy.From != "none") {
		return errors.New("network_proxy: a proxy dials addresses that cannot be checked; expected none")
	}
	return nil
}

// MaxHeader is the largest header of a response that an upstream may send, in bytes: it is in memory for each request.
const MaxHeader = 256 << 10

// maxIdle is how many connections of one transport may be idle. Without a bound there are some for each address that a request can name.
const maxIdle = 256

// guard checks everything that an HTTP transport dials, and bounds what it holds.
func (t *Transport) guard(plain *reverseproxy.HTTPTransport) error {
	if len(plain.Versions) == 1 && plain.Versions[0] == "3" {
		return errors.New(`versions: "3" dials in a way that cannot be checked; expected 1.1, 2 or h2c`)
	}
	if plain.Resolver != nil && len(plain.Resolver.Addresses) > 0 {
		resolver, err := t.resolverAt(plain.Resolver.Addresses)
		if err != nil {
			return err
		}
		t.resolver = resolver
	}
	plain.Transport.Proxy = nil
	plain.Transport.MaxResponseHeaderBytes = bounded(plain.Transport.MaxResponseHeaderBytes, MaxHeader)
	plain.Transport.MaxIdleConns = bounded(plain.Transport.MaxIdleConns, maxIdle)
	plain.Transport.DialContext = t.checked(plain.Transport.DialContext)
	if tls := plain.Transport.DialTLSContext; tls != nil {
		plain.Transport.DialTLSContext = t.checked(tls)
	}
	return nil
}

// bounded returns a number, or the most that it may be, also where zero stands for no bound.
func bounded[N int | int64](n, most N) N {
	if n <= 0 || n > most {
		return most
	}
	return n
}

// resolverAt returns a resolver that asks some servers, which must be allowed themselves.
func (t *Transport) resolverAt(servers []string) (Resolver, error) {
	addresses := make([]string, len(servers))
	for i, server := range servers {
		a, err := caddy.ParseNetworkAddressWithDefaults(server, "udp", 53)
		if err != nil {
			return nil, fmt.Errorf("resolver %q: %w", server, err)
		}
		if _, err := netip.ParseAddr(a.Host); err != nil {
			return nil, fmt.Errorf("resolver %q: expected an IP address", server)
		}
		if _, err := t.policy.Resolve(context.Background(), nil, a.Network, a.JoinHostPort(0)); err != nil {
			return nil, fmt.Errorf("resolver %q: %w", server, err)
		}
		addresses[i] = a.JoinHostPort(0)
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addresses[rand.IntN(len(addresses))]) //nolint:gosec // to spread the load
	}}, nil
}

// dialer is what a transport dials with.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// checked returns a dialer that resolves an address, and hands on what is allowed of it.
func (t *Transport) checked(next dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		info, known := reverseproxy.GetDialInfo(ctx)
		if known {
			network, address = info.Network, info.Address
		}
		allowed, err := t.policy.Resolve(ctx, t.resolver, network, address)
		if err != nil {
			return nil, reverseproxy.NewDialError(err)
		}
		return firstOf(ctx, allowed, func(address string) (net.Conn, error) {
			return next(pinned(ctx, info, known, address), network, address)
		})
	}
}

// dialInfoKey is where reverseproxy.GetDialInfo looks.
const dialInfoKey caddy.CtxKey = "reverse_proxy.dial_info"

// pinned returns a context in which Caddy's transports dial one address, and look nothing up.
func pinned(ctx context.Context, info reverseproxy.DialInfo, known bool, address string) context.Context {
	if !known {
		return ctx
	}
	info.Address = address
	if host, port, err := net.SplitHostPort(address); err == nil && info.Port != "" {
		info.Host, info.Port = host, port
	}
	return context.WithValue(ctx, dialInfoKey, info)
}

// RoundTrip sends a request. For transports other than http, the address is resolved here, once for each request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if isCheck(r) {
		if err := checks.wait(r.Context()); err != nil {
			return nil, err
		}
	}
	if _, ok := t.inner.(*reverseproxy.HTTPTransport); ok {
		return t.inner.RoundTrip(r)
	}
	info, known := reverseproxy.GetDialInfo(r.Context())
	if !known {
		return nil, errors.New("the request has no address to dial")
	}
	allowed, err := t.policy.Resolve(r.Context(), t.resolver, info.Network, info.Address)
	if err != nil {
		return nil, reverseproxy.NewDialError(err)
	}
	return t.inner.RoundTrip(r.WithContext(pinned(r.Context(), info, known, allowed[0])))
}

// Cleanup closes idle connections.
func (t *Transport) Cleanup() error {
	if t.end != nil {
		return t.end()
	}
	return nil
}

// The optional interfaces of transports are passed to the inner one.

// OverrideHealthCheckScheme sets the scheme of health checks.
func (t *Transport) OverrideHealthCheckScheme(base *url.URL, port string) {
	if inner, ok := t.inner.(reverseproxy.HealthCheckSchemeOverriderTransport); ok {
		inner.OverrideHealthCheckScheme(base, port)
	}
}

// ProxyProtocolEnabled reports whether connections begin with the PROXY protocol.
func (t *Transport) ProxyProtocolEnabled() bool {
	inner, ok := t.inner.(reverseproxy.ProxyProtocolTransport)
	return ok && inner.ProxyProtocolEnabled()
}

// RequestHeaderOps returns what is done to the header of requests. A reverse_proxy asks for it between two steps of its provisioning: it has a
// logger, and its health checks have not begun.
func (t *Transport) RequestHeaderOps() *headers.HeaderOps {
	if t.user != nil {
		proxylog.BoundChecks(t.user)
	}
	if inner, ok := t.inner.(reverseproxy.RequestHeaderOpsTransport); ok {
		return inner.RequestHeaderOps()
	}
	return nil
}

// DefaultBufferSizes returns how much of requests and responses is buffered.
func (t *Transport) DefaultBufferSizes() (request, response int64) {
	if inner, ok := t.inner.(reverseproxy.BufferedTransport); ok {
		return inner.DefaultBufferSizes()
	}
	return 0, 0
}

// RequiresContentLength reports whether the length of a body must be known.
func (t *Transport) RequiresContentLength() bool {
	inner, ok := t.inner.(reverseproxy.ContentLengthRequiredTransport)
	return ok && inner.RequiresContentLength()
}

// Interface guards
var (
	_ caddy.Provisioner                                = (*Transport)(nil)
	_ caddy.CleanerUpper                               = (*Transport)(nil)
	_ reverseproxy.HealthCheckSchemeOverriderTransport = (*Transport)(nil)
	_ reverseproxy.ProxyProtocolTransport              = (*Transport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport           = (*Transport)(nil)
	_ reverseproxy.BufferedTransport                   = (*Transport)(nil)
	_ reverseproxy.ContentLengthRequiredTransport      = (*Transport)(nil)
)
