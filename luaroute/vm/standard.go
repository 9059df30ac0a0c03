package vm

import (
	"maps"
	"slices"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// native holds the functions of gopher-lua's own libraries that are as good as they should be, by library and name.
var native = func() map[string]map[string]lua.LGFunction {
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer L.Close()
	all := map[string]map[string]lua.LGFunction{}
	for name, open := range map[string]lua.LGFunction{
		globals: lua.OpenBase, lua.MathLibName: lua.OpenMath, lua.CoroutineLibName: lua.OpenCoroutine,
	} {
		L.Push(L.NewFunction(open))
		L.Call(0, 1)
		all[name] = map[string]lua.LGFunction{}
		L.Get(-1).(*lua.LTable).ForEach(func(k, v lua.LValue) {
			if fn, ok := v.(*lua.LFunction); ok {
				all[name][k.String()] = fn.GFunction
			}
		})
		L.Pop(1)
	}
	return all
}()

// standard is what all builders have of the standard libraries: of Lua 5.1's, those that can not reach out of the state. It is made
// once, since a fleet of tenants has many builders, and never written.
type standard struct {
	base      map[string]*lua.LFunction
	libraries map[string]*lua.LTable
	// names are those of both, in the order in which pairs(_G) is to find them: the same in each load.
	baseNames, libraryNames []string
}

var theStandard = sync.OnceValue(func() *standard {
	s := &standard{base: map[string]*lua.LFunction{}, libraries: map[string]*lua.LTable{}}
	for name, fn := range baseLibrary {
		s.base[name] = GoFunc(fn)
	}
	for _, name := range []string{"assert", "getmetatable", "rawequal", "type"} {
		s.base[name] = GoFunc(native[globals][name])
	}
	for name, functions := range map[string]map[string]lua.LGFunction{
		"string": stringLibrary, "table": tableLibrary, "math": mathLibrary(), "coroutine": coroutineLibrary, "os": osLibrary, "debug": debugLibrary,
		"io": {"type": func(L *lua.LState) int { L.CheckAny(1); L.Push(lua.LNil); return 1 }}, // libraries ask it whether a value is a file
	} {
		table := gopher.NewTable(0, len(functions)+2)
		for _, name := range slices.Sorted(maps.Keys(functions)) {
			table.RawSetString(name, GoFunc(functions[name]))
		}
		s.libraries[name] = table
	}
	s.libraries["package"] = packageLibrary()
	mathConstants(s.libraries["math"])
	s.libraries["string"].RawSetString("gfind", s.libraries["string"].RawGetString("gmatch"))
	s.baseNames, s.libraryNames = slices.Sorted(maps.Keys(s.base)), slices.Sorted(maps.Keys(s.libraries))
	return s
})

// openStandard opens the standard libraries.
func (b *Builder) openStandard() {
	env, std := b.state.env, theStandard()
	for _, name := range std.baseNames {
		env.RawSetString(name, std.base[name])
	}
	env.RawSetString("_VERSION", lua.LString(lua.LuaVersion))
	for _, name := range std.libraryNames {
		sealed := newSeal(name, std.libraries[name])
		sealed.borrowed = true
		env.RawSetString(name, sealed.view)
		b.state.modules.loaded[name] = sealed.view
		if name == "string" {
			b.openStringMethods(sealed.view)
		}
	}

	all := newSeal(globals, env)
	all.private = true
	env.RawSetString(globals, all.view)
	env.RawSetString(script.GlobalsName, all.view)
	b.state.modules.loaded[globals] = all.view
}

// openStringMethods makes s:upper() and the like work.
func (b *Builder) openStringMethods(view *lua.LTable) {
	b.strs = gopher.NewTable(0, 2+len(arithmetic))
	for event, fn := range arithmetic {
		b.strs.RawSetString(event, fn)
	}
	b.strs.RawSetString("__index", view)
	b.strs.RawSetString("__metatable", lua.LFalse)
	b.state.L.SetMetatable(lua.LString(""), b.strs)
}
