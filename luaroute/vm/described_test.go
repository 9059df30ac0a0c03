package vm_test

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// wanting is a library whose functions want a number as their last argument.
type wanting struct{ described bool }

func (w wanting) Open(L *lua.LState) lua.LValue {
	last := func(L *lua.LState) int {
		L.CheckNumber(L.GetTop())
		return 0
	}
	if !w.described {
		t := L.NewTable()
		t.RawSetString("plain", vm.GoFunc(last))
		return t
	}
	bindings := vm.Bindings{
		{Fn: last, Doc: vm.Doc{Name: "one", Args: "count: number"}},
		{Fn: last, Doc: vm.Doc{Name: "get", Args: "pattern: string, options?: number, handler: number"}},
		{Fn: last, Doc: vm.Doc{Name: "many", Args: "first: string, ...: number"}},
	}
	t := bindings.Table()
	t.RawSetString("object", object(bindings.Methods()))
	return t
}

func object(methods map[string]*lua.LFunction) *lua.LUserData {
	index, meta := new(lua.LState).CreateTable(0, 1), new(lua.LState).CreateTable(0, 1)
	for name, fn := range methods {
		index.RawSetString(name, fn)
	}
	meta.RawSetString("__index", index)
	return &lua.LUserData{Metatable: meta}
}

func TestAnErrorAboutAnArgumentNamesTheParameterThatItsDescriptionHas(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		library    wanting
		call, want string
	}{
		{wanting{true}, "x.one('a')", "bad argument #1 to 'one' (count: number expected, got string)"},
		{wanting{true}, "x.one(1, 'a')", "bad argument #2 to 'one' (number expected, got string)"}, // there is no such parameter
		{wanting{true}, "x.get('/', 'a')", "bad argument #2 to 'get' (handler: number expected, got string)"},
		{wanting{true}, "x.get('/', {}, 'a')", "bad argument #3 to 'get' (handler: number expected, got string)"},
		{wanting{true}, "x.many('a', 'b')", "bad argument #2 to 'many' (number expected, got string)"},
		{wanting{true}, "x.object:one('a')", "bad argument #1 to 'one' (count: number expected, got string)"},
		{wanting{true}, "x.object.one(x.object, 'a')", "bad argument #2 to 'one' (count: number expected, got string)"},
		{wanting{true}, "x.object:get('/', 'a')", "bad argument #2 to 'get' (handler: number expected, got string)"},
		{wanting{true}, "local f = x.one f('a')", "bad argument #1 to 'f' (count: number expected, got string)"},
		{wanting{true}, "assert(pcall(x.one, 'a'))", "bad argument #1 to '?' (count: number expected, got string)"},
		{wanting{true}, "coroutine.wrap(function() x.one('a') end)()", "bad argument #1 to 'one' (count: number expected, got string)"},
		{wanting{false}, "x.plain('a')", "bad argument #1 to 'plain' (number expected, got string)"},
		{wanting{false}, "string.rep('a')", "bad argument #2 to 'rep' (number expected, got no value)"},
	} {
		b := vm.NewBuilder(stdlib.Open, vm.Options{Libraries: map[string]vm.Library{"x": row.library}})
		program, err := script.Compile("main.lua", []byte("local x = require('x') "+row.call))
		if err != nil {
			t.Fatal(err)
		}
		err = b.Run(program)
		if err == nil || !strings.HasSuffix(err.Error(), ": "+row.want) {
			t.Errorf("%s: got %v, want %s", row.call, err, row.want)
		}
	}
}
