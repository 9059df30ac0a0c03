// Package inventory lists a routing table as plain values for people and tools, and compares two tables. Its types are the answers of the
// admin API.
package inventory

import (
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
)

// Route is one route of a table.
type Route struct {
	// Tenant is empty for the default tenant.
	Tenant string `json:"tenant,omitempty"`
	// Hosts are those of the innermost layer that has some, or else of the tenant. None stands for all.
	Hosts []string `json:"hosts,omitempty"`
	// Methods are as written. None stands for all.
	Methods []string `json:"methods,omitempty"`
	// Pattern is the whole one: with the prefix of the tenant and those of the scopes around the route.
	Pattern string `json:"pattern"`
	// Name is the one the route was given. It may be empty.
	Name     string `json:"name,omitempty"`
	Priority int    `json:"priority,omitempty"`
	// Within are the layers and scopes around it, the outermost first. A scope's text is the prefix that it owns.
	Within []Part `json:"within,omitempty"`
	// Guards are those of the layers around the route, the outermost first, and then its own.
	Guards []Part `json:"guards,omitempty"`
	// Middleware is what runs around the action, the outermost first.
	Middleware []Part `json:"middleware,omitempty"`
	// Action is what answers. That of a tenant's UsePool is a proxy, and stands after that of its Fallback.
	Action Part `json:"action"`
	// Meta is the plain data of the route. It may be nil, and it must not be changed.
	Meta map[string]any `json:"meta,omitempty"`
	// At is where the route was declared: script:line, or the place in the configuration.
	At string `json:"at,omitempty"`

	mark uint64 // of all that runs
}

// Part is a guard, a middleware or an action: what it is, what it names, and where it stands.
type Part struct {
	Kind string `json:"kind"`
	Text string `json:"text,omitempty"`
	At   string `json:"at,omitempty"`
}

// String is for people: `proxy users`, `function main.lua:3`.
func (p Part) String() string {
	if p.Text == "" && p.At != "" {
		return p.Kind + " " + p.At
	}
	return strings.TrimSpace(p.Kind + " " + p.Text)
}

func partOf(o origin.Origin) Part { return Part{o.Kind, o.Text, o.String()} }

// Pool is one pool of a table, under one of its names.
type Pool struct {
	Name string `json:"name"`
	// Tenant is the one that the pool was declared in. It is empty for those of the default tenant and of the
	// configuration.
	Tenant string `json:"tenant,omitempty"`
	// At is where it was declared.
	At string `json:"at,omitempty"`
	// Upstreams are those of its configuration; those of a dynamic source depend on the request.
	Upstreams []pool.Upstream `json:"upstreams"`
}

// Pools lists the pools as they were declared, those of the configuration first. A pool with several names is there several
// times.
func Pools(t *routing.Table) []Pool {
	pools := t.Pools()
	all := make([]Pool, len(pools))
	for i, p := range pools {
		all[i] = Pool{p.Name, p.Tenant, p.At.String(), p.Upstreams()}
	}
	return all
}

// Counts is how many things there are in a table.
type Counts struct {
	// Tenants does not count the default tenant.
	Tenants int `json:"tenants"`
	// Routes counts a tenant's Fallback, UsePool and Split, too.
	Routes int `json:"routes"`
	Pools  int `json:"pools"`
}

// Count returns how many things there are in a table.
func Count(t *routing.Table) Counts {
	tenants := t.Tenants()
	c := Counts{Tenants: len(tenants) - 1, Pools: len(t.Pools())}
	for _, tn := range tenants {
		c.Routes += routesIn(&tn.Spec.Root)
		if tn.Spec.Fallback != nil {
			c.Routes++
		}
		if tn.Spec.UsePool != "" {
			c.Routes++
		}
		if tn.Spec.Split != nil {
			c.Routes++
		}
	}
	return c
}

func routesIn(s *chiproxy.Scope) int {
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

// Routes lists the routes: tenant by tenant, the default tenant last, those of each as written. The lists in it may be shared.
func Routes(t *routing.Table) []Route {
	return list(t, false)
}

func list(t *routing.Table, marks bool) []Route {
	l := lister{marks: marks}
	tenants := t.Tenants()
	for _, tn := range append(tenants[1:], tenants[0]) {
		l.tenant(tn)
	}
	return l.routes
}

// lister gathers the routes of tenants.
type lister struct {
	routes []Route
	marks  bool // with fingerprints
}

func (l *lister) tenant(t routing.TenantInfo) {
	around := Route{Tenant: t.Spec.Name, Hosts: t.Spec.Hosts, Pattern: t.Prefix}
	l.scope(&t.Spec.Root, around)
	around.Pattern += "/*"
	for _, a := range []chiproxy.Action{t.Spec.Fallback, t.Spec.Split} {
		if a == nil {
			continue
		}
		fallback := around
		fallback.Action = partOf(chiproxy.Describe(a))
		fallback.At = fallback.Action.At
		l.mix(&fallback, a)
		l.routes = append(l.routes, fallback)
	}
	if t.Spec.UsePool != "" {
		around.Action, around.At = partOf(chiproxy.Proxy{Pool: t.Spec.UsePool}.Describe()), t.Spec.Origin.String()
		l.routes = append(l.routes, around)
	}
}

// scope lists what is in a scope. What is around it is in the form of a route.
func (l *lister) scope(s *chiproxy.Scope, around Route) {
	switch s.Kind {
	case chiproxy.Owner:
		around.Pattern += strings.TrimSuffix(s.Pattern, "/")
	case chiproxy.Layer:
		if len(s.Hosts) > 0 {
			around.Hosts = s.Hosts
		}
		around.Guards = described(l, &around, around.Guards, s.Guards)
	}
	if !l.marks {
		around.Within = within(s, around)
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

// within returns what is around the things in a scope, which is the last of them. The root of a tenant is none.
func within(s *chiproxy.Scope, around Route) []Part {
	if s.Origin.String() == "" {
		return around.Within
	}
	here := Part{Kind: s.Origin.Kind, At: s.Origin.String()}
	switch s.Kind {
	case chiproxy.Owner:
		here.Text = around.Pattern
	case chiproxy.Layer:
		all := slices.Clone(s.Hosts)
		for _, g := range s.Guards {
			all = append(all, partOf(chiproxy.Describe(g)).String())
		}
		here.Text = strings.Join(all, ", ")
	}
	return append(slices.Clip(around.Within), here)
}

func (l *lister) route(r *chiproxy.Route, info Route) {
	info.Methods, info.Name, info.Priority, info.Meta, info.At = r.Methods, r.Name, r.Priority, r.Meta, r.Origin.String()
	info.Pattern += r.Pattern
	info.Guards = described(l, &info, info.Guards, r.Guards)
	info.Action = partOf(chiproxy.Describe(r.Action))
	l.mix(&info, r.Action)
	l.routes = append(l.routes, info)
}

// described appends descriptions to a list of a route, which others have, too.
func described[T any](l *lister, of *Route, list []Part, more []T) []Part {
	if len(more) == 0 {
		return list
	}
	list = slices.Clip(list)
	for _, x := range more {
		list = append(list, partOf(chiproxy.Describe(x)))
		l.mix(of, x)
	}
	return list
}

// mix adds the fingerprint of something to that of a route, in order.
func (l *lister) mix(r *Route, x any) {
	if l.marks {
		r.mark = r.mark*1099511628211 + chiproxy.Fingerprint(x) + 1
	}
}
