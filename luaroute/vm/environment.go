package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// baseSetFEnv is setfenv for whole chunks: what load and loadstring return, as template engines use it, and setfenv(1, t) in a module
// that keeps its globals to itself. No other function may get an environment, least of all a Go function, which all states share.
func baseSetFEnv(L *lua.LState) int {
	fn, ok := L.Get(1).(*lua.LFunction)
	if L.Get(1) == lua.LNumber(1) {
		fn, ok = runningLua(L)
	}
	if !ok || fn.IsG || fn.Proto.LineDefined != 0 {
		L.ArgError(1, "expected a function that load or loadstring has returned, or 1 in the main part of a script: no other function can get an environment")
	}
	fn.Env = environment(L, L.CheckTable(2))
	L.Push(fn)
	return 1
}

// runningLua returns the function that called the running one.
func runningLua(L *lua.LState) (*lua.LFunction, bool) {
	if f := gopher.Running(L).Parent; f != nil {
		return f.Fn, true
	}
	return nil, false
}

// environment returns the table in which a function finds its globals if a script wants them to be the fields of another. It wraps
// that one, so that the name which the compiler needs is not a field of it.
func environment(L *lua.LState, fields *lua.LTable) *lua.LTable {
	s := Of(L)
	if ro, _ := readonlyOf(fields); ro != nil && ro.name == globals {
		return s.env
	}
	env, meta := gopher.NewTable(0, 1), gopher.NewTable(0, 1)
	env.RawSetString(script.GlobalsName, fields)
	meta.RawSetString("__index", fields)
	env.Metatable = meta
	return env
}
