package policy

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// objectType returns the metatable of policies that have methods for functions that serve requests. They are called with the policy as their
// first argument.
func objectType(name string, methods vm.Bindings) *lua.LTable {
	functions := map[string]*lua.LFunction{}
	for _, b := range methods {
		method, fn := b.Doc.Name, b.Fn
		functions[method] = vm.GoFunc(func(L *lua.LState) int {
			if s := vm.Of(L); s != nil && s.Loading() {
				L.RaiseError("%s:%s is called while the script loads; call it in functions that serve requests", name, method)
			}
			return fn(L)
		})
	}
	t := new(lua.LState).CreateTable(0, 4)
	t.RawSetString("__metatable", lua.LString(name))
	for event, fn := range map[string]lua.LGFunction{
		"__index": func(L *lua.LState) int {
			method := L.CheckString(2)
			fn, ok := functions[method]
			if !ok {
				L.RaiseError("a %s has no method %q; it has %s", name, method, strings.Join(slices.Sorted(maps.Keys(functions)), ", "))
			}
			L.Push(fn)
			return 1
		},
		"__newindex": func(L *lua.LState) int {
			L.RaiseError("a %s has no field to assign", name)
			return 0
		},
		"__tostring": func(L *lua.LState) int {
			L.Push(lua.LString(name))
			return 1
		},
	} {
		t.RawSetString(event, vm.GoFunc(fn))
	}
	return t
}
