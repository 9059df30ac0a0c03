package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// loadedName is the name of the table of loaded modules.
const loadedName = "package.loaded"

// packageLibrary is what libraries read of package: data that never changes, and a table that finds the modules of the state that
// asks. Nothing is loaded by it.
func packageLibrary() *lua.LTable {
	all := gopher.NewTable(0, 5)
	all.RawSetString("config", lua.LString("/\n;\n?\n!\n-\n"))
	all.RawSetString("path", lua.LString("./?.lua;./?/init.lua"))
	all.RawSetString("cpath", lua.LString(""))
	find := gopher.NewTable(0, 1)
	find.RawSetString("__index", GoFunc(loadedIndex))
	loaded := gopher.NewTable(0, 0)
	loaded.Metatable = find
	ro := newReadonly(loadedName, loaded)
	ro.borrowed = true
	all.RawSetString("loaded", ro.view)
	preload := newReadonly("package.preload", gopher.NewTable(0, 0))
	preload.borrowed = true
	all.RawSetString("preload", preload.view)
	return all
}

func loadedIndex(L *lua.LState) int {
	name, ok := L.Get(2).(lua.LString)
	if !ok {
		return 0
	}
	if v, ok := Of(L).loadedModule(L, string(name)); ok {
		L.Push(v)
		return 1
	}
	return 0
}
