package simulate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// nameAssert is what tests for busted call. In files of tests it is a table that can be called: the function of Lua with the few of luassert
// that most tests use.
const nameAssert = "assert"

// assertion is a function of assert.
type assertion struct {
	holds func(L *lua.LState) error
	doc   vm.Doc
}

var (
	assertions = []assertion{
		{isTrueArgument, vm.Doc{Name: "is_true", Args: "value: any", Text: "fails unless the value is `true`"}},
		{isFalseArgument, vm.Doc{Name: "is_false", Args: "value: any", Text: "fails unless the value is `false`"}},
		{isNilArgument, vm.Doc{Name: "is_nil", Args: "value: any", Text: "fails unless the value is nil"}},
		{hasError, vm.Doc{
			Name: "has_error", Args: "fn: fun(), error?: any",
			Text: "fails unless calling the function is an error: that one, if it is given; a text may lack the place",
		}},
	}
	areAssertions = []assertion{
		{areEqual, vm.Doc{Name: "equal", Args: "expected: any, value: any", Text: "fails unless both are the same value"}},
		{areSame, vm.Doc{Name: "same", Args: "expected: any, value: any", Text: "fails unless both are the same value, or tables with equal keys and values"}},
	}
)

// assertClasses describes assert in files of tests: a table, which can be called as the function of all scripts can.
func assertClasses() []vm.Class {
	fields := func(all []assertion) (docs []vm.Doc) {
		for _, a := range all {
			docs = append(docs, vm.Doc{Name: a.doc.Name, Type: "fun(" + a.doc.Args + ")", Text: a.doc.Text})
		}
		return docs
	}
	const link = "testing.md#tests-for-busted"
	are := vm.Doc{Name: "are", Type: "luaroute.AssertAre", Text: "assertions that compare two values"}
	return []vm.Class{
		{Name: "luaroute.Assert", Link: link, Text: "assertions as those of luassert", Fields: append(fields(assertions), are)},
		{Name: "luaroute.AssertAre", Link: link, Text: "assertions that compare two values", Fields: fields(areAssertions)},
	}
}

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
func assertTable(name string, functions []assertion, table *lua.LTable, call *lua.LFunction) *lua.LTable {
	for _, f := range functions {
		table.RawSetString(f.doc.Name, vm.GoFunc(func(L *lua.LState) int {
			if err := f.holds(L); err != nil {
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
	return failed(value.Inspect(found), value.Inspect(want))
}

func areSame(L *lua.LState) error {
	want, found := L.CheckAny(1), L.CheckAny(2)
	return same(L, found, want)
}

func isTrueArgument(L *lua.LState) error { return isTrue(L, L.CheckAny(1)) }

func isFalseArgument(L *lua.LState) error {
	if v := L.CheckAny(1); v != lua.LFalse {
		return failed(value.Inspect(v), "false")
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
	return failed(fmt.Sprintf("the error %s", value.Inspect(raised)), value.Inspect(want))
}
