package gopher

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Address identifies an object by where it is in memory. An object lives as long as its Address.
type Address unsafe.Pointer

// AddressOf returns the address of an object.
func AddressOf[T any](p *T) Address { return Address(p) }

// ValueAddress returns the address of a table, function, userdata or thread, or of what Go has allocated for a number or a string.
func ValueAddress(v lua.LValue) Address { return Address((*words)(unsafe.Pointer(&v)).data) }

// TextAddress returns the address of the bytes of a string.
func TextAddress(s string) Address { return Address(unsafe.StringData(s)) }

// Block returns the block of memory that an address is in. The size of blocks is a power of two.
func Block(a Address, size uintptr) uintptr { return uintptr(a) &^ (size - 1) }

// words is how Go lays out an interface value.
type words struct{ kind, data unsafe.Pointer }

// String returns a string as a value without an allocation. The value points to s, which must never be written again.
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

// NewTable returns an empty table with exactly the room that is asked for. Without that, gopher-lua makes room for 32 fields.
func NewTable(array, fields int) *lua.LTable { return (*lua.LState)(nil).CreateTable(array, fields) }
