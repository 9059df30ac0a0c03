package request

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// heldStrings is how many strings a request holds for scripts. A decision rarely reads more.
const heldStrings = 8

// text returns a string as a Lua value. Go allocates the string's header for each such value; the first ones find room
// in the request itself, which was allocated in one piece.
func (r *Request) text(s string) lua.LValue {
	if r.used == heldStrings {
		return lua.LString(s)
	}
	p := &r.strings[r.used]
	r.used++
	*p = lua.LString(s)
	return gopher.String(p)
}

// first returns the first of some values, or nil.
func (r *Request) first(values []string) lua.LValue {
	if len(values) == 0 {
		return lua.LNil
	}
	return r.text(values[0])
}
