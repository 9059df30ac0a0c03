package stdlib

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// stringGsub is string.gsub.
func stringGsub(L *lua.LState) int {
	s, pat := value.CheckString(L, 1), value.CheckString(L, 2)
	L.CheckTypes(3, lua.LTNumber, lua.LTString, lua.LTTable, lua.LTFunction)
	replacement := L.Get(3)
	limit := value.OptInt(L, 4, math.MaxInt)
	m := matcher{L: L, src: s, pat: pat}
	anchored := m.anchor()

	var out strings.Builder
	count, copied := 0, 0
	for at := 0; count < limit; {
		start, end := m.search(at, anchored)
		if end == noMatch {
			break
		}
		count++
		out.WriteString(s[copied:start])
		m.replace(&out, replacement, start, end)
		copied = end
		at = max(end, start+1)
		if anchored {
			break
		}
	}
	m.count()
	if count > 0 {
		out.WriteString(s[copied:])
		vm.ChargeString(L, out.Len())
		s = out.String()
	}
	L.Push(lua.LString(s))
	L.Push(lua.LNumber(count))
	return 2
}

// replace writes the replacement of one match.
func (m *matcher) replace(out *strings.Builder, replacement lua.LValue, start, end int) {
	before := out.Len()
	switch r := replacement.(type) {
	case lua.LString, lua.LNumber:
		text, _ := value.String(r)
		m.template(out, text, start, end)
	default:
		vm.Hold(m.L, before)
		text := m.substitute(r, start, end)
		vm.Hold(m.L, -before)
		out.WriteString(text)
	}
	vm.CheckSize(m.L, out.Len())
	vm.Spend(m.L, 1+(out.Len()-before)/64)
}

// template writes a string in which %0 to %9 stand for captures.
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
		vm.CheckSize(m.L, out.Len())
	}
}

// substitute looks the match up in a table, or calls a function with it.
func (m *matcher) substitute(r lua.LValue, start, end int) string {
	L := m.L
	var v lua.LValue
	if fn, ok := r.(*lua.LFunction); ok {
		L.Push(fn)
		L.Call(m.pushAll(start, end), 1)
		v = L.Get(-1)
		L.Pop(1)
	} else {
		key := lua.LValue(lua.LString(vm.Part(m.src, start, end)))
		if m.level > 0 {
			key = m.value(0)
		}
		v = L.GetTable(r, key)
	}
	if lua.LVIsFalse(v) {
		return m.src[start:end]
	}
	text, ok := value.String(v)
	if !ok {
		L.RaiseError("invalid replacement value (a %s)", v.Type())
	}
	return text
}
