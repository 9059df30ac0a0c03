package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// concat carries out `..`: all operands of a chain at once. gopher-lua's own instruction has no limit: thirty doublings of a
// string would take all memory within microseconds.
func concat(L *lua.LState, f *gopher.Frame, code uint32) {
	first, last := gopher.B(code), gopher.C(code)
	size := 0
	for i := first; i <= last; i++ {
		switch v := f.Register(L, i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 24 // more than any number needs
		default:
			f.SetRegister(L, gopher.A(code), concatMeta(L, f, first, last))
			return
		}
	}
	ChargeString(L, size)
	out := make([]byte, 0, size)
	for i := first; i <= last; i++ {
		switch v := f.Register(L, i).(type) {
		case lua.LString:
			out = append(out, v...)
		case lua.LNumber:
			out = value.AppendNumber(out, float64(v))
		}
	}
	f.SetRegister(L, gopher.A(code), lua.LString(out))
}

// concatMeta joins two by two from the right, as Lua does, because an operand may have __concat.
func concatMeta(L *lua.LState, f *gopher.Frame, first, last int) lua.LValue {
	right := f.Register(L, last)
	for i := last - 1; i >= first; i-- {
		left := f.Register(L, i)
		one, ok1 := value.String(left)
		two, ok2 := value.String(right)
		if ok1 && ok2 {
			ChargeString(L, len(one)+len(two))
			right = lua.LString(one + two)
			continue
		}
		join := L.GetMetaField(left, "__concat")
		if join == lua.LNil {
			join = L.GetMetaField(right, "__concat")
		}
		f.SetRegister(L, i+1, right) // where it is held while the function runs
		if join == lua.LNil {
			if ok1 {
				i++
			}
			L.RaiseError("%s", frame{f, L}.typeError("concatenate", i))
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
