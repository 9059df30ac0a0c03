package stdlib

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// stringLibrary is the string library of Lua 5.1, without the code that dump returns. gfind, the old name of gmatch, is added later. Upper
// and lower case are those of ASCII, as in the C locale.
var stringLibrary = map[string]lua.LGFunction{
	"byte":    stringByte,
	"char":    stringChar,
	"dump":    stringDump,
	"find":    func(L *lua.LState) int { return findOrMatch(L, true) },
	"format":  stringFormat,
	"gmatch":  stringGmatch,
	"gsub":    stringGsub,
	"len":     stringLen,
	"lower":   stringLower,
	"match":   func(L *lua.LState) int { return findOrMatch(L, false) },
	"rep":     stringRep,
	"reverse": stringReverse,
	"sub":     stringSub,
	"upper":   stringUpper,
}

// stringDump is string.dump without the code: the header that is left describes the format of numbers, which libraries read. load accepts no
// bytecode.
func stringDump(L *lua.LState) int {
	if L.CheckFunction(1).IsG {
		L.RaiseError("unable to dump given function")
	}
	L.Push(lua.LString("\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00"))
	return 1
}

// between converts a range of Lua, from 1 and with negative numbers from the end, into one of Go.
func between(from, to, length int) (int, int) {
	if from < 0 {
		from = max(length+from+1, 1)
	} else if from == 0 {
		from = 1
	}
	if to < 0 {
		to = length + to + 1
	}
	to = min(to, length)
	if from > to {
		return 0, 0
	}
	return from - 1, to
}

func stringByte(L *lua.LState) int {
	s := value.CheckString(L, 1)
	first := value.OptInt(L, 2, 1)
	from, to := between(first, value.OptInt(L, 3, first), len(s))
	if to-from > maxResults {
		L.RaiseError("too many results; allowed are %d", maxResults)
	}
	vm.Spend(L, (to-from)/8)
	for _, c := range []byte(s[from:to]) {
		L.Push(lua.LNumber(c))
	}
	return to - from
}

func stringChar(L *lua.LState) int {
	out := make([]byte, L.GetTop())
	for i := range out {
		c := value.CheckInt(L, i+1)
		if c < 0 || c > 255 {
			L.ArgError(i+1, "invalid value")
		}
		out[i] = byte(c)
	}
	L.Push(lua.LString(out))
	return 1
}

func stringLen(L *lua.LState) int {
	L.Push(lua.LNumber(len(value.CheckString(L, 1))))
	return 1
}

func stringSub(L *lua.LState) int {
	s := value.CheckString(L, 1)
	from, to := between(value.CheckInt(L, 2), value.OptInt(L, 3, -1), len(s))
	vm.ChargeString(L, to-from)
	L.Push(lua.LString(vm.Part(s, from, to)))
	return 1
}

func stringLower(L *lua.LState) int { return mapBytes(L, 'A', 'Z') }

func stringUpper(L *lua.LState) int { return mapBytes(L, 'a', 'z') }

// mapBytes changes the case of the letters between two.
func mapBytes(L *lua.LState, first, last byte) int {
	s := value.CheckString(L, 1)
	vm.ChargeString(L, len(s))
	out := []byte(s)
	for i, c := range out {
		if c >= first && c <= last {
			out[i] = c ^ 0x20
		}
	}
	L.Push(lua.LString(out))
	return 1
}

func stringReverse(L *lua.LState) int {
	s := value.CheckString(L, 1)
	vm.ChargeString(L, len(s))
	out := make([]byte, len(s))
	for i := range out {
		out[i] = s[len(s)-1-i]
	}
	L.Push(lua.LString(out))
	return 1
}

func stringRep(L *lua.LState) int {
	s, n := value.CheckString(L, 1), value.CheckInt(L, 2)
	if n <= 0 || s == "" {
		L.Push(lua.LString(""))
		return 1
	}
	if n > vm.MaxString/len(s) {
		L.RaiseError("the string is too large; allowed are %d bytes", vm.MaxString)
	}
	vm.ChargeString(L, n*len(s))
	L.Push(lua.LString(strings.Repeat(s, n)))
	return 1
}

// special are the characters that mean something in a pattern.
const special = "^$*+?.([%-"

func findOrMatch(L *lua.LState, find bool) int {
	s, pat := value.CheckString(L, 1), value.CheckString(L, 2)
	init := value.OptInt(L, 3, 1)
	if init < 0 {
		init = max(len(s)+init+1, 1)
	}
	init = min(max(init-1, 0), len(s)) // beyond the end, Lua 5.1 searches at the end
	vm.Spend(L, len(pat)/64)
	if find && (lua.LVAsBool(L.Get(4)) || !strings.ContainsAny(pat, special)) {
		vm.Spend(L, (len(s)-init)/64)
		at := strings.Index(s[init:], pat)
		if at < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(init + at + 1))
		L.Push(lua.LNumber(init + at + len(pat)))
		return 2
	}
	m := matcher{L: L, src: s, pat: pat}
	start, end := m.search(init, m.anchor())
	m.count()
	switch {
	case end == noMatch:
		L.Push(lua.LNil)
		return 1
	case !find:
		return m.pushAll(start, end)
	}
	L.Push(lua.LNumber(start + 1))
	L.Push(lua.LNumber(end))
	return 2 + m.pushCaptures()
}

// pushAll pushes the captures, or the whole match if there are none.
func (m *matcher) pushAll(start, end int) int {
	if m.level == 0 {
		vm.ChargeString(m.L, end-start)
		m.L.Push(lua.LString(vm.Part(m.src, start, end)))
		return 1
	}
	return m.pushCaptures()
}

func (m *matcher) pushCaptures() int {
	for i := range m.level {
		m.L.Push(m.value(i))
	}
	return m.level
}

// value returns a capture: a string, or a number for a position.
func (m *matcher) value(i int) lua.LValue {
	switch c := m.captures[i]; c.length {
	case capturePosition:
		return lua.LNumber(c.start + 1)
	case captureOpen:
		m.L.RaiseError("unfinished capture")
	}
	c := m.captures[i]
	vm.ChargeString(m.L, c.length)
	return lua.LString(vm.Part(m.src, c.start, c.start+c.length))
}

var gmatchNext = vm.StandardFunc(nextGmatch).GFunction

// stringGmatch returns an iterator. What it keeps is in upvalues, not in Go, so that a copy of it has its own.
func stringGmatch(L *lua.LState) int {
	s, pat := value.CheckString(L, 1), value.CheckString(L, 2)
	L.Push(L.NewClosure(gmatchNext, lua.LString(s), lua.LString(pat), lua.LNumber(0)))
	return 1
}

func nextGmatch(L *lua.LState) int {
	m := matcher{L: L, src: L.Get(lua.UpvalueIndex(1)).String(), pat: L.Get(lua.UpvalueIndex(2)).String()}
	start, end := m.search(int(L.Get(lua.UpvalueIndex(3)).(lua.LNumber)), false)
	m.count()
	if end == noMatch {
		L.Replace(lua.UpvalueIndex(3), lua.LNumber(len(m.src)+1))
		return 0
	}
	L.Replace(lua.UpvalueIndex(3), lua.LNumber(max(end, start+1)))
	return m.pushAll(start, end)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
