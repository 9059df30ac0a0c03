package gopher

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Frame is a call that is running or waits for one that it made.
type Frame struct {
	Idx                         int // how many calls it is nested in
	Fn                          *lua.LFunction
	Parent                      *Frame // that of the caller
	Pc                          int    // the next instruction
	Base, LocalBase, ReturnBase int
	NArgs, NRet, TailCall       int
}

// Running returns the frame of the function that runs in a thread, or nil if none does.
func Running(L *lua.LState) *Frame { return *RunningIn(L) }

// RunningIn returns the address of the field in which a thread keeps the frame of the function that runs.
func RunningIn(L *lua.LState) **Frame { return at[*Frame](unsafe.Pointer(L), layout.frame) }

// Depth returns how many calls are nested in a thread.
func Depth(L *lua.LState) int {
	if f := Running(L); f != nil {
		return f.Idx + 1
	}
	return 0
}

// Arguments returns the arguments of the Go function that runs in a thread.
func Arguments(L *lua.LState) []lua.LValue {
	f := Running(L)
	if f == nil {
		return nil
	}
	values, top := registers(L)
	return values[min(f.LocalBase, top):top]
}

// Registers returns the registers of a frame, followed by all others that the thread has room for.
func (f *Frame) Registers(L *lua.LState) []lua.LValue {
	return (*at[[]lua.LValue](registry(L), layout.values))[f.LocalBase:]
}

// Register returns a register.
func (f *Frame) Register(L *lua.LState, i int) lua.LValue {
	return (*at[[]lua.LValue](registry(L), layout.values))[f.LocalBase+i]
}

// SetRegister puts a value into a register of a Lua function.
func (f *Frame) SetRegister(L *lua.LState, i int, v lua.LValue) {
	r := registry(L)
	(*at[[]lua.LValue](r, layout.values))[f.LocalBase+i] = v
	top := at[int](r, layout.top)
	*top = max(*top, f.LocalBase+i+1)
}

// Operand returns the value of an operand of an instruction: a register or a constant.
func (f *Frame) Operand(L *lua.LState, operand int) lua.LValue {
	if operand&ConstantBit != 0 {
		return f.Fn.Proto.Constants[operand&^ConstantBit]
	}
	return f.Register(L, operand)
}

// Line returns the line that a Lua function is executing.
func (f *Frame) Line() int { return f.Fn.Proto.DbgSourcePositions[max(f.Pc-1, 0)] }
