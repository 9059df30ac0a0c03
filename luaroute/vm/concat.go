package vm

import (
	lua "github.com/yuin/gopher-lua"
)

// concat carries out `..`: all operands of a chain at once. gopher-lua's own instruction has no limit: thirty doublings of a
// string would take all memory within microseconds.
func (f *callFrame) concat(L *lua.LState, code uint32) {
	first, last := int(code&maxB), int(code>>cShift&maxB)
	size := 0
	for i := first; i <= last; i++ {
		switch v := f.register(L, i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 24 // more than any number needs
		default:
			f.setRegister(L, int(code>>aShift&maxA), f.concatMeta(L, first, last))
			return
		}
	}
	charge(L, size)
	out := make([]byte, 0, size)
	for i := first; i <= last; i++ {
		switch v := f.register(L, i).(type) {
		case lua.LString:
			out = append(out, v...)
		case lua.LNumber:
			out = appendNumber(out, float64(v))
		}
	}
	f.setRegister(L, int(code>>aShift&maxA), lua.LString(out))
}

// concatMeta joins two by two from the right, as Lua does, because an operand may have __concat.
func (f *callFrame) concatMeta(L *lua.LState, first, last int) lua.LValue {
	right := f.register(L, last)
	for i := last - 1; i >= first; i-- {
		left := f.register(L, i)
		one, ok1 := stringOf(left)
		two, ok2 := stringOf(right)
		if ok1 && ok2 {
			charge(L, len(one)+len(two))
			right = lua.LString(one + two)
			continue
		}
		join := L.GetMetaField(left, "__concat")
		if join == lua.LNil {
			join = L.GetMetaField(right, "__concat")
		}
		f.setRegister(L, i+1, right) // where it is held while the function runs
		if join == lua.LNil {
			if ok1 {
				i++
			}
			L.RaiseError("%s", f.typeError(L, "concatenate", i))
		}
		L.Push(join)
		L.Push(left)
		L.Push(right)
		L.Call(2, 1)
		right = L.Get(-1)
		L.Pop(1)
	}
	return right
}
