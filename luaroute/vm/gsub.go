package vm

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// stringGsub is string.gsub.
func stringGsub(L *lua.LState) int {
	s, pat := L.CheckString(1), L.CheckString(2)
	L.CheckTypes(3, lua.LTNumber, lua.LTString, lua.LTTable, lua.LTFunction)
	replacement := L.Get(3)
	limit := optInt(L, 4, math.MaxInt)
	m := matcher{L: L, src: s}
	var anchored bool
	m.pat, anchored = strings.CutPrefix(pat, "^")

	var out strings.Builder
	count, at := 0, 0
	for count < limit {
		m.level = 0
		end := m.match(at, 0)
		if end != noMatch {
			count++
			m.replace(&out, replacement, at, end)
		}
		switch {
		case end != noMatch && end > at:
			at = end
		case at < len(s):
			out.WriteByte(s[at])
			at++
		default:
			at++
		}
		if at > len(s) || anchored {
			break
		}
	}
	if at < len(s) {
		out.WriteString(s[at:])
	}
	charge(L, out.Len())
	L.Push(lua.LString(out.String()))
	L.Push(lua.LNumber(count))
	return 2
}

// replace writes what stands for one match.
func (m *matcher) replace(out *strings.Builder, replacement lua.LValue, start, end int) {
	before := out.Len()
	switch r := replacement.(type) {
	case lua.LString, lua.LNumber:
		m.template(out, r.String(), start, end)
	default:
		out.WriteString(m.substitute(r, start, end))
	}
	charge(m.L, out.Len())
	Spend(m.L, 1+(out.Len()-before)/64)
}

// template writes a text in which %0 to %9 stand for captures.
func (m *matcher) template(out *strings.Builder, text string, start, end int) {
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			out.WriteByte(text[i])
			continue
		}
		if i++; i == len(text) {
			m.L.RaiseError("%s", "invalid use of '%' in replacement string")
		}
		switch c := text[i]; {
		case !isDigit(c):
			out.WriteByte(c)
		case c == '0' || c == '1' && m.level == 0:
			out.WriteString(m.src[start:end])
		case int(c-'1') >= m.level:
			m.L.RaiseError("invalid capture index")
		default:
			out.WriteString(m.value(int(c - '1')).String())
		}
	}
}

// substitute asks a table or a function.
func (m *matcher) substitute(r lua.LValue, start, end int) string {
	L := m.L
	var v lua.LValue
	if fn, ok := r.(*lua.LFunction); ok {
		L.Push(fn)
		L.Call(m.pushAll(start, end), 1)
		v = L.Get(-1)
		L.Pop(1)
	} else {
		key := lua.LValue(lua.LString(m.src[start:end]))
		if m.level > 0 {
			key = m.value(0)
		}
		v = L.GetTable(r, key)
	}
	switch {
	case lua.LVIsFalse(v):
		return m.src[start:end]
	case !lua.LVCanConvToString(v):
		L.RaiseError("invalid replacement value (a %s)", v.Type())
	}
	return v.String()
}
