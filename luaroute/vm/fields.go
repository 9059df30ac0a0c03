package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Fields is a value of userdata whose fields are read without a call. Lua does it through a function of the metatable, with a
// call frame and registers of its own, which takes longer than most of what the function does; a decision is little else.
type Fields interface {
	// Field returns a field of a userdata with this value. It must not raise an error, and returns nil for whatever only
	// the function of the metatable can answer or refuse.
	Field(of *lua.LUserData, name string) lua.LValue
}

// readField carries out an OP_GETTABLE on such a value. It returns false for all others.
func readField(L *lua.LState, f *gopher.Frame, code uint32) bool {
	registers := f.Registers(L)
	data, ok := registers[gopher.B(code)].(*lua.LUserData)
	if !ok {
		return false
	}
	fields, ok := data.Value.(Fields)
	if !ok {
		return false
	}
	name, ok := f.Operand(L, gopher.C(code)).(lua.LString)
	if !ok {
		return false
	}
	into := gopher.A(code)
	if into >= len(registers) {
		return false // gopher-lua has to make room
	}
	v := fields.Field(data, string(name))
	if v == nil {
		return false
	}
	f.SetRegister(L, into, v)
	return true
}
