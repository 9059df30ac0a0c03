// Package uuid is the library `uuid` for scripts: random UUIDs and those that sort by time. Its bindings describe its functions.
//
// parse also takes the forms {…}, urn:uuid:… and 32 hexadecimal digits.
package uuid

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/google/uuid"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// randomSteps is the cost of a new UUID.
const randomSteps = 8

func init() {
	caddy.RegisterModule(Library{})
}

// Library is `require("uuid")` of scripts: random UUIDs and those that sort by time. It has no configuration.
type Library struct{}

// CaddyModule returns the Caddy module information.
func (Library) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.libs.uuid", New: func() caddy.Module { return new(Library) }}
}

// Open returns the library's table.
func (Library) Open(*lua.LState) lua.LValue { return bindings.Table() }

// Docs describes what is in it.
func (Library) Docs() []vm.Doc { return bindings.Docs() }

var bindings = vm.Bindings{
	{Fn: maker(uuid.NewRandom), Doc: vm.Doc{Name: "v4", Returns: "string", Text: "a random UUID"}},
	{Fn: maker(uuid.NewV7), Doc: vm.Doc{
		Name: "v7", Returns: "string",
		Text: "a UUID that begins with the time, so that later ones sort after earlier ones",
	}},
	{Fn: parse, Doc: vm.Doc{
		Name: "parse", Args: "s: string", Returns: "string? uuid, string? err",
		Text: "the UUID in its usual form, or `nil, error`",
	}},
}

// maker returns the function that makes new UUIDs.
func maker(fresh func() (uuid.UUID, error)) lua.LGFunction {
	return func(L *lua.LState) int {
		vm.Spend(L, randomSteps)
		return answer(L, fresh)
	}
}

// parse is uuid.parse(s).
func parse(L *lua.LState) int {
	s := L.CheckString(1)
	if len(s) == len("{}")+36 && (s[0] != '{' || s[len(s)-1] != '}') { // of which uuid.Parse looks at the middle only
		s = ""
	}
	return answer(L, func() (uuid.UUID, error) { return uuid.Parse(s) })
}

// answer pushes a UUID, or nil and the error.
func answer(L *lua.LState, get func() (uuid.UUID, error)) int {
	id, err := get()
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	L.Push(lua.LString(id.String()))
	return 1
}

// Interface guards
var _ vm.Documented = Library{}
