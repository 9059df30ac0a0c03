package request

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// The metatables of req, res and their tables. They hold Go functions only and are shared by all states.
var reqType, resType, paramsType, headersType, queryType, cookiesType, outHeadersType *lua.LTable

// The methods of req and res, as Lua functions.
var reqFunctions, resFunctions map[string]*lua.LFunction

// Initialised here, because the functions below use the tables.
func init() {
	reqFunctions, resFunctions = methodsOf("req", reqReading, reqChanging), methodsOf("res", resReading, slices.Concat(resWriting, resChanging))
	reqType = objectType("req", &reqClass, reqField, reqFunctions, nil)
	resType = objectType("res", &resClass, resField, resFunctions, setResField)
	paramsType = tableType("req.params", paramsGet, nil, paramsAll)
	headersType = tableType("req.headers", headersGet, headersSet, headersAll)
	queryType = tableType("req.query", queryGet, nil, queryAll)
	cookiesType = tableType("req.cookies", cookiesGet, nil, cookiesAll)
	outHeadersType = tableType("res.headers", outHeadersGet, outHeadersSet, outHeadersAll)
}

// newType returns a metatable.
func newType(name string, functions map[string]lua.LGFunction) *lua.LTable {
	t := new(lua.LState).CreateTable(0, len(functions)+1)
	t.RawSetString("__metatable", lua.LString(name))
	for event, fn := range functions {
		t.RawSetString(event, vm.GoFunc(fn))
	}
	return t
}

// objectType is the type of an object with fields, whose names are for errors, and methods. field returns nil for a name it does
// not know.
func objectType(name string, class *vm.Class, field func(*Request, *lua.LState, string) lua.LValue, functions map[string]*lua.LFunction,
	set func(*Request, *lua.LState, string, lua.LValue) bool,
) *lua.LTable {
	return newType(name, map[string]lua.LGFunction{
		"__index": func(L *lua.LState) int {
			if v := lasting(L); v != nil {
				L.Push(v)
				return 1
			}
			r, key := of(L, name), L.CheckString(2)
			if fn, ok := functions[key]; ok {
				L.Push(fn)
				return 1
			}
			v := field(r, L, key)
			if v == nil {
				methods := strings.Join(slices.Sorted(maps.Keys(functions)), ", ")
				fields := strings.Join(slices.Sorted(slices.Values(class.FieldNames())), ", ")
				L.RaiseError("%s has no field %q; its fields are %s; its methods are %s", name, script.Clip(key), fields, methods)
			}
			L.Push(v)
			return 1
		},
		"__newindex": func(L *lua.LState) int {
			r, key := of(L, name), L.CheckString(2)
			r.changing(L, name, ".", key)
			if set == nil || !set(r, L, key, L.Get(3)) {
				if _, ok := functions["set_"+key]; ok {
					L.RaiseError("%s.%s cannot be assigned; call %s:set_%s(…)", name, key, name, key)
				}
				L.RaiseError("%s.%s cannot be assigned; values of your own belong in req.ctx", name, key)
			}
			return 0
		},
		"__tostring": func(L *lua.LState) int {
			L.Push(lua.LString(name))
			return 1
		},
	})
}

// lasting returns req.ctx where it is asked for after the response, by an on_done function.
func lasting(L *lua.LState) lua.LValue {
	data, _ := L.Get(1).(*lua.LUserData)
	if data == nil || L.Get(2) != lua.LString("ctx") {
		return nil
	}
	if r, ok := data.Value.(*Request); ok && r.ex == nil && !r.over && data == &r.req {
		return r.context(L)
	}
	return nil
}

// tableType is the type of something that reads like a table of strings: by name, and with pairs.
func tableType(name string, get func(*Request, *lua.LState, string) lua.LValue, set func(*Request, *lua.LState, string, lua.LValue),
	all func(*Request, *lua.LState, func(name, value string)),
) *lua.LTable {
	return newType(name, map[string]lua.LGFunction{
		"__index": func(L *lua.LState) int {
			L.Push(get(of(L, name), L, L.CheckString(2)))
			return 1
		},
		"__newindex": func(L *lua.LState) int {
			r, key := of(L, name), L.CheckString(2)
			if set == nil {
				L.RaiseError("%s is read-only", name)
			}
			r.changing(L, name, ".", key)
			set(r, L, key, L.Get(3))
			return 0
		},
		"__pairs": func(L *lua.LState) int {
			t := L.NewTable()
			count := 0
			all(of(L, name), L, func(key, value string) {
				t.RawSetString(key, text(value))
				count++
			})
			vm.Spend(L, count*4)
			L.Push(nextFunction)
			L.Push(t)
			L.Push(lua.LNil)
			return 3
		},
		"__tostring": func(L *lua.LState) int {
			L.Push(lua.LString(name))
			return 1
		},
	})
}

// nextFunction walks the table that __pairs made.
var nextFunction = vm.GoFunc(func(L *lua.LState) int {
	k, v := L.CheckTable(1).Next(L.Get(2))
	L.Push(k)
	L.Push(v)
	return 2
})
