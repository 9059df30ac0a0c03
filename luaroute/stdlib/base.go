package stdlib

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// maxResults is how many values unpack and string.byte may return.
const maxResults = 8000

// baseLibrary is the part of the base library that gopher-lua has otherwise, or not well enough. Package vm has what runs Lua: pcall,
// error, load, require and the like.
var baseLibrary = map[string]lua.LGFunction{
	"ipairs":       baseIpairs,
	"next":         baseNext,
	"pairs":        basePairs,
	"print":        basePrint,
	"rawget":       baseRawGet,
	"rawset":       baseRawSet,
	"select":       baseSelect,
	"setmetatable": baseSetMetatable,
	"tonumber":     baseToNumber,
	"tostring":     baseToString,
	"unpack":       baseUnpack,
}

// basePrint logs its arguments, separated by tabs.
func basePrint(L *lua.LState) int {
	words := make([]string, L.GetTop())
	size := max(0, len(words)-1)
	for i := range words {
		words[i] = textOf(L, L.Get(i+1))
		size += len(words[i])
	}
	if s := vm.Of(L); s != nil && s.MayLog(L, size) { // else the words, which may all be one large string, are not put together
		s.Entry(zap.InfoLevel, strings.Join(words, "\t")).Write(zap.String("script", vm.Where(L)))
	}
	return 0
}

var (
	nextFunction   = vm.StandardFunc(baseNext)
	ipairsFunction = vm.StandardFunc(ipairsNext)
)

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

func baseNext(L *lua.LState) int {
	key, value := vm.Next(L, L.CheckTable(1), L.Get(2))
	L.Push(key)
	if key == lua.LNil {
		return 1
	}
	L.Push(value)
	return 2
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

func baseRawGet(L *lua.LState) int {
	L.Push(vm.RawGet(L, L.CheckTable(1), L.CheckAny(2)))
	return 1
}

func baseRawSet(L *lua.LState) int {
	table, key, value := L.CheckTable(1), L.CheckAny(2), L.CheckAny(3)
	L.SetTop(1)
	vm.RawSet(L, table, key, value)
	return 1
}

func baseToNumber(L *lua.LState) int {
	base := value.OptInt(L, 2, 10)
	if base < 2 || base > 36 {
		L.ArgError(2, "base out of range")
	}
	switch v := L.CheckAny(1).(type) {
	case lua.LNumber, lua.LString:
		if n, ok := v.(lua.LNumber); ok && base == 10 {
			L.Push(n)
			return 1
		}
		text, _ := value.String(v)
		if n, ok := value.ParseNumber(text, base); ok {
			L.Push(lua.LNumber(n))
			return 1
		}
	}
	L.Push(lua.LNil)
	return 1
}

// baseToString is tostring. What __tostring returns may be any value.
func baseToString(L *lua.LState) int {
	if s, ok := value.String(L.CheckAny(1)); ok {
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
	first := value.CheckInt(L, 1)
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
	from, to := value.OptInt(L, 2, 1), value.OptInt(L, 3, vm.Length(L, table))
	if from > to {
		return 0
	}
	if uint(to)-uint(from) >= maxResults {
		L.RaiseError("too many results to unpack; allowed are %d", maxResults)
	}
	vm.Spend(L, (to-from)/8)
	for i := from; ; i++ { // to may be the largest integer
		L.Push(item(table, i))
		if i == to {
			break
		}
	}
	return to - from + 1
}

// textOf returns the result of tostring.
func textOf(L *lua.LState, v lua.LValue) string {
	if s, ok := value.String(v); ok {
		return s
	}
	return L.ToStringMeta(v).String()
}
