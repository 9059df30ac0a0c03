package chiproxy

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

// Backend is a pool as a tenant sees it from outside: one name, one URL, one state.
type Backend struct {
	// Name is the tenant's name for the pool.
	Name string
	// URL is that of its first upstream: scheme, address and base path. It is empty if the upstreams are dynamic.
	URL string
	// Healthy says whether any upstream is healthy. A pool whose upstreams are dynamic counts as healthy, since they
	// are known to its requests only.
	Healthy bool
	// HealthURI is what active checks ask for, empty without them; HealthInterval is how often they do.
	HealthURI      string
	HealthInterval time.Duration
}

// backend is a Backend without its state.
type backend struct {
	Backend
	pool *pool.Pool
}

func (b *backend) now() Backend {
	out := b.Backend
	out.Healthy = isHealthy(b.pool)
	return out
}

// backends returns the pools of a tenant, as they were declared: its own, or those it sees from outside if it has none. A pool that
// is hidden is not among them.
func (s *poolScope) backends() []backend {
	var all []backend
	for _, p := range s.Pools() {
		b := backend{Backend{Name: p.Name, URL: urlOf(p.Pool)}, p.Pool}
		if checks := p.Handler().HealthChecks; checks != nil && checks.Active != nil {
			b.HealthURI, b.HealthInterval = checks.Active.URI, time.Duration(checks.Active.Interval)
		}
		all = append(all, b)
	}
	return all
}

// Backends returns the pools of the current tenant with their state, in the order they were declared: its own, or those it
// sees from outside if it has none. Only tenants with a Fallback have some.
func (ex *Exchange) Backends() []Backend { return stateOf(ex.tenant.backends) }

func stateOf(backends []backend) []Backend {
	all := make([]Backend, len(backends))
	for i := range backends {
		all[i] = backends[i].now()
	}
	return all
}

// servicesOf returns a Backend for each upstream.
func servicesOf(backends []backend) []Backend {
	all := make([]Backend, 0, len(backends))
	for i := range backends {
		b := &backends[i]
		if b.pool.Handler().DynamicUpstreams != nil {
			all = append(all, b.now())
			continue
		}
		for _, u := range b.pool.Handler().Upstreams {
			service := b.Backend
			service.URL, service.Healthy = upstreamURL(b.pool, u), u.Healthy()
			all = append(all, service)
		}
	}
	return all
}

// TenantState is a tenant of a table, for those who look at it from outside.
type TenantState struct {
	// Spec is what the tenant was made of. It must not be changed.
	Spec *Tenant
	// Services are the upstreams of the pools that Exchange.Backends returns, each with the name of its pool: an old configuration
	// had one service for each. A pool whose upstreams are dynamic is one service.
	Services []Backend
}

// TenantSpec returns what a tenant was made of, nil if there is none of that name. The default tenant has no name. The spec must
// not be changed.
func (t *Table) TenantSpec(name string) *Tenant {
	if name == "" {
		return t.base.spec
	}
	for _, tn := range t.tenants {
		if tn.name == name {
			return tn.spec
		}
	}
	return nil
}

// TenantStates returns the default tenant, and then the others as they were declared.
func (t *Table) TenantStates() []TenantState {
	all := make([]TenantState, 0, len(t.tenants)+1)
	for _, tn := range append([]*tenant{t.base}, t.tenants...) {
		all = append(all, TenantState{tn.spec, servicesOf(tn.pools.backends())})
	}
	return all
}

// isHealthy reports whether a request could find an upstream that no check counts as down.
func isHealthy(p *pool.Pool) bool {
	for _, u := range p.Handler().Upstreams {
		if u.Healthy() {
			return true
		}
	}
	return p.Handler().DynamicUpstreams != nil
}

// urlOf returns the URL of the first upstream.
func urlOf(p *pool.Pool) string {
	if len(p.Handler().Upstreams) == 0 {
		return ""
	}
	return upstreamURL(p, p.Handler().Upstreams[0])
}

// upstreamURL returns the URL of an upstream.
func upstreamURL(p *pool.Pool, u *reverseproxy.Upstream) string {
	dial := u.Dial
	if addr, err := caddy.ParseNetworkAddress(dial); err == nil && (addr.IsUnixNetwork() || addr.IsFdNetwork()) {
		return dial
	}
	scheme := "http"
	if tls, ok := p.Handler().Transport.(reverseproxy.TLSTransport); ok && tls.TLSEnabled() {
		scheme = "https"
	}
	return scheme + "://" + dial + p.BasePath()
}
