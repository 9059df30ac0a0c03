package migrate

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// tenant writes a tenant.
func (w *writer) tenant(t tenant, scripts bool) {
	if len(t.services) == 0 && (t.script == "" || !scripts) {
		w.fail(t.line, "tenant %q has no services", t.name)
		return
	}
	w.block("tenant "+w.token(t.line, t.name), func() {
		hosts := w.hosts(t.domains)
		w.claim(t, hosts)
		if len(hosts) > 0 {
			w.line(append([]string{"host"}, hosts...)...)
		}
		if t.prefix != "" {
			w.line("path_prefix", w.token(t.line, t.prefix))
			w.line("strip_prefix")
		}
		if t.script != "" && !scripts {
			w.Drop(t.line, "lua_script of tenant %q is dropped: lua_engine is not enabled", t.name)
			t.script = ""
		}
		if t.script != "" {
			w.line("script", w.token(t.line, t.script))
		}
		w.pools(t)
	})
}

// claim refuses two tenants for one host and prefix: the second would never be asked.
func (w *writer) claim(t tenant, hosts []string) {
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	for _, host := range hosts {
		if other, taken := w.claimed[host+t.prefix]; taken {
			w.fail(t.line, "tenant %q has the host %q and the prefix %q of tenant %q", t.name, host, t.prefix, other)
		}
		w.claimed[host+t.prefix] = t.name
	}
}

// hosts returns the hosts of a tenant.
func (w *writer) hosts(domains []value) []string {
	var hosts []string
	for _, domain := range domains {
		host := strings.ToLower(domain.text)
		if strings.ContainsAny(strings.TrimPrefix(host, "*"), "*/ ") {
			w.fail(domain.line, "domain %q: expected a host such as shop.example, or *.shop.example", domain.text)
			continue
		}
		if name, port, err := net.SplitHostPort(host); err == nil {
			w.Drop(domain.line, "the port of domain %q is dropped: tenants have names, ports belong to the site", domain.text)
			host, _ = name, port
		}
		if host == "*" || host == "" {
			w.Drop(domain.line, "domain %q is dropped: a tenant without hosts serves all", domain.text)
			return nil
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, w.token(domain.line, host))
		}
	}
	return hosts
}

// pools writes the services of a tenant: one pool for each, in their order, which scripts see. Without a script one of them has to
// serve everything.
func (w *writer) pools(t tenant) {
	seen := map[string]bool{}
	pools := make([]pool, len(t.services))
	for i, s := range t.services {
		if seen[s.name] {
			w.fail(s.line, "tenant %q has the service %q twice", t.name, s.name)
		}
		seen[s.name] = true
		pools[i] = w.pool(s)
	}
	if t.script == "" && len(pools) > 1 {
		pools = []pool{w.failover(t, pools)}
	}
	for _, p := range pools {
		w.block("pool "+w.token(p.line, p.name)+" "+strings.Join(p.upstreams, " "), func() { w.options(p, t) })
	}
	if t.script == "" {
		w.line("use_pool", w.token(t.line, pools[0].name))
	}
}

// options writes what is in the block of a pool.
func (w *writer) options(p pool, t tenant) {
	if len(p.upstreams) > 1 {
		w.line("lb_policy", "first")
	}
	if p.healthURI == "" {
		if t.healthInterval > 0 {
			w.Drop(p.line, "service %q has no health, so nothing is checked and it counts as healthy", p.name)
		}
		return
	}
	w.line("health_uri", p.healthURI)
	if p.healthUpstream != "" {
		w.line("health_upstream", p.healthUpstream)
	}
	if t.healthInterval > 0 {
		w.line("health_interval", t.healthInterval.String())
	}
}

// failover makes one pool of those of a tenant without a script, which sent everything to the first healthy service.
func (w *writer) failover(t tenant, pools []pool) pool {
	all := pools[0]
	for _, p := range pools[1:] {
		if p.scheme != all.scheme || p.base != all.base || p.healthURI != all.healthURI || p.healthUpstream+all.healthUpstream != "" {
			w.Drop(p.line, "service %q is dropped: tenant %q has no script, and the upstreams of its one pool must share scheme, base path and health check; "+
				"write a script that chooses", p.name, t.name)
			continue
		}
		all.upstreams = append(all.upstreams, p.upstreams...)
	}
	return all
}

// pool is a service as a pool.
type pool struct {
	line                      int
	name                      string
	scheme, base              string
	upstreams                 []string
	healthURI, healthUpstream string
}

func (w *writer) pool(s service) pool {
	p := pool{line: s.line, name: s.name}
	u := w.url(s.url, "url of service", s.name)
	if u == nil {
		return p
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		w.Drop(s.url.line, "user, query and fragment of %q are dropped: an upstream is an address with a base path", u.Redacted())
	}
	p.scheme, p.base = u.Scheme, strings.TrimRight(u.EscapedPath(), "/")
	p.upstreams = []string{w.token(s.url.line, u.Scheme+"://"+address(u)+p.base)}
	w.health(&p, s, u)
	return p
}

// health writes down what a service was checked by: a path of it, or another URL.
func (w *writer) health(p *pool, s service, service *url.URL) {
	if s.healthy.text == "" {
		return
	}
	uri := s.healthy.text
	if !strings.HasPrefix(uri, "/") {
		if !strings.Contains(uri, "://") {
			uri = "/" + uri
		} else if u := w.url(s.healthy, "health of service", s.name); u != nil {
			uri = u.RequestURI()
			if address(u) != address(service) {
				p.healthUpstream = w.token(s.healthy.line, address(u))
			}
			if u.Scheme != service.Scheme {
				w.Drop(s.healthy.line, "the scheme of %q is dropped: health checks use that of their pool, %s", s.healthy.text, service.Scheme)
			}
		}
	}
	p.healthURI = w.token(s.healthy.line, uri)
}

// url reads a URL.
func (w *writer) url(v value, what, of string) *url.URL {
	u, err := url.Parse(v.text)
	switch {
	case err != nil:
		w.fail(v.line, "%s %q: %s", what, of, err)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		w.fail(v.line, "%s %q is %q; expected one such as http://10.0.0.1:8080", what, of, v.text)
	default:
		return u
	}
	return nil
}

// address returns host and port of a URL.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
