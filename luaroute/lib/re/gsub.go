package re

import (
	"math"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// maxReferences is how many references to groups a replacement may have.
const maxReferences = 1000

// gsub is re.gsub(s, pattern, repl, n).
func gsub(L *lua.LState, p pattern, text string) int {
	L.CheckTypes(3, lua.LTNumber, lua.LTString, lua.LTTable, lua.LTFunction)
	prog, most := p.program(L), integer(L, 4, math.MaxInt)
	replace := replacer(L, prog, L.Get(3), text)
	var out strings.Builder
	write := func(piece string) {
		tooLarge(L, out.Len()+len(piece))
		vm.Spend(L, 1+len(piece)/bytesPerStep)
		vm.Charge(L, len(piece))
		out.WriteString(piece)
	}
	count, done, w := 0, 0, start
	for count < most {
		found := w.next(L, prog, text)
		if found == nil {
			break
		}
		write(text[done:found[0]])
		replace(found, write)
		done = found[1]
		count++
	}
	write(text[done:])
	L.Push(lua.LString(out.String()))
	L.Push(lua.LNumber(count))
	return 2
}

// replacer returns the function that writes the replacement of a match.
func replacer(L *lua.LState, prog *program, repl lua.LValue, text string) func(found []int, write func(string)) {
	switch repl := repl.(type) {
	case *lua.LFunction:
		return func(found []int, write func(string)) {
			L.Push(repl)
			L.Call(push(L, text, found), 1)
			v := L.Get(-1)
			L.Pop(1)
			write(replacement(L, v, text[found[0]:found[1]]))
		}
	case *lua.LTable:
		return func(found []int, write func(string)) {
			v := lua.LValue(lua.LFalse)
			if key := group(L, text, found, min(1, len(prog.names))); key != lua.LFalse {
				v = L.GetTable(repl, key)
			}
			write(replacement(L, v, text[found[0]:found[1]]))
		}
	}
	pieces := template(L, prog, repl.String())
	return func(found []int, write func(string)) {
		for _, piece := range pieces {
			if piece.group < 0 {
				write(piece.text)
			} else if from := found[2*piece.group]; from >= 0 {
				write(text[from:found[2*piece.group+1]])
			}
		}
	}
}

// replacement returns the string for the value that a table or function returned for a match.
func replacement(L *lua.LState, v lua.LValue, match string) string {
	if lua.LVIsFalse(v) {
		return match
	}
	if !lua.LVCanConvToString(v) {
		L.RaiseError("invalid replacement value (a %s)", v.Type())
	}
	return v.String()
}

// piece is a part of a replacement: a group, or literal text if group is negative.
type piece struct {
	text  string
	group int
}

// template reads a replacement in which $1, ${1} and ${name} stand for groups.
func template(L *lua.LState, prog *program, text string) []piece {
	var pieces []piece
	vm.Spend(L, 1+len(text)/bytesPerStep)
	for {
		before, after, found := strings.Cut(text, "$")
		if before != "" {
			pieces = append(pieces, piece{before, -1})
		}
		if !found {
			return pieces
		}
		if len(pieces) >= 2*maxReferences {
			L.RaiseError("the replacement has more than %d references to groups", maxReferences)
		}
		if rest, ok := strings.CutPrefix(after, "$"); ok {
			pieces, text = append(pieces, piece{"$", -1}), rest
			continue
		}
		name, rest := reference(after)
		pieces, text = append(pieces, piece{"", prog.groupOf(L, name)}), rest
	}
}

// reference returns the name of the group after a $, "" if there is none, and the rest.
func reference(text string) (name, rest string) {
	if braced, ok := strings.CutPrefix(text, "{"); ok {
		name, rest, _ = strings.Cut(braced, "}")
		return name, rest
	}
	digits := 0
	for digits < len(text) && '0' <= text[digits] && text[digits] <= '9' {
		digits++
	}
	return text[:digits], text[digits:]
}

// groupOf returns the number of a group by its number or name.
func (p *program) groupOf(L *lua.LState, name string) int {
	if name == "" {
		L.RaiseError("invalid $ in the replacement; allowed are $1, ${1}, ${name} and $$")
	}
	if n, err := strconv.Atoi(name); err == nil && 0 <= n && n <= len(p.names) {
		return n
	}
	i := slices.Index(p.names, name)
	if i < 0 {
		L.RaiseError("the replacement names the group %q; allowed are 0 to %d and the names %q", name, len(p.names), p.names)
	}
	return i + 1
}
