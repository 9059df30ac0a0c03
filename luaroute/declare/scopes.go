package declare

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/option"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// use is r:use(middleware, …).
func use(r *router, L *lua.LState) int {
	if r.first.Script != "" {
		L.RaiseError("middleware must come before the routes of its scope, the first of which is at %s; for some routes only, use with or group", r.first)
	}
	r.scope.Middleware = append(r.scope.Middleware, r.load.middlewareArgs(L)...)
	return 0
}

// with is r:with(middleware, …): a router whose routes carry more middleware.
func with(r *router, L *lua.LState) int {
	origin := here(L, "with", "")
	scope := &chiproxy.Scope{Kind: chiproxy.Group, Middleware: r.load.middlewareArgs(L), Origin: origin}
	r.add(L, chiproxy.Item{Scope: scope}, origin)
	L.Push(r.inner(L, scope).value)
	return 1
}

// group is r:group(fn).
func group(r *router, L *lua.LState) int {
	fn := L.CheckFunction(1)
	return r.scoped(L, fn, &chiproxy.Scope{Kind: chiproxy.Group, Origin: here(L, "group", "")})
}

// scoped is r:route(pattern, fn).
func scoped(r *router, L *lua.LState) int {
	pattern, fn := L.CheckString(1), L.CheckFunction(2)
	return r.scoped(L, fn, &chiproxy.Scope{Kind: chiproxy.Owner, Pattern: pattern, Origin: here(L, "route scope", pattern)})
}

// hosted is r:host(host or list, fn).
func hosted(r *router, L *lua.LState) int {
	hosts, err := option.Strings(L.CheckAny(1))
	if err != nil || len(hosts) == 0 {
		L.ArgError(1, "expected a host, or a list of them")
	}
	for _, host := range hosts {
		check(L, r.load.options.Capabilities.Host(host))
	}
	fn := L.CheckFunction(2)
	return r.scoped(L, fn, &chiproxy.Scope{Kind: chiproxy.Layer, Hosts: hosts, Origin: here(L, "host layer", hosts[0])})
}

// guarded is r:when(guard, [opts,] fn).
func guarded(r *router, L *lua.LState) int {
	origin := here(L, "layer", "")
	scope := &chiproxy.Scope{Kind: chiproxy.Layer, Guards: r.load.guards(L, L.CheckAny(1)), Origin: origin}
	at := 2
	if L.GetTop() > 2 {
		o := option.Of(L, "the options of a layer", L.CheckTable(2), &layerOptions)
		scope.Priority = o.Integer("priority")
		at++
	}
	return r.scoped(L, L.CheckFunction(at), scope)
}

// scoped adds a scope and lets a function declare what is in it.
func (r *router) scoped(L *lua.LState, fn *lua.LFunction, scope *chiproxy.Scope) int {
	r.add(L, chiproxy.Item{Scope: scope}, scope.Origin)
	r.inner(L, scope).declared(L, fn)
	return 0
}

// notFound is r:not_found(handler).
func notFound(r *router, L *lua.LState) int {
	r.answer(L, "not_found", &r.scope.NotFound)
	return 0
}

// methodNotAllowed is r:method_not_allowed(handler).
func methodNotAllowed(r *router, L *lua.LState) int {
	r.answer(L, "method_not_allowed", &r.scope.MethodNotAllowed)
	return 0
}

// onError is r:on_error(handler).
func onError(r *router, L *lua.LState) int {
	r.answer(L, "on_error", &r.scope.Failed)
	return 0
}

// answer sets what a scope answers by itself.
func (r *router) answer(L *lua.LState, name string, to **chiproxy.Answer) {
	if *to != nil {
		L.RaiseError("%s is declared twice in this scope, first at %s", name, (*to).Origin)
	}
	*to = &chiproxy.Answer{Action: r.load.action(L, L.CheckAny(1)), Origin: here(L, name, "")}
}
