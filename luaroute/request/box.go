package request

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// boxed is how many strings a request holds for scripts. What a decision looks at is seldom more.
const boxed = 8

// words is how Go lays out an interface value.
type words struct{ kind, data unsafe.Pointer }

// text returns a string as a Lua value. Go allocates the string's header for each such value; the first ones find room
// in the request itself, which was allocated in one piece.
func (r *Request) text(s string) lua.LValue {
	if r.used == boxed {
		return lua.LString(s)
	}
	p := &r.strings[r.used]
	r.used++
	*p = lua.LString(s)
	v := lua.LValue(lua.LString(""))
	(*words)(unsafe.Pointer(&v)).data = unsafe.Pointer(p)
	return v
}

// first returns the first of some values, or nil.
func (r *Request) first(values []string) lua.LValue {
	if len(values) == 0 {
		return lua.LNil
	}
	return r.text(values[0])
}
