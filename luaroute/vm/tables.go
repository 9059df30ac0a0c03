package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// How Go functions use the tables of scripts. Scripts see the globals and the tables of libraries through empty ones, and some
// operations of gopher-lua take time in proportion to the size of a table. These functions see through the former and count the latter.

// Readable returns the table to read for a table that a script handed in.
func Readable(L *lua.LState, t *lua.LTable) *lua.LTable {
	if t.Metatable == lua.LNil {
		return t
	}
	ro, table := readonlyOf(t)
	if ro == nil {
		return t
	}
	if ro.name == globals {
		Of(L).completeGlobals()
	}
	return table
}

// Writable returns a table that a script handed in, or raises an error if scripts cannot write it in this way.
func Writable(L *lua.LState, t *lua.LTable) *lua.LTable {
	if t.Metatable == lua.LNil {
		return t
	}
	if ro, _ := readonlyOf(t); ro != nil {
		L.RaiseError("%s cannot be changed this way", ro.name)
	}
	return t
}

// Length returns the length of a list.
func Length(L *lua.LState, t *lua.LTable) int {
	if steps := tailWork(t); steps > 0 {
		Spend(L, steps)
	}
	return t.Len()
}

// Next returns the field after another one, in the order of the function next.
func Next(L *lua.LState, table *lua.LTable, from lua.LValue) (k, v lua.LValue) {
	table = Readable(L, table)
	k, v = next(L, table, from)
	if k == lua.LString(script.GlobalsName) {
		k, v = next(L, table, k)
	}
	return k, v
}

// next is counted for the keys that it skips: gopher-lua keeps those of fields that are nil again.
func next(L *lua.LState, t *lua.LTable, from lua.LValue) (k, v lua.LValue) {
	k, v = t.Next(from)
	skipped := 0
	if at, ok := from.(lua.LNumber); ok || from == lua.LNil {
		to, ok := k.(lua.LNumber)
		if !ok {
			to = lua.LNumber(len(gopher.Array(t)))
		}
		skipped = int(value.Integer(float64(to - at)))
	}
	strings, others := gopher.Fields(t)
	skipped = max(skipped, 0) + len(gopher.Keys(t)) - len(strings) - len(others)
	if skipped >= farIndex {
		Spend(L, skipped/16)
	}
	return k, v
}

// RawGet returns a field without a metamethod.
func RawGet(L *lua.LState, table *lua.LTable, key lua.LValue) lua.LValue {
	if ro, _ := readonlyOf(table); ro != nil && ro.name == globals {
		return L.GetTable(table, key) // a global may not be copied yet
	}
	return Readable(L, table).RawGet(key)
}

// RawSet assigns a field without a metamethod, or raises the error of an assignment to a table that is read-only while requests run.
func RawSet(L *lua.LState, table *lua.LTable, key, value lua.LValue) {
	if ro, _ := readonlyOf(table); ro != nil {
		assign(L, table, key, value)
		return
	}
	if n, ok := key.(lua.LNumber); ok {
		Spend(L, gapWork(L, table, n))
	}
	Spend(L, keyWork(key))
	L.RawSet(table, key, value)
}

// LessThan compares two values as < does.
func LessThan(L *lua.LState, a, b lua.LValue) bool {
	if s, ok := a.(lua.LString); ok && len(s) >= longKey {
		Spend(L, textWork(string(s), b))
	}
	return L.LessThan(a, b)
}
