package request

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Field returns what most scripts read, as the metatables do: the methods of req and res, the plain fields of req, params and headers. What
// has to be parsed costs work, which may end a budget, so only the metatables' functions return that.
func (r *Request) Field(of *lua.LUserData, name string) lua.LValue {
	if r.ex == nil {
		return nil
	}
	switch of {
	case &r.req:
		if fn, ok := reqFunctions[name]; ok {
			return fn
		}
		return r.plainField(name)
	case &r.res:
		if fn, ok := resFunctions[name]; ok {
			return fn
		}
	case &r.params:
		return paramsGet(r, nil, name)
	case &r.headers:
		return headersGet(r, nil, name)
	}
	return nil
}

// plainField returns the fields of req that cannot fail.
func (r *Request) plainField(name string) lua.LValue {
	switch name {
	case "method", "path", "host", "params", "headers", "query", "cookies":
		return reqField(r, nil, name)
	}
	return nil
}

// Interface guard
var _ vm.Fields = (*Request)(nil)
