package legacy

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

// service is a pool, or one of its upstreams, as the old contract sees it: one name, one URL, one state.
type service struct {
	Backend
	// healthURI is what active checks ask for, empty without them; healthInterval is how often they do.
	healthURI      string
	healthInterval time.Duration
	pool           *pool.Pool
}

// servicesIn returns a service for each pool of a tenant, without its state.
func servicesIn(scope *pool.Scope) []service {
	pools := scope.Pools()
	all := make([]service, len(pools))
	for i, p := range pools {
		all[i] = service{Backend: Backend{Name: p.Name, URL: urlOf(p.Pool)}, pool: p.Pool}
		if checks := p.Handler().HealthChecks; checks != nil && checks.Active != nil {
			all[i].healthURI, all[i].healthInterval = checks.Active.URI, time.Duration(checks.Active.Interval)
		}
	}
	return all
}

// backendsOf returns the pools of a tenant with their state.
func backendsOf(services []service) []Backend {
	all := make([]Backend, len(services))
	for i := range services {
		all[i] = services[i].Backend
		all[i].Health = isHealthy(services[i].pool)
	}
	return all
}

// upstreamsIn returns a service with its state for each upstream of a tenant's pools: an old configuration had one for each. A pool
// whose upstreams are dynamic is one service.
func upstreamsIn(scope *pool.Scope) []service {
	var all []service
	for _, s := range servicesIn(scope) {
		h := s.pool.Handler()
		if h.DynamicUpstreams != nil {
			s.Health = isHealthy(s.pool)
			all = append(all, s)
			continue
		}
		for _, u := range h.Upstreams {
			s.URL, s.Health = upstreamURL(s.pool, u), u.Healthy()
			all = append(all, s)
		}
	}
	return all
}

// isHealthy reports whether any upstream is healthy. A pool whose upstreams are dynamic counts as healthy, since they are known to
// its requests only.
func isHealthy(p *pool.Pool) bool {
	h := p.Handler()
	for _, u := range h.Upstreams {
		if u.Healthy() {
			return true
		}
	}
	return h.DynamicUpstreams != nil
}

// urlOf returns the URL of the first upstream: scheme, address and base path. It is empty if the upstreams are dynamic.
func urlOf(p *pool.Pool) string {
	upstreams := p.Handler().Upstreams
	if len(upstreams) == 0 {
		return ""
	}
	return upstreamURL(p, upstreams[0])
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
