package gopher

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

func at[T any](p unsafe.Pointer, offset uintptr) *T { return (*T)(unsafe.Add(p, offset)) }

// Array returns the array part of a table, with nil for elements that were removed.
func Array(t *lua.LTable) []lua.LValue {
	return *at[[]lua.LValue](unsafe.Pointer(t), layout.array)
}

// Keys returns the other keys of a table, in the order of next, including those of removed fields.
func Keys(t *lua.LTable) []lua.LValue {
	return *at[[]lua.LValue](unsafe.Pointer(t), layout.keys)
}

// Fields returns the fields of a table that are not in its array: those whose keys are strings, and the others.
func Fields(t *lua.LTable) (map[string]lua.LValue, map[lua.LValue]lua.LValue) {
	p := unsafe.Pointer(t)
	return *at[map[string]lua.LValue](p, layout.strings), *at[map[lua.LValue]lua.LValue](p, layout.others)
}

func registry(L *lua.LState) unsafe.Pointer {
	return *at[unsafe.Pointer](unsafe.Pointer(L), layout.registry)
}

// Registers returns the registers of a thread that are in use, and how many it has room for.
func Registers(L *lua.LState) ([]lua.LValue, int) {
	values, top := registers(L)
	return values[:top], len(values)
}

func registers(L *lua.LState) (values []lua.LValue, top int) {
	r := registry(L)
	values = *at[[]lua.LValue](r, layout.values)
	return values, min(*at[int](r, layout.top), len(values))
}

// DropRegisters frees the registers of a thread in which nothing will run.
func DropRegisters(L *lua.LState) { *at[[]lua.LValue](registry(L), layout.values) = nil }

// SetNames fills in the names that instructions of a program read: those of its constants that are strings.
func SetNames(program *lua.FunctionProto) {
	names := make([]string, len(program.Constants))
	for i, c := range program.Constants {
		if s, ok := c.(lua.LString); ok {
			names[i] = string(s)
		}
	}
	*at[[]string](unsafe.Pointer(program), layout.names) = names
}
