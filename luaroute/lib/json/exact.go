package json

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// exact is what a decoded list or object remembers of values that Lua does not hold exactly, such as integers beyond 2^53: how they
// were written. Those that are unchanged are written so again.
type exact struct{ written map[lua.LValue]writing }

// writing is a value and how it was written.
type writing struct {
	value lua.LValue
	text  string
}

// Immutable says that all states share it.
func (*exact) Immutable() {}

// exactKey is the field of a metatable that holds the exact of a list or object.
const exactKey = "json.exact"

// exactOf returns what t remembers, or nil.
func exactOf(t *lua.LTable) *exact {
	meta, ok := t.Metatable.(*lua.LTable)
	if !ok {
		return nil
	}
	if data, ok := meta.RawGetString(exactKey).(*lua.LUserData); ok {
		x, _ := data.Value.(*exact)
		return x
	}
	return nil
}

// text returns how the value of a key was written, or "" if it has changed.
func (x *exact) text(key, value lua.LValue) string {
	if x == nil {
		return ""
	}
	if was, ok := x.written[key]; ok && was.value == value {
		return was.text
	}
	return ""
}

// writingSize is the memory of a remembered value, in bytes.
const writingSize = 160

// remember keeps how the value of a key in t was written, if Lua does not hold it exactly.
func (p *parser) remember(t *lua.LTable, key, value lua.LValue) {
	if p.written == "" {
		return
	}
	vm.Charge(p.L, writingSize+len(p.written))
	x := exactOf(t)
	if x == nil {
		vm.Charge(p.L, objectSize)
		x = &exact{written: map[lua.LValue]writing{}}
		meta := p.L.CreateTable(0, 2)
		if isArray(t) {
			meta.RawSetString("__metatable", arrayMark)
		}
		meta.RawSetString(exactKey, &lua.LUserData{Value: x, Metatable: lua.LNil})
		t.Metatable = meta
	}
	x.written[key] = writing{value, p.written}
	p.written = ""
}
