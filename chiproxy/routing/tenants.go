package routing

import (
	"cmp"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// tenant is a Tenant ready to serve.
type tenant struct {
	name string
	// prefix is PathPrefix without a slash at the end; folded is the same in the form of urlpath.CaddyForm.
	prefix, folded string
	// onward says that the next tenant is tried when this one has no route.
	onward bool
	pools  *chiproxy.PoolScope
	policy *chiproxy.ErrorPolicy
	// fallbacks answer if no route matches: Fallback and UsePool.
	fallbacks []chiproxy.Action
	// layers are in the order they are tried; base comes after them.
	layers layerIndex
	base   *layer
	spec   *chiproxy.Tenant
	// series counts what becomes of requests that no route of the tenant takes.
	series *telemetry.Series
	// steps is how many instructions of regular expressions a search may cost for each byte of a path; 0 where that is not bounded.
	steps int64
}

// folds reports whether one of the tenant's patterns is another one in the form of urlpath.CaddyForm.
func (t *tenant) folds() bool {
	return t.base.folds() || slices.ContainsFunc(t.layers.all, (*layer).folds)
}

// ranked is a tenant and its place in the order of all; lower is asked first.
type ranked struct {
	*tenant
	rank int
}

// tenantIndex finds the tenants of a host and path. Looking up costs the same for ten tenants and for
// a hundred thousand.
type tenantIndex struct {
	byHost host.Index[*prefixIndex]
	// anyHost holds the tenants without hosts.
	anyHost *prefixIndex
}

// prefixIndex holds the tenants of one host by prefix.
type prefixIndex struct {
	// whole are those without a prefix.
	whole    []ranked
	byPrefix map[string][]ranked
	// depth is the number of segments in the longest prefix.
	depth int
}

// listing is one reason to ask a tenant: one of its hosts, or none.
type listing struct {
	tenant *tenant
	// host is a key as of host.Key, or empty.
	host  string
	order int
}

func (l listing) kind() int {
	switch {
	case l.host != "" && l.tenant.prefix != "":
		return 0
	case l.host != "":
		return 1
	case l.tenant.prefix != "":
		return 2
	}
	return 3
}

func (l listing) wildcard() int {
	if strings.HasPrefix(l.host, "*") {
		return 1
	}
	return 0
}

// compareListings is the order in which tenants are asked.
func compareListings(a, b listing) int {
	return cmp.Or(
		cmp.Compare(b.tenant.spec.Priority, a.tenant.spec.Priority),
		cmp.Compare(a.kind(), b.kind()),
		cmp.Compare(a.wildcard(), b.wildcard()),
		cmp.Compare(len(b.tenant.prefix), len(a.tenant.prefix)),
		cmp.Compare(a.order, b.order),
	)
}

// newTenantIndex makes an index of listings in order, by the prefix that the function gives.
func newTenantIndex(sorted []listing, prefix func(*tenant) string) *tenantIndex {
	x := &tenantIndex{}
	for i, l := range sorted {
		x.under(l.host).add(prefix(l.tenant), ranked{l.tenant, i})
	}
	return x
}

// under returns the part of the index for a host key, "" for the tenants without hosts.
func (x *tenantIndex) under(key string) *prefixIndex {
	if key == "" {
		if x.anyHost == nil {
			x.anyHost = &prefixIndex{}
		}
		return x.anyHost
	}
	p := x.byHost.Get(key)
	if p == nil {
		p = &prefixIndex{}
		x.byHost.Put(key, p)
	}
	return p
}

func (p *prefixIndex) add(prefix string, r ranked) {
	if prefix == "" {
		p.whole = append(p.whole, r)
		return
	}
	if p.byPrefix == nil {
		p.byPrefix = map[string][]ranked{}
	}
	p.byPrefix[prefix] = append(p.byPrefix[prefix], r)
	p.depth = max(p.depth, strings.Count(prefix, "/"))
}

// find appends the tenants of a host and path to into, in order.
func (x *tenantIndex) find(name, path string, into []ranked) []ranked {
	named, wild := x.byHost.Find(name)
	for _, p := range [...]*prefixIndex{named, wild, x.anyHost} {
		if p != nil {
			into = p.find(path, into)
		}
	}
	if len(into) < 2 {
		return into
	}
	slices.SortFunc(into, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	return dropRepeated(into)
}

// find appends the tenants whose prefix owns the path.
func (p *prefixIndex) find(path string, into []ranked) []ranked {
	into = append(into, p.whole...)
	for end, depth := 0, 0; depth < p.depth && end < len(path); depth++ {
		if next := strings.IndexByte(path[end+1:], '/'); next < 0 {
			end = len(path)
		} else {
			end += 1 + next
		}
		into = append(into, p.byPrefix[path[:end]]...)
	}
	return into
}

// dropRepeated keeps the first place of a tenant that matches by several of its hosts.
func dropRepeated(list []ranked) []ranked {
	kept := list[:0]
	for _, r := range list {
		if !slices.ContainsFunc(kept, func(k ranked) bool { return k.tenant == r.tenant }) {
			kept = append(kept, r)
		}
	}
	return kept
}

// hasHost reports whether one of the tenants lists the host, by name or by wildcard.
func (x *tenantIndex) hasHost(name string) bool {
	named, wild := x.byHost.Find(name)
	return named != nil || wild != nil
}
