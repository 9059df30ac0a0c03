package re

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// maxText is the size of the largest string that is made, in bytes.
	maxText = 16 << 20
	// valueSize is the memory of a value without the bytes of its string.
	valueSize = 32
)

// operation is a function of the library and a method of its objects. Its other arguments begin at 3.
type operation struct {
	do  func(L *lua.LState, p pattern, text string) int
	doc vm.Doc // of the function
}

// method describes the method.
func (o operation) method() vm.Doc {
	doc := o.doc
	doc.Args = strings.Replace(doc.Args, ", pattern: string", "", 1)
	return doc
}

var operations = []operation{
	{match, vm.Doc{
		Name: "match", Args: "s: string, pattern: string, init?: number", Returns: "(string|false)? group, ...: string|false",
		Text: "the groups of the first match, or the whole match if the pattern has none; nil if nothing matches",
	}},
	{find, vm.Doc{
		Name: "find", Args: "s: string, pattern: string, init?: number", Returns: "number? first, number? last, ...: string|false",
		Text: "where the first match begins and ends, and its groups; or nil",
	}},
	{captures, vm.Doc{
		Name: "captures", Args: "s: string, pattern: string, init?: number", Returns: "table<number|string, string|false>?",
		Text: "the first match as a table: `[0]` is all of it, `[1]` … and the names of `(?P<name>…)` are its groups; or nil",
	}},
	{gmatch, vm.Doc{
		Name: "gmatch", Args: "s: string, pattern: string", Returns: "fun(): ((string|false)? group, ...: string|false)",
		Text: "an iterator over all matches, each as `re.match` returns it",
	}},
	{gsub, vm.Doc{
		Name: "gsub", Args: "s: string, pattern: string, replacement: re.Replacement, n?: number", Returns: "string result, number count",
		Text: "the string with all matches replaced, or the first `n`; and their number",
	}},
	{split, vm.Doc{
		Name: "split", Args: "s: string, pattern: string, n?: number", Returns: "string[]",
		Text: "a list of the pieces between matches, at most `n`",
	}},
}

// first returns the program of a pattern and the first match from the argument init on, in the rest of the string.
func first(L *lua.LState, p pattern, text string) (prog *program, found []int, rest string, skipped int) {
	prog = p.program(L)
	from := integer(L, 3, 1)
	if from < 0 {
		from = max(len(text)+from+1, 1)
	}
	skipped = min(max(from-1, 0), len(text))
	rest = text[skipped:]
	return prog, prog.next(L, rest, 0), rest, skipped
}

// match is re.match(s, pattern, init).
func match(L *lua.LState, p pattern, text string) int {
	_, found, rest, _ := first(L, p, text)
	if found == nil {
		L.Push(lua.LNil)
		return 1
	}
	return push(L, rest, found)
}

// find is re.find(s, pattern, init).
func find(L *lua.LState, p pattern, text string) int {
	_, found, rest, skipped := first(L, p, text)
	if found == nil {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LNumber(skipped + found[0] + 1))
	L.Push(lua.LNumber(skipped + found[1]))
	return 2 + pushGroups(L, rest, found)
}

// captures is re.captures(s, pattern, init).
func captures(L *lua.LState, p pattern, text string) int {
	prog, found, rest, _ := first(L, p, text)
	if found == nil {
		L.Push(lua.LNil)
		return 1
	}
	t := L.CreateTable(len(prog.names), 1)
	vm.Charge(L, valueSize*len(found))
	t.RawSetInt(0, group(L, rest, found, 0))
	for i, name := range prog.names {
		v := group(L, rest, found, i+1)
		t.RawSetInt(i+1, v)
		if name != "" {
			t.RawSetString(name, v)
		}
	}
	vm.Spend(L, len(prog.names))
	L.Push(t)
	return 1
}

// gmatch is re.gmatch(s, pattern). What the iterator keeps is in upvalues, not in Go, so that a copy of it has its own.
func gmatch(L *lua.LState, p pattern, text string) int {
	p.program(L) // a malformed pattern raises here
	L.Push(L.NewClosure(iterate, lua.LString(text), object(p), lua.LNumber(start.at), lua.LNumber(start.last)))
	return 1
}

var iterate = vm.GoFunc(func(L *lua.LState) int {
	text := L.Get(lua.UpvalueIndex(1)).String()
	p := *L.Get(lua.UpvalueIndex(2)).(*lua.LUserData).Value.(*pattern)
	w := walk{at: int(L.Get(lua.UpvalueIndex(3)).(lua.LNumber)), last: int(L.Get(lua.UpvalueIndex(4)).(lua.LNumber))}
	found := w.next(L, p.program(L), text)
	L.Replace(lua.UpvalueIndex(3), lua.LNumber(w.at))
	L.Replace(lua.UpvalueIndex(4), lua.LNumber(w.last))
	if found == nil {
		return 0
	}
	return push(L, text, found)
}).GFunction

// split is re.split(s, pattern, n).
func split(L *lua.LState, p pattern, text string) int {
	prog, most := p.program(L), integer(L, 3, math.MaxInt)
	if most < 1 {
		L.ArgError(3, "expected at least one piece")
	}
	pieces, done, w := L.CreateTable(4, 0), 0, start
	for pieces.Len() < most-1 {
		found := w.next(L, prog, text)
		if found == nil {
			break
		}
		if found[1] == 0 || found[0] == len(text) && found[0] == found[1] { // there is no piece beyond the ends
			continue
		}
		pieces.Append(part(L, text, done, found[0]))
		done = found[1]
		vm.Spend(L, 4)
	}
	pieces.Append(part(L, text, done, len(text)))
	L.Push(pieces)
	return 1
}

// push pushes the groups of a match, or the whole match if there are none.
func push(L *lua.LState, text string, found []int) int {
	if len(found) == 2 {
		L.Push(group(L, text, found, 0))
		return 1
	}
	return pushGroups(L, text, found)
}

func pushGroups(L *lua.LState, text string, found []int) int {
	n := len(found)/2 - 1
	for i := range n {
		L.Push(group(L, text, found, i+1))
	}
	vm.Spend(L, n)
	return n
}

// group returns a group of a match, false if it took no part.
func group(L *lua.LState, text string, found []int, i int) lua.LValue {
	if found[2*i] < 0 {
		return lua.LFalse
	}
	return part(L, text, found[2*i], found[2*i+1])
}

// part returns a part of a string. A small part of a large string gets its own memory, so it does not keep the whole alive.
func part(L *lua.LState, text string, from, to int) lua.LValue {
	vm.Charge(L, valueSize+to-from)
	return lua.LString(vm.Part(text, from, to))
}

// integer returns an argument that is an integer, or a default. Numbers out of range become the nearest one.
func integer(L *lua.LState, n, otherwise int) int {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	f := float64(L.CheckNumber(n))
	if f != f {
		return 0
	}
	return int(min(max(f, -1<<53), 1<<53))
}

// tooLarge raises if a string has too many bytes.
func tooLarge(L *lua.LState, size int) {
	if size > maxText {
		L.RaiseError("the string is too large; allowed are %d bytes", maxText)
	}
}
