package declare

import (
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/option"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/policy"
)

// declareAny is r:any(pattern, [opts,] handler).
func declareAny(r *router, L *lua.LState) int { return declareRoute(r, L, nil, 1) }

// declareMethod is r:method(name or list, pattern, [opts,] handler).
func declareMethod(r *router, L *lua.LState) int {
	names, err := option.Strings(L.CheckAny(1))
	if err != nil || len(names) == 0 {
		L.ArgError(1, "expected a method such as \"PURGE\", or a list of them")
	}
	for i, name := range names {
		if upper := strings.ToUpper(name); standard[upper] {
			names[i] = upper
		}
		if err := field.CheckMethod(names[i]); err != nil {
			L.ArgError(1, err.Error())
		}
	}
	return declareRoute(r, L, names, 2)
}

// standard are the methods whose names may have any case, as in chi.
var standard = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true, "TRACE": true, "CONNECT": true,
}

// declareRoute declares a route whose pattern is the argument at.
func declareRoute(r *router, L *lua.LState, verbs []string, at int) int {
	pattern := L.CheckString(at)
	origin := here(L, "route", pattern)
	route := &chiproxy.Route{Methods: verbs, Pattern: pattern, Origin: origin}
	handler := at + 1
	var around chiproxy.Middleware
	if L.GetTop() >= at+2 {
		around = r.load.routeOptions(L, route, L.CheckTable(at+1))
		handler++
	}
	if L.GetTop() < handler {
		L.RaiseError("the route %s has no handler; expected a pool's name, an action, a response table or a function", pattern)
	}
	if L.GetTop() > handler {
		L.RaiseError("the route %s has more arguments than a pattern, options and a handler", pattern)
	}
	route.Action = r.load.action(L, L.Get(handler))
	item := chiproxy.Item{Route: route}
	if around != nil {
		item = chiproxy.Item{Scope: &chiproxy.Scope{Middleware: []chiproxy.Middleware{around}, Items: []chiproxy.Item{item}, Origin: origin}}
	}
	r.add(L, item, origin)
	return 0
}

// routeOptions reads the options of a route, and returns the middleware that is one of them, nil for none.
func (l *load) routeOptions(L *lua.LState, route *chiproxy.Route, t *lua.LTable) chiproxy.Middleware {
	o := option.Of(L, "the options of a route", t, &routeOptions)
	route.Name = o.Text("name")
	route.Priority = o.Integer("priority")
	if v := t.RawGetString("when"); v != lua.LNil {
		route.Guards = l.guards(L, v)
	}
	if v := t.RawGetString("on_error"); v != lua.LNil {
		route.OnError = errorPolicy(L, v)
	}
	if v := t.RawGetString("meta"); v != lua.LNil {
		meta, ok := o.Data("meta").(map[string]any)
		if !ok {
			L.RaiseError("meta: expected a table of names and values")
		}
		route.Meta = meta
	}
	return policy.Timeout(o, route.Origin)
}

// errorPolicy reads on_error: "closed", "open", "decline", or { pool = "name" }.
func errorPolicy(L *lua.LState, v lua.LValue) *chiproxy.ErrorPolicy {
	var mode, pool string
	switch v := v.(type) {
	case lua.LString:
		mode = string(v)
	case *lua.LTable:
		mode, pool = config.OnErrorPool, option.Of(L, "on_error", v, &errorPool).Text("pool")
	}
	o, err := config.NewOnError(mode, pool)
	if err != nil {
		L.RaiseError(`on_error is %s; expected "closed", "open", "decline", or { pool = "name" }`, option.Found(v))
	}
	return Policy(o)
}

// Policy returns what on_error says, nil for nil.
func Policy(o *config.OnError) *chiproxy.ErrorPolicy {
	if o == nil {
		return nil
	}
	p := &chiproxy.ErrorPolicy{Pool: o.Pool}
	switch o.Mode {
	case config.OnErrorOpen:
		p.Mode = chiproxy.FailOpen
	case config.OnErrorDecline:
		p.Mode = chiproxy.FailDecline
	case config.OnErrorPool:
		p.Mode = chiproxy.FailToPool
	}
	return p
}
