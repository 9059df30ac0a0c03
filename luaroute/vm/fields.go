package vm

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Fields is a value of userdata whose fields are read without a call. Lua does it through a function of the metatable, with a
// call frame and registers of its own, which takes longer than most of what the function does; a decision is little else.
type Fields interface {
	// Field returns a field of a userdata with this value. It must not raise an error, and returns nil for whatever only
	// the function of the metatable can answer or refuse.
	Field(of *lua.LUserData, name string) lua.LValue
}

// readField carries out an OP_GETTABLE on such a value. It returns false for all others.
func readField(L *lua.LState, f *callFrame, code uint32) bool {
	registry := *at[unsafe.Pointer](unsafe.Pointer(L), layout.registry)
	registers := (*at[[]lua.LValue](registry, layout.values))[f.LocalBase:]
	data, ok := registers[code&0x1ff].(*lua.LUserData)
	if !ok {
		return false
	}
	fields, ok := data.Value.(Fields)
	if !ok {
		return false
	}
	name, ok := f.operand(L, code>>9).(lua.LString)
	if !ok {
		return false
	}
	into := int(code >> 18 & 0xff)
	if into >= len(registers) {
		return false // gopher-lua has to make room
	}
	v := fields.Field(data, string(name))
	if v == nil {
		return false
	}
	registers[into] = v
	top := at[int](registry, layout.top)
	*top = max(*top, f.LocalBase+into+1)
	return true
}
