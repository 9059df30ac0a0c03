package declare

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// mount is a router under a prefix. What the router declares is known at the end of the load only.
type mount struct {
	owner *chiproxy.Scope
	from  *router
}

// newDetached is route.new(): a router that has no scope until it is mounted.
func newDetached(r *router, L *lua.LState) int {
	if L.GetTop() > 0 {
		L.RaiseError("route.new takes no arguments")
	}
	detached := newRouter(r.load, &chiproxy.Scope{Kind: chiproxy.Group, Origin: here(L, "router", "")}, false)
	L.Push(detached.value)
	return 1
}

// mounted is r:mount(pattern, router).
func mounted(r *router, L *lua.LState) int {
	pattern := L.CheckString(1)
	data := L.CheckUserData(2)
	from, ok := data.Value.(*router)
	if !ok || from.scope.Origin.Kind != "router" {
		L.ArgError(2, "expected a router made by route.new()")
	}
	origin := here(L, "mount", pattern)
	owner := &chiproxy.Scope{Kind: chiproxy.Owner, Pattern: pattern, Origin: origin}
	r.add(L, chiproxy.Item{Scope: owner}, origin)
	r.load.mounts = append(r.load.mounts, &mount{owner, from})
	return 0
}

// fillMounts gives the scopes of mounts what their routers have declared.
func (l *load) fillMounts() error {
	if err := l.checkMounts(); err != nil {
		return err
	}
	for _, m := range l.mounts {
		s := m.from.scope
		m.owner.Middleware, m.owner.Items = s.Middleware, s.Items
		m.owner.NotFound, m.owner.MethodNotAllowed, m.owner.Failed = s.NotFound, s.MethodNotAllowed, s.Failed
	}
	return nil
}

// maxItems is how many routes and scopes one load may declare. Routers that mount one another twice multiply.
const maxItems = 1_000_000

// checkMounts reports routers that are mounted inside themselves, and more than a table should hold.
func (l *load) checkMounts() error {
	if len(l.mounts) == 0 {
		return nil
	}
	m := &measure{mounts: map[*chiproxy.Scope]*mount{}, known: map[*chiproxy.Scope]*extent{}}
	for _, mt := range l.mounts {
		m.mounts[mt.owner] = mt
	}
	for _, mt := range l.mounts {
		if _, err := m.mounted(mt); err != nil {
			return err
		}
	}
	all, err := m.scope(l.root.scope)
	for _, t := range l.tenants {
		own, _ := m.scope(t.router.scope)
		all.items += own.items
	}
	if err == nil && all.items > maxItems {
		err = l.mounts[0].owner.Origin.Errorf("with the mounts there are %d routes and scopes; at most %d are allowed", all.items, maxItems)
	}
	return err
}

// measure finds out how much scopes hold, with what is mounted in them.
type measure struct {
	mounts map[*chiproxy.Scope]*mount
	known  map[*chiproxy.Scope]*extent // of routers; nil while one is measured
}

// extent is how many routes and scopes a scope holds, and how deep they are nested.
type extent struct{ items, depth int }

func (m *measure) scope(s *chiproxy.Scope) (extent, error) {
	var e extent
	for _, item := range s.Items {
		e.items++
		if item.Scope == nil {
			continue
		}
		of := m.scope
		if mt := m.mounts[item.Scope]; mt != nil {
			of = func(*chiproxy.Scope) (extent, error) { return m.mounted(mt) }
		}
		inner, err := of(item.Scope)
		if err != nil {
			return e, err
		}
		e.items += inner.items
		e.depth = max(e.depth, inner.depth+1)
	}
	return e, nil
}

func (m *measure) mounted(mt *mount) (extent, error) {
	router, at := mt.from.scope, mt.owner.Origin
	if e, ok := m.known[router]; ok {
		if e == nil {
			return extent{}, at.Errorf("the router is mounted inside itself")
		}
		return *e, nil
	}
	m.known[router] = nil
	e, err := m.scope(router)
	switch {
	case err != nil:
		return e, err
	case e.depth > maxDepth:
		return e, at.Errorf("scopes are nested more than %d deep", maxDepth)
	case e.items > maxItems:
		return e, at.Errorf("with the mounts in it the router has %d routes and scopes; at most %d are allowed", e.items, maxItems)
	}
	m.known[router] = &e
	return e, nil
}
