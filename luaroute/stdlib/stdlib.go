// Package stdlib has the standard libraries of Lua 5.1 for the scripts of package vm: those parts that cannot reach outside a state. Their
// work is counted. What runs Lua, such as pcall, require and coroutines, is in package vm itself.
package stdlib

import (
	"maps"
	"slices"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Open gives the scripts of a builder the standard libraries: vm.NewBuilder(stdlib.Open, options).
func Open(b *vm.Builder) {
	std := standard()
	for _, name := range slices.Sorted(maps.Keys(std.base)) {
		b.SetGlobal(name, std.base[name])
	}
	for _, name := range slices.Sorted(maps.Keys(std.libraries)) {
		b.SetLibrary(name, std.libraries[name])
	}
	b.SetStrings("string", std.arithmetic)
}

// libraries are what all builders have in common. They are made once, since a fleet of tenants has many builders, and never written.
type libraries struct {
	base       map[string]*lua.LFunction
	libraries  map[string]*lua.LTable
	arithmetic map[string]*lua.LFunction
}

var standard = sync.OnceValue(func() *libraries {
	s := &libraries{base: goFunctions(baseLibrary), libraries: map[string]*lua.LTable{}, arithmetic: arithmetic}
	native := gopher.Functions(lua.OpenBase)
	for _, name := range []string{"assert", "getmetatable", "rawequal", "type"} {
		s.base[name] = vm.StandardFunc(native[name])
	}
	for name, library := range map[string]map[string]lua.LGFunction{
		"string": stringLibrary, "table": tableLibrary, "math": mathLibrary(), "os": osLibrary,
		"io": {"type": func(L *lua.LState) int { L.CheckAny(1); L.Push(lua.LNil); return 1 }}, // libraries ask it whether a value is a file
	} {
		table := gopher.NewTable(0, len(library)+2)
		for _, name := range slices.Sorted(maps.Keys(library)) {
			table.RawSetString(name, vm.StandardFunc(library[name]))
		}
		s.libraries[name] = table
	}
	mathConstants(s.libraries["math"])
	s.libraries["string"].RawSetString("gfind", s.libraries["string"].RawGetString("gmatch"))
	return s
})

func goFunctions(library map[string]lua.LGFunction) map[string]*lua.LFunction {
	all := map[string]*lua.LFunction{}
	for name, fn := range library {
		all[name] = vm.StandardFunc(fn)
	}
	return all
}
