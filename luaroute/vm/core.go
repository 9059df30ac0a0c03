package vm

import (
	"maps"
	"slices"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// core is what runs Lua in the standard libraries of Lua 5.1, and so cannot be outside of this package: functions of the base library,
// by their names, and whole libraries. It is made once, since a fleet of tenants has many builders, and never written.
type core struct {
	base      map[string]*lua.LFunction
	libraries map[string]*lua.LTable
}

var theCore = sync.OnceValue(func() *core {
	c := &core{base: map[string]*lua.LFunction{}, libraries: map[string]*lua.LTable{"package": packageLibrary()}}
	for name, fn := range baseLibrary {
		c.base[name] = StandardFunc(fn)
	}
	for name, library := range map[string]map[string]lua.LGFunction{"coroutine": coroutineLibrary, "debug": debugLibrary} {
		c.libraries[name] = gopher.NewTable(0, len(library))
		for _, function := range slices.Sorted(maps.Keys(library)) {
			c.libraries[name].RawSetString(function, StandardFunc(library[function]))
		}
	}
	return c
})

var baseLibrary = map[string]lua.LGFunction{
	"error":      baseError,
	"load":       baseLoad,
	"loadstring": baseLoadString,
	"pcall":      basePCall,
	"require":    baseRequire,
	"setfenv":    baseSetFEnv,
	"xpcall":     baseXPCall,
}

// openCore sets the globals that every builder has. They are always in the same order, in which pairs(_G) finds them.
func (b *Builder) openCore() {
	c := theCore()
	for _, name := range slices.Sorted(maps.Keys(c.base)) {
		b.SetGlobal(name, c.base[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.libraries)) {
		b.SetLibrary(name, c.libraries[name])
	}
	b.SetGlobal("_VERSION", lua.LString(lua.LuaVersion))

	env := b.state.env
	all := newReadonly(globals, env)
	all.private = true
	b.self = all.view
	b.SetGlobal(globals, all.view)
	b.SetGlobal(script.GlobalsName, all.view)
	b.state.modules.loaded[globals] = all.view
}

// SetGlobal sets a global.
func (b *Builder) SetGlobal(name string, v lua.LValue) { b.state.env.RawSetString(name, v) }

// SetLibrary gives scripts a library that they need not require: a table of functions of Go. Many builders may have the same table: a
// script that changes it gets its own.
func (b *Builder) SetLibrary(name string, table *lua.LTable) {
	library := newReadonly(name, table)
	library.borrowed = true
	b.SetGlobal(name, library.view)
	b.state.modules.loaded[name] = library.view
}

// SetStrings gives all strings the functions of a library as methods, and metamethods.
func (b *Builder) SetStrings(library string, metamethods map[string]*lua.LFunction) {
	b.strs = gopher.NewTable(0, 2+len(metamethods))
	for event, fn := range metamethods {
		b.strs.RawSetString(event, fn)
	}
	b.strs.RawSetString("__index", b.Global(library))
	b.strs.RawSetString("__metatable", lua.LFalse)
	b.state.L.SetMetatable(lua.LString(""), b.strs)
}
