package vm

import (
	"math/bits"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// MaxString is the size of the largest string that a script may make, in bytes.
const MaxString = 16 << 20

// ChargeString is Charge and Spend for a string that a Go function is about to make. It raises an error of Lua if that is too large.
func ChargeString(L *lua.LState, size int) {
	CheckSize(L, size)
	Charge(L, valueSize+size)
	if size >= 64 {
		Spend(L, size/64)
	}
}

// CheckSize raises an error of Lua if a string of so many bytes is too large for scripts.
func CheckSize(L *lua.LState, size int) {
	if size > MaxString {
		L.RaiseError("the string is too large: %d bytes; allowed are %d", size, MaxString)
	}
}

// SortNames sorts names, and counts the time that it takes before it takes it: with all that two long ones have in common, too.
func SortNames(L *lua.LState, names []string) {
	size := 0
	for _, name := range names {
		size += len(name)
	}
	Spend(L, 4*len(names)+size/64*bits.Len(uint(len(names))))
	slices.Sort(names)
}

// SpendReading counts the time that it takes to read a value, before it is read: a string, or all that is in a table.
func SpendReading(L *lua.LState, v lua.LValue) { spendReading(L, v, readDepth) }

// SpendArguments is SpendReading for all arguments of a function.
func SpendArguments(L *lua.LState) {
	for i := 1; i <= L.GetTop(); i++ {
		spendReading(L, L.Get(i), readDepth)
	}
}

// readDepth is how deep tables are read in one another.
const readDepth = 4

func spendReading(L *lua.LState, v lua.LValue, depth int) {
	switch v := v.(type) {
	case lua.LString:
		if len(v) >= 64 {
			Spend(L, len(v)/64)
		}
	case *lua.LTable:
		Spend(L, 1+(Length(L, v)+len(gopher.Keys(v)))/8)
		if depth == 0 {
			return
		}
		v.ForEach(func(k, v lua.LValue) {
			spendReading(L, k, 0)
			spendReading(L, v, depth-1)
		})
	}
}

// Text returns a string of Lua with the bytes given: one allocation if there are few.
func Text(b []byte) lua.LValue { return gopher.Text(b) }

// Part returns a part of a string. A small part of a large string gets its own memory: a script that keeps it must not keep
// the whole.
func Part(s string, from, to int) string {
	if to-from < len(s)/2 {
		return strings.Clone(s[from:to])
	}
	return s[from:to]
}
