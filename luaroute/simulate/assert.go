package simulate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// nameAssert is what tests for busted call. In files of tests it is a table that can be called: the function of Lua with the few of luassert
// that most tests use. Editors know the function, which is there in all scripts.
const nameAssert = "assert"

// assertion is a function of assert.
type assertion func(L *lua.LState) error

var (
	assertions = map[string]assertion{
		"is_true": isTrueArgument, "is_false": isFalseArgument, "is_nil": isNilArgument, "has_error": hasError,
	}
	areAssertions = map[string]assertion{"equal": areEqual, "same": areSame}
)

// newAssert returns assert.
func newAssert() *lua.LTable {
	are := assertTable(nameAssert+".are", areAssertions, gopher.NewTable(0, len(areAssertions)), nil)
	own := gopher.NewTable(0, 1+len(assertions))
	own.RawSetString("are", are)
	return assertTable(nameAssert, assertions, own, vm.GoFunc(func(L *lua.LState) int {
		L.Remove(1) // the table
		return luaAssert(L)
	}))
}

// assertTable puts functions into a table, of which another field is an error that names them.
func assertTable(name string, functions map[string]assertion, table *lua.LTable, call *lua.LFunction) *lua.LTable {
	for key, holds := range functions {
		table.RawSetString(key, vm.GoFunc(func(L *lua.LState) int {
			if err := holds(L); err != nil {
				raise(L, err)
			}
			return 0
		}))
	}
	var names []string
	table.ForEach(func(k, _ lua.LValue) { names = append(names, k.String()) })
	slices.Sort(names)
	meta := gopher.NewTable(0, 3)
	meta.RawSetString("__metatable", lua.LString(name))
	meta.RawSetString("__index", vm.GoFunc(func(L *lua.LState) int {
		L.RaiseError("%s has no field %q; it has %s, and expect(v) has more", name, L.Get(2).String(), strings.Join(names, ", "))
		return 0
	}))
	if call != nil {
		meta.RawSetString("__call", call)
	}
	table.Metatable = meta
	return table
}

// luaAssert is assert(v, message, …) of Lua.
func luaAssert(L *lua.LState) int {
	if L.CheckAny(1); lua.LVAsBool(L.Get(1)) {
		return L.GetTop()
	}
	message := L.Get(2)
	if L.GetTop() < 2 {
		message = lua.LString("assertion failed!")
	}
	L.Error(message, 0)
	return 0
}

func areEqual(L *lua.LState) error {
	want, found := L.CheckAny(1), L.CheckAny(2)
	if L.Equal(want, found) {
		return nil
	}
	return failed(inspect(found), inspect(want))
}

func areSame(L *lua.LState) error {
	want, found := L.CheckAny(1), L.CheckAny(2)
	return same(L, found, want)
}

func isTrueArgument(L *lua.LState) error { return isTrue(L, L.CheckAny(1)) }

func isFalseArgument(L *lua.LState) error {
	if v := L.CheckAny(1); v != lua.LFalse {
		return failed(inspect(v), "false")
	}
	return nil
}

func isNilArgument(L *lua.LState) error { return isNil(L, L.CheckAny(1)) }

// placed is what error puts before a message.
var placed = regexp.MustCompile(`^[^\n]*?:\d+: `)

// hasError is assert.has_error(fn, message).
func hasError(L *lua.LState) error {
	fn, want := L.CheckFunction(1), L.Get(2)
	raised, ok := errorOf(L, fn)
	if !ok {
		return failed("no error", "an error")
	}
	if want == lua.LNil {
		return nil
	}
	text := errorText(raised)
	if s, isText := want.(lua.LString); isText && (text == string(s) || placed.ReplaceAllString(text, "") == string(s)) {
		return nil
	}
	if _, _, _, equal := compare(L, raised, want); equal {
		return nil
	}
	if raised.Type() != lua.LTTable {
		raised = lua.LString(text)
	}
	return failed(fmt.Sprintf("the error %s", inspect(raised)), inspect(want))
}
