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
					return placesWork(L, t, key)
				}
			}
		case lua.LString:
			return keyWork(key)
		}
	}
	return 0
}

// argumentWork is what a Go function counts for at least: it may read all of its arguments, before it fails even.
func argumentWork(L *lua.LState) int {
	arguments := gopher.Arguments(L)
	steps := len(arguments) / 16
	for _, v := range arguments {
		if s, ok := v.(lua.LString); ok && len(s) >= longKey {
			steps += len(s) / 64
		}
	}
	return steps
}

// slowness says how many times as long as usual an instruction may take: those that make and close functions go over the
// captured variables of all calls that run.
func (s *State) slowness() int {
	L := s.L.G.CurrentThread
	if L == nil {
		return 1
	}
	registers, _ := gopher.Registers(L)
	return 1 + len(registers)/256
}

// traced counts an error: its trace lists all calls that run.
func traced(L *lua.LState) {
	if b, ok := L.Context().(*Budget); ok {
		b.left -= gopher.Depth(L) * errorSteps
	}
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

// length is the length of a list, counted for what it takes to find it.
func length(L *lua.LState, t *lua.LTable) int {
	if steps := tailWork(t); steps > 0 {
		Spend(L, steps)
	}
	return t.Len()
}

// placesWork is the work of an assignment far behind the end of a list, which fills all places before it. Their memory is
// counted, too.
func placesWork(L *lua.LState, t *lua.LTable, key lua.LNumber) int {
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

// nextOf is next, counted for the places that it skips: gopher-lua keeps the keys of fields that are nil again.
func nextOf(L *lua.LState, t *lua.LTable, from lua.LValue) (key, value lua.LValue) {
	key, value = t.Next(from)
	skipped := 0
	if at, ok := from.(lua.LNumber); ok || from == lua.LNil {
		to, ok := key.(lua.LNumber)
		if !ok {
			to = lua.LNumber(len(gopher.Array(t)))
		}
		skipped = int(toInteger(float64(to - at)))
	}
	strings, others := gopher.Fields(t)
	skipped = max(skipped, 0) + len(gopher.Keys(t)) - len(strings) - len(others)
	if skipped >= farIndex {
		Spend(L, skipped/16)
	}
	return key, value
}
