package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// sealKey is the field of a metatable that marks a sealed table.
const sealKey = "(sealed)"

// seal is a table that scripts see through an empty one. So a write always reaches the guard below, and the table can
// be shared by all states of an image: what is always only read needs no copy.
type seal struct {
	name  string
	table *lua.LTable
	view  *lua.LTable
	// private says that states must not share the table: it is the globals, or a script put something into it.
	private bool
	// borrowed says that builders share the table: one that writes to it gets a copy.
	borrowed bool
}

// own returns the table behind a seal for writing.
func (s *seal) own(table *lua.LTable) *lua.LTable {
	if !s.borrowed {
		return table
	}
	s.borrowed = false
	s.table = gopher.NewTable(0, table.Len())
	table.ForEach(s.table.RawSet)
	s.view.Metatable.(*lua.LTable).RawSetString("__index", s.table)
	return s.table
}

// newSeal seals a table. A metatable of it keeps its meaning.
func newSeal(name string, table *lua.LTable) *seal {
	sealed := &seal{name: name, table: table, view: gopher.NewTable(0, 0)}
	meta := gopher.NewTable(0, 4)
	if own, ok := table.Metatable.(*lua.LTable); ok {
		own.ForEach(func(k, v lua.LValue) { meta.RawSet(k, v) })
	}
	meta.RawSetString("__index", table)
	meta.RawSetString("__newindex", sealGuard)
	meta.RawSetString("__metatable", lua.LFalse)
	meta.RawSetString(sealKey, &lua.LUserData{Value: sealed, Metatable: lua.LNil})
	sealed.view.Metatable = meta
	return sealed
}

// sealLibrary seals the table of a library and those in it, and protects its functions. Its userdata, such as json.null,
// are what they are in all states, so that scripts can compare them. The tables must not hold one another in a circle.
func sealLibrary(L *lua.LState, name string, table *lua.LTable) *lua.LTable {
	sealed := newSeal(name, table)
	table.ForEach(func(k, v lua.LValue) {
		switch v := v.(type) {
		case *lua.LFunction:
			protectInPlace(v)
		case *lua.LTable:
			if inner, _ := sealOf(v); inner == nil {
				table.RawSet(k, sealLibrary(L, name+"."+k.String(), v))
			}
		case *lua.LUserData:
			if meta, ok := v.Metatable.(*lua.LTable); ok && meta.RawGetString("__metatable") == lua.LNil {
				meta.RawSetString("__metatable", lua.LFalse)
			}
			if s := Of(L); s.Loading() {
				s.builder.Share(v)
			}
		}
	})
	return sealed.view
}

// sealOf returns the seal of a table that scripts see, and the table behind it in this state. It returns nil for a
// table that is not sealed.
func sealOf(v lua.LValue) (*seal, *lua.LTable) {
	view, ok := v.(*lua.LTable)
	if !ok {
		return nil, nil
	}
	meta, ok := view.Metatable.(*lua.LTable)
	if !ok {
		return nil, nil
	}
	mark, ok := meta.RawGetString(sealKey).(*lua.LUserData)
	if !ok {
		return nil, nil
	}
	table, _ := meta.RawGetString("__index").(*lua.LTable)
	return mark.Value.(*seal), table
}

// sealGuard is called for every write to a sealed table.
var sealGuard = GoFunc(func(L *lua.LState) int {
	assign(L, L.Get(1), L.Get(2), L.Get(3))
	return 0
})

// assign writes to a sealed table while scripts load, and refuses to later.
func assign(L *lua.LState, view, key, value lua.LValue) {
	sealed, table := sealOf(view)
	s := Of(L)
	switch {
	case sealed == nil || s == nil:
		L.RaiseError("this table can not be written")
	case sealed.name == loadedName:
		L.RaiseError("package.loaded is read-only; a module returns its value to require")
	case s.Loading():
		sealed.private = true
		L.RawSet(sealed.own(table), key, value)
	case sealed.name == globals && s.outer != nil:
		L.RawSet(table, key, value)
		s.erase(key, value == lua.LNil)
	case sealed.name == globals:
		L.RaiseError("the global %q is assigned while a request runs; allowed are locals, req.ctx and kv", shorten(key.String()))
	default:
		L.RaiseError("the field %q of %s is assigned while a request runs; libraries are read-only then", shorten(key.String()), sealed.name)
	}
}

// shorten bounds what a message quotes.
func shorten(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// unsealed returns the table to read for a table that a script handed in.
func unsealed(L *lua.LState, t *lua.LTable) *lua.LTable {
	if t.Metatable == lua.LNil {
		return t
	}
	sealed, table := sealOf(t)
	if sealed == nil {
		return t
	}
	if sealed.name == globals {
		Of(L).completeGlobals()
	}
	return table
}

// writable refuses a sealed table.
func writable(L *lua.LState, t *lua.LTable) *lua.LTable {
	if t.Metatable == lua.LNil {
		return t
	}
	if sealed, _ := sealOf(t); sealed != nil {
		L.RaiseError("%s can not be changed this way", sealed.name)
	}
	return t
}
