package vm

import (
	lua "github.com/yuin/gopher-lua"
)

// concat is the `..` of compiled scripts: all operands of a chain at once.
func concat(L *lua.LState) int {
	n := L.GetTop()
	size := 0
	for i := 1; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 24 // more than any number needs
		default:
			L.Push(concatMeta(L, n))
			return 1
		}
	}
	charge(L, size)
	out := make([]byte, 0, size)
	for i := 1; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			out = append(out, v...)
		case lua.LNumber:
			out = appendNumber(out, float64(v))
		}
	}
	L.Push(lua.LString(out))
	return 1
}

// concatMeta joins two by two from the right, as Lua does, because an operand may have __concat.
func concatMeta(L *lua.LState, n int) lua.LValue {
	right := L.Get(n)
	for i := n - 1; i >= 1; i-- {
		left := L.Get(i)
		first, ok1 := stringOf(left)
		second, ok2 := stringOf(right)
		if ok1 && ok2 {
			charge(L, len(first)+len(second))
			right = lua.LString(first + second)
			continue
		}
		hold(L, len(second))
		right = callConcat(L, left, right)
		release(L, len(second))
	}
	return right
}

func callConcat(L *lua.LState, left, right lua.LValue) lua.LValue {
	join := L.GetMetaField(left, "__concat")
	if join == lua.LNil {
		join = L.GetMetaField(right, "__concat")
	}
	if join == lua.LNil {
		bad := left
		if lua.LVCanConvToString(left) {
			bad = right
		}
		L.RaiseError("attempt to concatenate a %s value", bad.Type())
	}
	L.Push(join)
	L.Push(left)
	L.Push(right)
	L.Call(2, 1)
	v := L.Get(-1)
	L.Pop(1)
	return v
}
