package vm

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// maxChunk is the size of the largest chunk that load and loadstring compile, in bytes.
const maxChunk = 64 << 10

func baseLoadString(L *lua.LState) int {
	text := L.CheckString(1)
	return compileChunk(L, text, L.OptString(2, text))
}

// baseLoad is load: it takes a function that returns the pieces of a chunk or, as in Lua 5.2, a string, a mode and an environment.
func baseLoad(L *lua.LState) int {
	if text, ok := L.Get(1).(lua.LString); ok {
		n := compileChunk(L, string(text), L.OptString(2, string(text)))
		if fn, ok := L.Get(-1).(*lua.LFunction); ok && L.GetTop() > 4 { // the environment was given, even if it is nil
			fn.Env = environment(L, L.CheckTable(4))
		}
		return n
	}
	reader := L.CheckFunction(1)
	name := L.OptString(2, "=(load)")
	var text strings.Builder
	for text.Len() <= maxChunk {
		L.Push(reader)
		if err := protected(L, 0, 1, guard{untraced: true}); err != nil {
			rethrow(L, err)
			return refused(L, errorObject(err))
		}
		piece, ok := value.String(L.Get(-1))
		if L.Get(-1) != lua.LNil && !ok {
			return refused(L, lua.LString("reader function must return a string"))
		}
		L.Pop(1)
		if piece == "" {
			break
		}
		text.WriteString(piece)
	}
	return compileChunk(L, text.String(), name)
}

// refused pushes nil and an error.
func refused(L *lua.LState, object lua.LValue) int {
	L.Push(lua.LNil)
	L.Push(object)
	return 2
}

// compileChunk pushes a function, or nil and an error.
func compileChunk(L *lua.LState, text, name string) int {
	if len(text) > maxChunk {
		return refused(L, lua.LString("the text is too large to load; allowed are 64 KiB"))
	}
	Spend(L, len(text)) // some 50 ns for each byte
	Charge(L, len(text)*madeByText)
	Of(L).compiled += int64(len(text))
	program, err := script.CompileLoaded(script.ChunkName(name), []byte(text))
	if err != nil {
		return refused(L, lua.LString(err.Error()))
	}
	L.Push(L.NewFunctionFromProto(program.Proto))
	return 1
}
