package vm

import (
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
