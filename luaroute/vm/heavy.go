package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// A step is one instruction, and most take some 50 ns. A few take as long as a string or a table is large: to compare two
// strings of 16 MiB takes milliseconds, and so does `t[1000000] = 1` for an empty table. A script that
// does nothing else would run a thousand times as long as its budget says. So these instructions are counted for what
// they do.

const (
	// longKey is the length of a string from which on it counts how long it takes to compare or to hash.
	longKey = 256
	// farIndex is the index of a table from which on it counts how many places it adds.
	farIndex = 256
	// errorSteps is what each call costs that an error's trace lists.
	errorSteps = 5
)

// weighed are the instructions that may be heavy, and those that are carried out in another way, for tail calls and `..`; a bit
// for each.
const weighed = 1<<lua.OP_EQ | 1<<lua.OP_LT | 1<<lua.OP_LE | 1<<lua.OP_LEN | 1<<lua.OP_GETTABLE | 1<<lua.OP_SETTABLE |
	1<<lua.OP_TAILCALL | 1<<lua.OP_CONCAT

// workOf returns what an instruction counts for beyond one step.
func workOf(L *lua.LState, f *gopher.Frame, code uint32) int {
	switch gopher.Op(code) {
	case lua.OP_EQ, lua.OP_LT, lua.OP_LE:
		if s, ok := f.Operand(L, gopher.B(code)).(lua.LString); ok && len(s) >= longKey {
			return textWork(string(s), f.Operand(L, gopher.C(code)))
		}
	case lua.OP_LEN:
		if t, ok := f.Operand(L, gopher.B(code)).(*lua.LTable); ok {
			return tailWork(t)
		}
	case lua.OP_GETTABLE:
		return keyWork(f.Operand(L, gopher.C(code)))
	case lua.OP_SETTABLE:
		switch key := f.Operand(L, gopher.B(code)).(type) {
		case lua.LNumber:
			if key >= farIndex {
				if t, ok := f.Register(L, gopher.A(code)).(*lua.LTable); ok {
					return gapWork(L, t, key)
				}
			}
		case lua.LString:
			return keyWork(key)
		}
	}
	return 0
}

// keyWork is the work of looking for a key.
func keyWork(key lua.LValue) int {
	if s, ok := key.(lua.LString); ok && len(s) >= longKey {
		return len(s) / 64
	}
	return 0
}

// textWork is the work of comparing a string: gopher-lua does it byte by byte.
func textWork(s string, other lua.LValue) int {
	if o, ok := other.(lua.LString); ok {
		return min(len(s), len(o)) / 32
	}
	return 0
}

// tailWork is the work of looking for the end of a list: gopher-lua goes over the places behind it where nothing is any
// more.
func tailWork(t *lua.LTable) int {
	array := gopher.Array(t)
	if len(array) < farIndex || array[len(array)-1] != lua.LNil {
		return 0
	}
	return (len(array) - t.Len()) / 16
}

// gapWork is the work of an assignment far behind the end of a list, which fills all places before it. Their memory is
// counted, too.
func gapWork(L *lua.LState, t *lua.LTable, key lua.LNumber) int {
	if key >= maxArrayIndex {
		return 0
	}
	array := gopher.Array(t)
	places := int(key) - len(array)
	if places <= farIndex {
		return 0
	}
	Charge(L, max(int(key)-cap(array), 0)*valueSize)
	return places / 8
}
