// Package json is the library `json` for scripts: values to JSON and back. Its bindings describe its functions.
//
// A table with the keys 1 to n is a list, any other an object; an empty table is {}. A number without a fraction is
// written without one. Decoded lists are marked as such. A decoded value that was not changed or moved is written as it was read:
// an integer beyond 2^53 keeps its digits. With the option big = "string" such integers are strings for the script.
package json

import (
	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func init() {
	caddy.RegisterModule(Library{})
}

// Library is `require("json")` of scripts: values to JSON and back. It has no configuration.
type Library struct{}

// CaddyModule returns the Caddy module information.
func (Library) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.libs.json", New: func() caddy.Module { return new(Library) }}
}

// Open returns the library's table.
func (Library) Open(*lua.LState) lua.LValue { return bindings.Table() }

// Docs describes what is in it.
func (Library) Docs() []vm.Doc { return bindings.Docs() }

// Classes describes the types that Docs names.
func (Library) Classes() []vm.Class {
	return []vm.Class{options, {Name: "json.Null", Text: "the value json.null"}}
}

// options is what OptionsOf reads.
var options = vm.Class{Name: "json.Options", Text: "how JSON is read", Fields: []vm.Doc{
	{Name: "big", Type: `"string"?`, Text: "`\"string\"` returns integers beyond 2^53 as strings, with all their digits"},
}}

var bindings = vm.Bindings{
	{Fn: encode, Doc: vm.Doc{
		Name: "encode", Args: "value: any", Returns: "string? json, string? err",
		Text: "the JSON of the value, or `nil, error`",
	}},
	{Fn: decode, Doc: vm.Doc{
		Name: "decode", Args: "s: string, options?: json.Options", Returns: "any value, string? err",
		Text: "the value, or `nil, error`; a byte order mark is skipped. With `{ big = \"string\" }` integers beyond 2^53 are strings",
	}},
	{Fn: array, Doc: vm.Doc{
		Name: "array", Args: "table?: table", Returns: "table", Effect: true,
		Text: "the table, marked as a list, so that an empty one is `[]`; any other empty table is `{}`",
	}},
	{Value: Null, Doc: vm.Doc{
		Name: "null", Type: "json.Null",
		Text: "null, which unlike nil can be in a table",
	}},
}

// encode is json.encode(value).
func encode(L *lua.LState) int {
	text, err := Encode(L, L.CheckAny(1))
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	L.Push(lua.LString(text))
	return 1
}

// decode is json.decode(s, options).
func decode(L *lua.LState) int {
	v, err := DecodeAs(L, L.CheckString(1), OptionsOf(L, 2))
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	L.Push(v)
	return 1
}

// array is json.array(table).
func array(L *lua.LState) int {
	t := L.OptTable(1, nil)
	switch {
	case t == nil:
		t = L.NewTable()
	case exactOf(t) != nil:
		t.Metatable.(*lua.LTable).RawSetString("__metatable", arrayMark)
		L.Push(t)
		return 1
	case t.Metatable != lua.LNil && !isArray(t): // such as a library, which all states share
		L.RaiseError("json.array: expected a table without a metatable")
	}
	L.Push(markArray(t))
	return 1
}

// Interface guards
var (
	_ vm.Documented = Library{}
	_ vm.Classified = Library{}
)
