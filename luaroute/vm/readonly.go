package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// readonlyKey is the field of a metatable that marks a read-only table.
const readonlyKey = "(read-only)"

// readonly is a table that scripts see through an empty one. So a write always reaches the guard below, and the table can
// be shared by all states of an image: what is always only read needs no copy.
type readonly struct {
	name  string
	table *lua.LTable
	view  *lua.LTable
	// private says that states must not share the table, because it is the globals or a script has written to it.
	private bool
	// borrowed says that builders share the table: one that writes to it gets a copy.
	borrowed bool
}

// own returns the table for writing.
func (s *readonly) own(table *lua.LTable) *lua.LTable {
	if !s.borrowed {
		return table
	}
	s.borrowed = false
	s.table = gopher.NewTable(0, table.Len())
	table.ForEach(s.table.RawSet)
	s.view.Metatable.(*lua.LTable).RawSetString("__index", s.table)
	return s.table
}

// newReadonly makes a read-only view of a table. The metatable of the table still applies.
func newReadonly(name string, table *lua.LTable) *readonly {
	ro := &readonly{name: name, table: table, view: gopher.NewTable(0, 0)}
	meta := gopher.NewTable(0, 4)
	if own, ok := table.Metatable.(*lua.LTable); ok {
		own.ForEach(func(k, v lua.LValue) { meta.RawSet(k, v) })
	}
	meta.RawSetString("__index", table)
	meta.RawSetString("__newindex", writeGuard)
	meta.RawSetString("__metatable", lua.LFalse)
	meta.RawSetString(readonlyKey, &lua.LUserData{Value: ro, Metatable: lua.LNil})
	ro.view.Metatable = meta
	return ro
}

// readonlyLibrary makes the table of a library and those in it read-only, and protects its functions. Its userdata, such as json.null,
// are shared by all states, so that scripts can compare them. The tables must not form a cycle.
func readonlyLibrary(L *lua.LState, name string, table *lua.LTable) *lua.LTable {
	ro := newReadonly(name, table)
	table.ForEach(func(k, v lua.LValue) {
		switch v := v.(type) {
		case *lua.LFunction:
			protectInPlace(v)
		case *lua.LTable:
			if inner, _ := readonlyOf(v); inner == nil {
				table.RawSet(k, readonlyLibrary(L, name+"."+k.String(), v))
			}
		case *lua.LUserData:
			if meta, ok := v.Metatable.(*lua.LTable); ok && meta.RawGetString("__metatable") == lua.LNil {
				meta.RawSetString("__metatable", lua.LFalse)
			}
			if s := Of(L); s.Loading() {
				s.builder.share(v)
			}
		}
	})
	return ro.view
}

// readonlyOf returns what a view is of, and the table of it in this state. It returns nil for a table that is no
// view.
func readonlyOf(v lua.LValue) (*readonly, *lua.LTable) {
	view, ok := v.(*lua.LTable)
	if !ok {
		return nil, nil
	}
	meta, ok := view.Metatable.(*lua.LTable)
	if !ok {
		return nil, nil
	}
	mark, ok := meta.RawGetString(readonlyKey).(*lua.LUserData)
	if !ok {
		return nil, nil
	}
	table, _ := meta.RawGetString("__index").(*lua.LTable)
	return mark.Value.(*readonly), table
}

// writeGuard is called for every write to a read-only table.
var writeGuard = GoFunc(func(L *lua.LState) int {
	assign(L, L.Get(1), L.Get(2), L.Get(3))
	return 0
})

// assign writes to a read-only table while scripts load, and raises an error later.
func assign(L *lua.LState, view, key, value lua.LValue) {
	ro, table := readonlyOf(view)
	s := Of(L)
	switch {
	case ro == nil || s == nil:
		L.RaiseError("this table cannot be written")
	case ro.name == loadedName:
		L.RaiseError("package.loaded is read-only; a module returns its value to require")
	case s.Loading():
		ro.private = true
		L.RawSet(ro.own(table), key, value)
	case ro.name == globals && s.outer != nil:
		L.RawSet(table, key, value)
		s.erase(key, value == lua.LNil)
	case ro.name == globals:
		L.RaiseError("the global %q is assigned while a request runs; allowed are locals, req.ctx and kv", shorten(key.String()))
	default:
		L.RaiseError("the field %q of %s is assigned while a request runs; libraries are read-only then", shorten(key.String()), ro.name)
	}
}

// shorten limits the length of what a message quotes.
func shorten(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
