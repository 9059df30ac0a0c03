package hook

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

// tryTable is a try as scripts see it.
func tryTable(L *lua.LState, t *pool.Try) *lua.LTable {
	out := L.CreateTable(0, 7)
	if t.Err != nil {
		out.RawSetString("error", lua.LString(chiproxy.BrokenTrip(t.Err)))
	} else {
		out.RawSetString("status", lua.LNumber(t.Status))
		headers := L.CreateTable(0, len(t.Header))
		for name, values := range t.Header {
			if len(values) > 0 {
				headers.RawSetString(name, lua.LString(values[0]))
			}
		}
		headers.Metatable = tryHeadersType
		out.RawSetString("headers", headers)
	}
	out.RawSetString("upstream", lua.LString(t.Upstream))
	out.RawSetString("number", lua.LNumber(t.Number))
	if t.Left >= 0 {
		out.RawSetString("left", lua.LNumber(t.Left))
	}
	out.RawSetString("elapsed", lua.LNumber(t.Elapsed.Seconds()))
	return out
}
