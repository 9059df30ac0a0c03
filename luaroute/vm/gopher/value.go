package gopher

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Address says where something is. Two addresses are the same if they are of one thing, which lives as long as its address.
type Address unsafe.Pointer

// AddressOf returns where a thing is.
func AddressOf[T any](p *T) Address { return Address(p) }

// ValueAddress returns where a value is: a table, function, userdata or thread itself, of a number or a string what Go has allocated
// for it.
func ValueAddress(v lua.LValue) Address { return Address((*words)(unsafe.Pointer(&v)).data) }

// TextAddress returns where the bytes of a string are.
func TextAddress(s string) Address { return Address(unsafe.StringData(s)) }

// Block returns which block of memory an address is in, if each has so many bytes; that is a power of two.
func Block(a Address, size uintptr) uintptr { return uintptr(a) &^ (size - 1) }

// words is how Go lays out an interface value.
type words struct{ kind, data unsafe.Pointer }

// String returns a string as a value that Go allocates nothing for: it stays in s, which must never be written again.
func String(s *lua.LString) lua.LValue {
	v := lua.LValue(lua.LString(""))
	(*words)(unsafe.Pointer(&v)).data = unsafe.Pointer(s)
	return v
}

// Functions returns the functions of a library of gopher-lua by their names.
func Functions(open lua.LGFunction) map[string]lua.LGFunction {
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer L.Close()
	L.Push(L.NewFunction(open))
	L.Call(0, 1)
	all := map[string]lua.LGFunction{}
	L.Get(-1).(*lua.LTable).ForEach(func(k, v lua.LValue) {
		if fn, ok := v.(*lua.LFunction); ok {
			all[k.String()] = fn.GFunction
		}
	})
	return all
}

// NewTable returns an empty table with room for exactly what is going to be in it. Without that, gopher-lua makes room for 32 fields.
func NewTable(array, fields int) *lua.LTable { return (*lua.LState)(nil).CreateTable(array, fields) }
