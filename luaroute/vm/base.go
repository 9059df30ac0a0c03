package vm

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
)

const (
	// maxChunk is the size of the largest text that load and loadstring compile, in bytes.
	maxChunk = 64 << 10
	// maxResults is how many values unpack and string.byte may return.
	maxResults = 8000
)

// baseLibrary is the part of the base library that gopher-lua has otherwise, or not well enough.
var baseLibrary = map[string]lua.LGFunction{
	"error":        baseError,
	"ipairs":       baseIpairs,
	"load":         baseLoad,
	"loadstring":   baseLoadString,
	"next":         baseNext,
	"pairs":        basePairs,
	"pcall":        basePCall,
	"print":        basePrint,
	"rawget":       baseRawGet,
	"rawset":       baseRawSet,
	"require":      baseRequire,
	"select":       baseSelect,
	"setfenv":      baseSetFEnv,
	"setmetatable": baseSetMetatable,
	"tonumber":     baseToNumber,
	"tostring":     baseToString,
	"unpack":       baseUnpack,
	"xpcall":       baseXPCall,
}

// basePrint logs its arguments, separated by tabs.
func basePrint(L *lua.LState) int {
	words := make([]string, L.GetTop())
	for i := range words {
		words[i] = textOf(L, L.Get(i+1))
	}
	text := strings.Join(words, "\t")
	if s := Of(L); s != nil && s.MayLog(L, len(text)) {
		s.Logger().Info(text, zap.String("script", Where(L)))
	}
	return 0
}

// baseError is error. The error may be any value; a text gets the place of the function at the level.
func baseError(L *lua.LState) int {
	object, level := L.Get(1), optInt(L, 2, 1)
	if text, ok := stringOf(object); ok && level > 0 {
		if where := L.Where(level); strings.HasSuffix(where, ":") && !strings.HasPrefix(where, "[G]") {
			object = lua.LString(where + " " + text)
		}
	}
	if b, ok := L.Context().(*Budget); ok {
		b.verbatim = true
	}
	L.Error(object, 0)
	return 0
}

var (
	nextFunction   = GoFunc(baseNext)
	ipairsFunction = GoFunc(ipairsNext)
)

func baseNext(L *lua.LState) int {
	table := unsealed(L, L.CheckTable(1))
	key, value := nextOf(L, table, L.Get(2))
	if key == lua.LString(script.GlobalsName) {
		key, value = nextOf(L, table, key)
	}
	L.Push(key)
	if key == lua.LNil {
		return 1
	}
	L.Push(value)
	return 2
}

// basePairs is pairs. Userdata that read like tables, such as req.headers, bring a __pairs.
func basePairs(L *lua.LState) int {
	if data, ok := L.Get(1).(*lua.LUserData); ok {
		if fn, ok := L.GetMetaField(data, "__pairs").(*lua.LFunction); ok {
			L.Push(fn)
			L.Push(data)
			L.Call(1, 3)
			return 3
		}
	}
	table := L.CheckTable(1)
	L.Push(nextFunction)
	L.Push(table)
	L.Push(lua.LNil)
	return 3
}

func baseIpairs(L *lua.LState) int {
	table := L.CheckTable(1)
	L.Push(ipairsFunction)
	L.Push(table)
	L.Push(lua.LNumber(0))
	return 3
}

func ipairsNext(L *lua.LState) int {
	i := L.CheckInt(2) + 1
	value := L.CheckTable(1).RawGetInt(i)
	if value == lua.LNil {
		return 0
	}
	L.Push(lua.LNumber(i))
	L.Push(value)
	return 2
}

func baseRawGet(L *lua.LState) int {
	table := L.CheckTable(1)
	if sealed, _ := sealOf(table); sealed != nil && sealed.name == globals {
		L.Push(L.GetTable(table, L.CheckAny(2))) // a global may not be copied yet
		return 1
	}
	L.Push(unsealed(L, table).RawGet(L.CheckAny(2)))
	return 1
}

func baseRawSet(L *lua.LState) int {
	table, key, value := L.CheckTable(1), L.CheckAny(2), L.CheckAny(3)
	L.SetTop(1)
	if sealed, _ := sealOf(table); sealed != nil {
		assign(L, table, key, value)
		return 1
	}
	if n, ok := key.(lua.LNumber); ok {
		Spend(L, placesWork(L, table, n))
	}
	Spend(L, keyWork(key))
	L.RawSet(table, key, value)
	return 1
}

// baseSetMetatable is setmetatable for tables only: the metatable of strings belongs to all scripts of a state.
func baseSetMetatable(L *lua.LState) int {
	table := L.CheckTable(1)
	L.CheckTypes(2, lua.LTNil, lua.LTTable)
	if own, ok := table.Metatable.(*lua.LTable); ok && own.RawGetString("__metatable") != lua.LNil {
		L.RaiseError("cannot change a protected metatable")
	}
	table.Metatable = L.Get(2)
	L.SetTop(1)
	return 1
}

func baseToNumber(L *lua.LState) int {
	base := optInt(L, 2, 10)
	if base < 2 || base > 36 {
		L.ArgError(2, "base out of range")
	}
	switch v := L.CheckAny(1).(type) {
	case lua.LNumber:
		if base == 10 {
			L.Push(v)
			return 1
		}
		s, _ := stringOf(v)
		L.Push(parseNumber(s, base))
	case lua.LString:
		L.Push(parseNumber(string(v), base))
	default:
		L.Push(lua.LNil)
	}
	return 1
}

// baseToString is tostring. What __tostring returns may be any value.
func baseToString(L *lua.LState) int {
	if s, ok := stringOf(L.CheckAny(1)); ok {
		L.Push(lua.LString(s))
	} else {
		L.Push(L.ToStringMeta(L.Get(1)))
	}
	return 1
}

func baseSelect(L *lua.LState) int {
	count := L.GetTop() - 1
	if L.Get(1) == lua.LString("#") {
		L.Push(lua.LNumber(count))
		return 1
	}
	first := checkInt(L, 1)
	if first < 0 {
		first += count + 1
	}
	if first < 1 {
		L.ArgError(1, "index out of range")
	}
	return max(0, count-first+1)
}

func baseUnpack(L *lua.LState) int {
	table := L.CheckTable(1)
	from, to := optInt(L, 2, 1), optInt(L, 3, length(L, table))
	if from > to {
		return 0
	}
	if uint(to)-uint(from) >= maxResults {
		L.RaiseError("too many results to unpack; allowed are %d", maxResults)
	}
	Spend(L, (to-from)/8)
	for i := from; ; i++ { // to may be the largest integer
		L.Push(item(table, i))
		if i == to {
			break
		}
	}
	return to - from + 1
}

func baseLoadString(L *lua.LState) int {
	text := L.CheckString(1)
	return compileChunk(L, text, L.OptString(2, text))
}

// baseLoad is load: it takes a function that returns the pieces of a text or, as in Lua 5.2, a text, a mode and an environment.
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
		if err := protected(L, 0, 1, true); err != nil {
			rethrow(L, err)
			return refused(L, errorObject(err))
		}
		piece, ok := stringOf(L.Get(-1))
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

// refused leaves nil and an error.
func refused(L *lua.LState, object lua.LValue) int {
	L.Push(lua.LNil)
	L.Push(object)
	return 2
}

// compileChunk leaves a function, or nil and an error.
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
