package declare

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// action returns the action that a handler stands for: a pool's name, an action, a response table or a function.
func (l *load) action(L *lua.LState, v lua.LValue) chiproxy.Action {
	switch v := v.(type) {
	case lua.LString:
		proxy, ok := l.proxies[string(v)]
		if !ok {
			proxy = chiproxy.Proxy{Pool: string(v)}
			l.proxies[string(v)] = proxy
		}
		return proxy
	case *lua.LFunction:
		ref, origin := l.keep(L, v)
		return l.result.VMs.Handler(ref, origin)
	case *lua.LUserData:
		if action, ok := v.Value.(hook.Action); ok {
			return action.Action
		}
	case *lua.LTable:
		answer, err := hook.ResponseOf(L, v)
		check(L, err)
		answer, err = answer.Expand()
		check(L, err)
		l.templated(L, answer)
		return answer
	}
	L.RaiseError("a %s is not a handler; expected a pool's name, an action such as route.proxy(…), a response table, or a function", v.Type())
	return nil
}

// keep notes a function that requests will call.
func (l *load) keep(L *lua.LState, fn *lua.LFunction) (ref vm.Ref, at origin.Origin) {
	if fn.IsG {
		L.RaiseError("a library function cannot be used here; wrap it in function(req, res) … end")
	}
	return l.builder.Keep(fn), origin.Origin{
		Script: fn.Proto.SourceName, Line: fn.Proto.LineDefined, Kind: "function",
	}
}

// Keep notes a function that is called after the load, without a request.
func Keep(L *lua.LState, fn *lua.LFunction) (vm.Ref, origin.Origin) {
	return loading(L, "a function is kept").keep(L, fn)
}

// middlewareArgs returns the middleware that the arguments are.
func (l *load) middlewareArgs(L *lua.LState) []chiproxy.Middleware {
	if L.GetTop() == 0 {
		L.RaiseError("expected middleware: functions, or route.handler(…)")
	}
	all := make([]chiproxy.Middleware, 0, L.GetTop())
	for i := 1; i <= L.GetTop(); i++ {
		all = append(all, l.middleware(L, L.Get(i)))
	}
	return all
}

// middleware returns the middleware that a value stands for. A function of three parameters wraps what is inside; one with
// fewer runs before it.
func (l *load) middleware(L *lua.LState, v lua.LValue) chiproxy.Middleware {
	switch v := v.(type) {
	case *lua.LFunction:
		ref, origin := l.keep(L, v)
		switch {
		case v.Proto.IsVarArg != 0:
			L.RaiseError("middleware at %s takes any number of arguments; write function(req, res) to run before, "+
				"or function(req, res, next) to wrap", origin)
		case v.Proto.NumParameters > 3:
			L.RaiseError("middleware at %s has %d parameters; expected (req, res) or (req, res, next)", origin, v.Proto.NumParameters)
		case v.Proto.NumParameters == 3:
			return l.result.VMs.Wrapper(ref, origin)
		}
		return l.result.VMs.Middleware(ref, origin)
	case *lua.LUserData:
		if mw, ok := v.Value.(hook.Middleware); ok {
			return mw.AsMiddleware()
		}
		if action, ok := v.Value.(hook.Action); ok {
			if mw, ok := action.Action.(chiproxy.Middleware); ok {
				return mw
			}
			L.RaiseError("this action is not middleware; expected a function or route.handler(…)")
		}
	}
	L.RaiseError("a %s is not middleware; expected a function or route.handler(…)", v.Type())
	return nil
}

// export is route.export(name, fn): any reverse_proxy may ask fn.
func export(r *router, L *lua.LState) int {
	name, fn := L.CheckString(1), L.CheckFunction(2)
	switch {
	case r.load.options.Capabilities != nil || !r.root:
		L.RaiseError("route.export belongs at the root of the default tenant's script: the Caddyfile names its functions")
	case name == "" || strings.ContainsAny(name, "@ \t\r\n"):
		L.RaiseError("route.export: the name is %q; expected one without spaces and @, behind which an instance is named", script.Clip(name))
	}
	if first, taken := r.load.result.Exports[name]; taken {
		L.RaiseError("route.export: the name %q is taken, first at %s", name, first.Origin)
	}
	ref, at := r.load.keep(L, fn)
	if r.load.result.Exports == nil {
		r.load.result.Exports = map[string]chiproxy.Export{}
	}
	r.load.result.Exports[name] = r.load.result.VMs.Export(ref, at)
	return 0
}

// certificate is route.certificate(fn): fn decides which names get certificates.
func certificate(r *router, L *lua.LState) int {
	fn := L.CheckFunction(1)
	switch {
	case r.load.options.Capabilities != nil:
		check(L, r.load.options.Capabilities.Certificates())
	case !r.root:
		L.RaiseError("route.certificate belongs at the root of the default tenant's script: it decides about the hosts of all tenants")
	}
	if r.load.result.Certifier != nil {
		L.RaiseError("route.certificate is called twice, first at %s; one function decides", r.load.certifierAt)
	}
	ref, origin := r.load.keep(L, fn)
	r.load.result.Certifier, r.load.certifierAt = r.load.result.VMs.Certifier(ref, origin), here(L, "certificate", "")
	return 0
}
