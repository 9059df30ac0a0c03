package gopher

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// boxed is a string of Lua: its header, and the room for its bytes.
type boxed[room any] struct {
	head lua.LString
	text room
}

// Text returns a string with a copy of the bytes. Go makes two objects for a string in an interface, its header and its bytes; here those of
// a short one are one.
func Text(b []byte) lua.LValue {
	switch n := len(b); {
	case n == 0:
		return lua.LString("")
	case n <= 16:
		box := new(boxed[[16]byte])
		return filled(&box.head, box.text[:], b)
	case n <= 48:
		box := new(boxed[[48]byte])
		return filled(&box.head, box.text[:], b)
	case n <= 112:
		box := new(boxed[[112]byte])
		return filled(&box.head, box.text[:], b)
	}
	return lua.LString(b)
}

// filled returns the string whose header and room are given.
func filled(head *lua.LString, room, b []byte) lua.LValue {
	n := copy(room, b)
	*head = lua.LString(unsafe.String(&room[0], n))
	v := lua.LValue(lua.LString(""))
	(*words)(unsafe.Pointer(&v)).data = unsafe.Pointer(head)
	return v
}
