package simulate

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// subject is what expect(v) returns: a value that is to be compared.
type subject struct{ value lua.LValue }

// unmet is the error of an expectation.
type unmet struct{ text, found, expected string }

// Error says what was found, and what was expected.
func (e *unmet) Error() string { return e.text }

// expect is expect(v).
func expect(L *lua.LState) int {
	v := L.CheckAny(1)
	L.Push(&lua.LUserData{Value: &subject{v}, Metatable: subjectType})
	return 1
}

// raise raises the error of an expectation. It is an object, because a string that quotes another error with its place would be taken for
// that one.
func raise(L *lua.LState, err error) {
	L.Error(&lua.LUserData{Value: err, Metatable: unmetType}, 1)
}

// unmetType is the metatable of such errors, for scripts that catch one.
var unmetType = func() *lua.LTable {
	t := new(lua.LState).CreateTable(0, 2)
	t.RawSetString("__metatable", lua.LString("unmet"))
	t.RawSetString("__tostring", vm.GoFunc(func(L *lua.LState) int {
		L.Push(lua.LString(errorText(L.CheckUserData(1))))
		return 1
	}))
	return t
}()

// errorText is the message of a function's error.
func errorText(v lua.LValue) string {
	if u, ok := v.(*lua.LUserData); ok {
		if err, ok := u.Value.(error); ok {
			return err.Error()
		}
	}
	return lua.LVAsString(v)
}

// claim is a method of what expect returns. Its other arguments begin at 2.
type claim struct {
	do  func(L *lua.LState, v lua.LValue) error
	doc vm.Doc
}

var claims = []claim{
	{equals, vm.Doc{Name: "equals", Args: "x: any", Text: "the value is `x`; tables are equal if their keys and values are"}},
	{matches, vm.Doc{Name: "matches", Args: "pattern: string", Text: "the value is a string or number that matches a Lua pattern"}},
	{isNil, vm.Doc{Name: "is_nil", Text: "the value is nil"}},
	{isTrue, vm.Doc{Name: "is_true", Text: "the value is `true`"}},
	{fails, vm.Doc{Name: "fails", Args: "pattern?: string", Text: "calling the value is an error, whose message matches the pattern"}},
}

// subjectType is the metatable of subjects. It holds Go functions only and is shared by all states.
var subjectType = func() *lua.LTable {
	methods := new(lua.LState).CreateTable(0, len(claims))
	var names []string
	for _, c := range claims {
		name := c.doc.Name
		names = append(names, name)
		methods.RawSetString(name, vm.Method(func(L *lua.LState) int {
			d, ok := L.CheckUserData(1).Value.(*subject)
			if !ok {
				L.ArgError(1, "call it with a colon: expect(v):"+name+"(…)")
			}
			if err := c.do(L, d.value); err != nil {
				raise(L, err)
			}
			return 0
		}, c.doc))
	}
	t := new(lua.LState).CreateTable(0, 2)
	t.RawSetString("__metatable", lua.LString("expectation"))
	t.RawSetString("__index", vm.GoFunc(func(L *lua.LState) int {
		method := methods.RawGetString(L.CheckString(2))
		if method == lua.LNil {
			L.RaiseError("an expectation has no method %q; it has %s", L.CheckString(2), strings.Join(names, ", "))
		}
		L.Push(method)
		return 1
	}))
	return t
}()

func failed(found, expected string) error {
	return &unmet{fmt.Sprintf("found %s, expected %s", found, expected), found, expected}
}

// equals is expect(v):equals(x).
func equals(L *lua.LState, v lua.LValue) error { return same(L, v, L.CheckAny(2)) }

// same compares two values. Tables are equal if their keys and values are.
func same(L *lua.LState, v, want lua.LValue) error {
	place, a, b, same := compare(L, v, want)
	if same {
		return nil
	}
	err := failed(value.Inspect(v), value.Inspect(want)).(*unmet)
	if place != "" {
		err.text += fmt.Sprintf("; %s is %s, expected %s", place, value.Inspect(a), value.Inspect(b))
	}
	return err
}

// matches is expect(v):matches(p), for a Lua pattern.
func matches(L *lua.LState, v lua.LValue) error {
	pattern := L.CheckString(2)
	text, ok := v.(lua.LString)
	if n, isNumber := v.(lua.LNumber); isNumber {
		text, ok = lua.LString(n.String()), true
	}
	if !ok || !find(L, string(text), pattern) {
		return failed(value.Inspect(v), "a string that matches "+value.Inspect(lua.LString(pattern)))
	}
	return nil
}

// find reports whether a string matches a Lua pattern.
func find(L *lua.LState, text, pattern string) bool {
	L.Push(L.GetField(L.GetGlobal("string"), "find"))
	L.Push(lua.LString(text))
	L.Push(lua.LString(pattern))
	L.Call(2, 1)
	found := L.Get(-1) != lua.LNil
	L.Pop(1)
	return found
}

// isNil is expect(v):is_nil().
func isNil(_ *lua.LState, v lua.LValue) error {
	if v == lua.LNil {
		return nil
	}
	return failed(value.Inspect(v), "nil")
}

// isTrue is expect(v):is_true().
func isTrue(_ *lua.LState, v lua.LValue) error {
	if v == lua.LTrue {
		return nil
	}
	return failed(value.Inspect(v), "true")
}

// fails is expect(fn):fails([pattern]): calling the function is an error, whose message matches the pattern.
func fails(L *lua.LState, v lua.LValue) error {
	fn, ok := v.(*lua.LFunction)
	if !ok {
		return failed(value.Inspect(v), "a function that fails")
	}
	message, ok := errorOf(L, fn)
	if !ok {
		return failed("no error", "an error")
	}
	if pattern := L.OptString(2, ""); pattern != "" && !find(L, errorText(message), pattern) {
		return failed("the error "+value.Inspect(lua.LString(errorText(message))), "one that matches "+value.Inspect(lua.LString(pattern)))
	}
	return nil
}

// errorOf calls a function, and returns the error that it raises.
func errorOf(L *lua.LState, fn *lua.LFunction) (raised lua.LValue, failed bool) {
	L.Push(L.GetGlobal("pcall"))
	L.Push(fn)
	L.Call(1, 2)
	good, raised := L.Get(-2), L.Get(-1)
	L.Pop(2)
	return raised, good != lua.LTrue
}
