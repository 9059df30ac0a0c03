package re

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Immutable says that all states share an object.
func (*pattern) Immutable() {}

// compileObject is re.compile(pattern).
func compileObject(L *lua.LState, c *cache) int {
	p := pattern{c, L.CheckString(1)}
	p.program(L)
	L.Push(object(p))
	return 1
}

// object returns the object of a pattern.
func object(p pattern) *lua.LUserData { return &lua.LUserData{Value: &p, Metatable: objectType} }

// objectType is the metatable of objects. It holds Go functions only and is shared by all states.
var objectType *lua.LTable

func init() {
	methods := map[string]*lua.LFunction{}
	for _, op := range operations {
		methods[op.doc.Name] = vm.Method(func(L *lua.LState) int {
			p := checkObject(L)
			return op.do(L, *p, L.CheckString(2))
		}, op.method())
	}
	objectType = new(lua.LState).CreateTable(0, 4)
	objectType.RawSetString("__metatable", lua.LString("re"))
	for event, fn := range map[string]lua.LGFunction{
		"__index": func(L *lua.LState) int {
			checkObject(L)
			fn, ok := methods[L.CheckString(2)]
			if !ok {
				names := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
				L.RaiseError("a compiled pattern has no method %q; it has %s", L.CheckString(2), names)
			}
			L.Push(fn)
			return 1
		},
		"__newindex": func(L *lua.LState) int {
			L.RaiseError("a compiled pattern has no field to assign")
			return 0
		},
		"__tostring": func(L *lua.LState) int {
			L.Push(lua.LString("re: " + checkObject(L).text))
			return 1
		},
	} {
		objectType.RawSetString(event, vm.GoFunc(fn))
	}
}

// checkObject returns the first argument, which must be a compiled pattern.
func checkObject(L *lua.LState) *pattern {
	if data, ok := L.Get(1).(*lua.LUserData); ok {
		if p, ok := data.Value.(*pattern); ok {
			return p
		}
	}
	L.ArgError(1, "compiled pattern expected, got "+L.Get(1).Type().String()+"; methods are called with a colon")
	return nil
}
