package vm

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// debugLibrary is what libraries ask the debug library for that reaches nothing: places, and metatables that a script may have anyway.
var debugLibrary = map[string]lua.LGFunction{
	"getinfo":      debugGetInfo,
	"getmetatable": debugGetMetatable,
	"traceback":    debugTraceback,
}

// debugGetInfo is debug.getinfo for a level or a function. It tells where code stands, and hands out no function.
func debugGetInfo(L *lua.LState) int {
	info := newTable(0, 6)
	if fn, ok := L.Get(1).(*lua.LFunction); ok {
		describeFunction(info, fn)
		L.Push(info)
		return 1
	}
	level := checkInt(L, 1)
	Spend(L, 1+max(0, min(level, maxCalls))/8)
	at, ok := L.GetStack(max(level, 0))
	if level < 0 || !ok {
		L.Push(lua.LNil)
		return 1
	}
	fn, err := L.GetInfo("f", at, lua.LNil)
	if err != nil {
		L.Push(lua.LNil)
		return 1
	}
	describeFunction(info, fn.(*lua.LFunction))
	if _, err := L.GetInfo("l", at, lua.LNil); err == nil {
		info.RawSetString("currentline", lua.LNumber(at.CurrentLine))
	}
	L.Push(info)
	return 1
}

// describeFunction sets the fields that "S" stands for.
func describeFunction(info *lua.LTable, fn *lua.LFunction) {
	what, source, from, to := "C", "=[C]", -1, -1
	if !fn.IsG {
		what, source, from, to = "Lua", "@"+fn.Proto.SourceName, fn.Proto.LineDefined, fn.Proto.LastLineDefined
		if from == 0 {
			what = "main"
		}
	}
	info.RawSetString("what", lua.LString(what))
	info.RawSetString("source", lua.LString(source))
	info.RawSetString("short_src", lua.LString(source[1:]))
	info.RawSetString("linedefined", lua.LNumber(from))
	info.RawSetString("lastlinedefined", lua.LNumber(to))
	info.RawSetString("currentline", lua.LNumber(-1))
}

// debugGetMetatable is debug.getmetatable for tables of scripts. What is guarded stays so.
func debugGetMetatable(L *lua.LState) int {
	table, ok := L.CheckAny(1).(*lua.LTable)
	if sealed, _ := sealOf(L.Get(1)); !ok || sealed != nil {
		L.SetTop(1)
		return native[globals]["getmetatable"](L)
	}
	L.Push(table.Metatable)
	return 1
}

// debugTraceback is debug.traceback.
func debugTraceback(L *lua.LState) int {
	message, isText := stringOf(L.Get(1))
	if L.Get(1) != lua.LNil && !isText {
		L.SetTop(1)
		return 1
	}
	var out strings.Builder
	if isText {
		out.WriteString(message + "\n")
	}
	out.WriteString("stack traceback:")
	const most = 22
	level := optInt(L, 2, 1)
	for n := range most {
		at, ok := L.GetStack(max(level, 0) + n)
		if !ok {
			break
		}
		Spend(L, 1+level/8)
		where := "[C]"
		if fn, err := L.GetInfo("f", at, lua.LNil); err == nil && !fn.(*lua.LFunction).IsG {
			if _, err := L.GetInfo("l", at, lua.LNil); err == nil {
				where = fmt.Sprintf("%s:%d", fn.(*lua.LFunction).Proto.SourceName, at.CurrentLine)
			}
		}
		out.WriteString("\n\t" + where + ": in function")
	}
	Charge(L, out.Len())
	L.Push(lua.LString(out.String()))
	return 1
}
