package vm

import (
	"fmt"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// debugLibrary is the part of the debug library that gives access to nothing new: places, and metatables that a script may have anyway.
var debugLibrary = map[string]lua.LGFunction{
	"getinfo":      debugGetInfo,
	"getmetatable": debugGetMetatable,
	"traceback":    debugTraceback,
}

// debugGetInfo is debug.getinfo for a level or a function. It returns the place and name of code, but no function.
func debugGetInfo(L *lua.LState) int {
	info := gopher.NewTable(0, 8)
	if fn, ok := L.Get(1).(*lua.LFunction); ok {
		describeFunction(info, fn)
		L.Push(info)
		return 1
	}
	level := value.CheckInt(L, 1)
	calls := callsFrom(L, max(level, 0), 1)
	Spend(L, 1+min(max(level, 0), maxCalls)/8)
	if level < 0 || len(calls) == 0 {
		L.Push(lua.LNil)
		return 1
	}
	switch f := (frame{calls[0], L}); f.Frame {
	case nil:
		describeTailCall(info)
	default:
		describeFunction(info, f.Fn)
		if !f.Fn.IsG {
			info.RawSetString("currentline", lua.LNumber(f.Line()))
		}
		if name := f.calledAs(); name.name != "" {
			info.RawSetString("name", lua.LString(name.name))
			info.RawSetString("namewhat", lua.LString(name.kind))
		}
	}
	L.Push(info)
	return 1
}

// calledAs returns what a function is called where it was called.
func (f frame) calledAs() named {
	caller := callerOf(f.L, f.Frame)
	if caller == nil || caller.Fn.IsG || f.TailCall > 0 {
		return named{}
	}
	return frame{caller, f.L}.calledName()
}

// describeTailCall describes a function whose frame a tail call has replaced.
func describeTailCall(info *lua.LTable) {
	for _, name := range []string{"linedefined", "lastlinedefined", "currentline"} {
		info.RawSetString(name, lua.LNumber(-1))
	}
	info.RawSetString("what", lua.LString("tail"))
	info.RawSetString("source", lua.LString("=(tail call)"))
	info.RawSetString("short_src", lua.LString("(tail call)"))
	info.RawSetString("namewhat", lua.LString(""))
}

// describeFunction sets the fields that "S" stands for.
func describeFunction(info *lua.LTable, fn *lua.LFunction) {
	what, source, from, to := "C", "=[C]", -1, -1
	if !fn.IsG {
		what, source, from, to = "Lua", sourceOf(fn), fn.Proto.LineDefined, fn.Proto.LastLineDefined
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
	info.RawSetString("namewhat", lua.LString(""))
}

// sourceOf returns the source of a Lua function. That of a loaded string is not kept, only its name in messages.
func sourceOf(fn *lua.LFunction) string {
	if name := fn.Proto.SourceName; strings.HasPrefix(name, `[string "`) {
		return "=" + name
	}
	return "@" + fn.Proto.SourceName
}

var nativeGetMetatable = gopher.Functions(lua.OpenBase)["getmetatable"]

// debugGetMetatable is debug.getmetatable for tables of scripts. Protected metatables stay protected.
func debugGetMetatable(L *lua.LState) int {
	table, ok := L.CheckAny(1).(*lua.LTable)
	if ro, _ := readonlyOf(L.Get(1)); !ok || ro != nil {
		L.SetTop(1)
		return nativeGetMetatable(L)
	}
	L.Push(table.Metatable)
	return 1
}

// debugTraceback is debug.traceback. If there are many calls, it lists the first and the last. A message that is not a string is returned as it is.
func debugTraceback(L *lua.LState) int {
	message, isText := value.String(L.Get(1))
	if L.GetTop() > 0 && !isText {
		L.SetTop(1)
		return 1
	}
	var out strings.Builder
	if isText {
		out.WriteString(message + "\n")
	}
	out.WriteString("stack traceback:")
	level := max(value.OptInt(L, 2, 1), 0)
	calls := callsFrom(L, level, math.MaxInt)
	Spend(L, (min(level, maxCalls)+len(calls))/8)
	const first, last = 12, 10
	for i, call := range calls {
		switch {
		case i < first || i >= len(calls)-last:
			out.WriteString("\n\t" + (frame{call, L}).describe())
		case i == first:
			out.WriteString("\n\t...")
		}
	}
	Charge(L, out.Len())
	L.Push(lua.LString(out.String()))
	return 1
}

// callsFrom returns the frames of a thread from a level on, up to a number. One that a tail call has replaced is nil.
func callsFrom(L *lua.LState, level, most int) []*gopher.Frame {
	var calls []*gopher.Frame
	for f := gopher.Running(L); f != nil && len(calls)-level < most; f = callerOf(L, f) {
		calls = append(calls, f)
		if !f.Fn.IsG {
			calls = append(calls, make([]*gopher.Frame, f.TailCall)...)
		}
	}
	return calls[min(level, len(calls)):]
}

// callerOf returns the frame of the caller of a frame, also if a protected call hides it.
func callerOf(L *lua.LState, f *gopher.Frame) *gopher.Frame {
	if b, ok := L.Context().(*budget); ok && f.Parent == nil {
		for _, cut := range b.cuts {
			if cut.frame == f {
				return cut.caller
			}
		}
	}
	return f.Parent
}

// whereAt returns the place of the function at a level, or "" if that has none.
func whereAt(L *lua.LState, level int) string {
	Spend(L, 1+min(level, maxCalls)/8)
	calls := callsFrom(L, level, 1)
	if len(calls) == 0 || calls[0] == nil || calls[0].Fn.IsG {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", calls[0].Fn.Proto.SourceName, calls[0].Line())
}

// describe returns a line of a traceback.
func (f frame) describe() string {
	if f.Frame == nil {
		return "(tail call): ?"
	}
	where, what := "[C]:", " ?"
	if !f.Fn.IsG {
		proto := f.Fn.Proto
		where = fmt.Sprintf("%s:%d:", proto.SourceName, f.Line())
		what = fmt.Sprintf(" in function <%s:%d>", proto.SourceName, proto.LineDefined)
		if proto.LineDefined == 0 {
			what = " in main chunk"
		}
	}
	if name := f.calledAs().name; name != "" {
		what = " in function '" + name + "'"
	}
	return where + what
}
