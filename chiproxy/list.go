package chiproxy

import (
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

// RouteInfo is one route of a table, as plain values for people and tools.
type RouteInfo struct {
	// Tenant is empty for the default tenant.
	Tenant string
	// Hosts are those of the innermost layer that has some, or else of the tenant. None stands for all.
	Hosts []string
	// Methods are as written. None stands for all.
	Methods []string
	// Pattern is the whole one: with the prefix of the tenant and those of the scopes around the route.
	Pattern string
	// Name is the one the route was given. It may be empty.
	Name     string
	Priority int
	// Guards are those of the layers around the route, the outermost first, and then its own.
	Guards []origin.Origin
	// Middleware is what runs around the action, the outermost first.
	Middleware []origin.Origin
	// Action is what answers. That of a tenant's UsePool is a proxy, and stands after that of its Fallback.
	Action origin.Origin
	// Meta is the plain data of the route. It may be nil, and it must not be changed.
	Meta map[string]any
	// Origin is where the route was declared.
	Origin origin.Origin

	mark uint64 // of all that runs
}

// PoolInfo is one pool of a table, under one of its names.
type PoolInfo struct {
	// Tenant is the one that the pool was declared in. It is empty for those of the default tenant and of the configuration.
	Tenant string
	Name   string
	// At is where it was declared.
	At origin.Origin
	// Hides is where a pool of this name stands further out, which this one hides. It is empty if there is none.
	Hides origin.Origin
	// Upstreams are their state.
	Upstreams []pool.Upstream
}

// TenantInfo is a tenant of a table, for those who look at it from outside. It must not be changed.
type TenantInfo struct {
	// Spec is what the tenant was made of.
	Spec *Tenant
	// Pools are those that it sees.
	Pools *pool.Scope
}

// Tenants lists the default tenant, and then the others as they were declared.
func (t *Table) Tenants() []TenantInfo {
	all := []TenantInfo{{t.base.spec, t.base.pools.Scope}}
	for _, tn := range t.tenants {
		all = append(all, TenantInfo{tn.spec, tn.pools.Scope})
	}
	return all
}

// Tenant returns the tenant of a name, and whether there is one. The default tenant has no name.
func (t *Table) Tenant(name string) (TenantInfo, bool) {
	if name == "" {
		return TenantInfo{t.base.spec, t.base.pools.Scope}, true
	}
	for _, tn := range t.tenants {
		if tn.name == name {
			return TenantInfo{tn.spec, tn.pools.Scope}, true
		}
	}
	return TenantInfo{}, false
}

// Routes lists the routes: tenant by tenant, the default tenant last, those of each as written. The lists in it may be shared.
func (t *Table) Routes() []RouteInfo {
	return t.list(false)
}

func (t *Table) list(marks bool) []RouteInfo {
	l := lister{marks: marks}
	for _, tn := range t.tenants {
		l.tenant(tn)
	}
	l.tenant(t.base)
	return l.routes
}

// Pools lists the pools as they were declared, those of the configuration first. A pool with several names is there several
// times.
func (t *Table) Pools() []PoolInfo {
	all := make([]PoolInfo, len(t.pools))
	for i, p := range t.pools {
		all[i] = PoolInfo{Tenant: p.Tenant, Name: p.Name, At: p.At, Upstreams: p.Upstreams()}
		if p.Hides != nil {
			all[i].Hides = p.Hides.At
		}
	}
	return all
}

// Counts returns how many tenants, the default tenant aside, routes and pools there are. A tenant's Fallback and UsePool count as routes.
func (t *Table) Counts() (tenants, routes, pools int) {
	routes = countRoutes(t.base)
	for _, tn := range t.tenants {
		routes += countRoutes(tn)
	}
	return len(t.tenants), routes, len(t.pools)
}

func countRoutes(t *tenant) int {
	return routesIn(&t.spec.Root) + len(t.fallbacks)
}

func routesIn(s *Scope) int {
	n := 0
	for _, item := range s.Items {
		switch {
		case item.Route != nil:
			n++
		case item.Scope != nil:
			n += routesIn(item.Scope)
		}
	}
	return n
}

// lister gathers the routes of tenants.
type lister struct {
	routes []RouteInfo
	marks  bool // with fingerprints
}

func (l *lister) tenant(t *tenant) {
	around := RouteInfo{Tenant: t.name, Hosts: t.spec.Hosts, Pattern: t.prefix}
	l.scope(&t.spec.Root, around)
	around.Pattern += "/*"
	if t.spec.Fallback != nil {
		fallback := around
		fallback.Action = Describe(t.spec.Fallback)
		fallback.Origin = fallback.Action
		if l.marks {
			fallback.mix(fingerprint(t.spec.Fallback))
		}
		l.routes = append(l.routes, fallback)
	}
	if t.spec.UsePool != "" {
		around.Action, around.Origin = Describe(forwardTo(t.spec.UsePool)), t.spec.Origin
		l.routes = append(l.routes, around)
	}
}

// scope lists what is in a scope. What is around it is in the form of a route.
func (l *lister) scope(s *Scope, around RouteInfo) {
	switch s.Kind {
	case Owner:
		around.Pattern += strings.TrimSuffix(s.Pattern, "/")
	case Layer:
		if len(s.Hosts) > 0 {
			around.Hosts = s.Hosts
		}
		around.Guards = described(l, &around, around.Guards, s.Guards)
	}
	around.Middleware = described(l, &around, around.Middleware, s.Middleware)
	for _, item := range s.Items {
		switch {
		case item.Route != nil:
			l.route(item.Route, around)
		case item.Scope != nil:
			l.scope(item.Scope, around)
		}
	}
}

func (l *lister) route(r *Route, info RouteInfo) {
	info.Methods, info.Name, info.Priority, info.Meta, info.Origin = r.Methods, r.Name, r.Priority, r.Meta, r.Origin
	info.Pattern += r.Pattern
	info.Guards = described(l, &info, info.Guards, r.Guards)
	info.Action = Describe(r.Action)
	if l.marks {
		info.mix(fingerprint(r.Action))
	}
	l.routes = append(l.routes, info)
}

// described appends descriptions to a list of a route, which others have, too.
func described[T any](l *lister, of *RouteInfo, list []origin.Origin, more []T) []origin.Origin {
	if len(more) == 0 {
		return list
	}
	list = slices.Clip(list)
	for _, x := range more {
		list = append(list, Describe(x))
		if l.marks {
			of.mix(fingerprint(x))
		}
	}
	return list
}

// mix adds a fingerprint, in order.
func (r *RouteInfo) mix(mark uint64) { r.mark = r.mark*1099511628211 + mark + 1 }

// Describe returns what a guard, middleware or action says of itself. What says nothing is unknown.
func Describe(x any) origin.Origin {
	if d, ok := x.(Describer); ok {
		return d.Describe()
	}
	return origin.Origin{Kind: "unknown"}
}
