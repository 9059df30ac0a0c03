package vm

import (
	"reflect"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// common is what the images of all builders with the same standard libraries have in common, so that none needs to keep it: there may be a
// hundred thousand tenants. It never changes.
type common struct {
	// globals are those that the builders begin with, in order.
	names   []lua.LValue
	globals map[lua.LValue]lua.LValue
	// selves are the names of the globals themselves.
	selves map[lua.LValue]bool
	// strs is the metatable of strings.
	strs *lua.LTable
}

// commons are by the code of the function that opens the standard libraries. What a builder has is compared with it, since a closure may do
// something else each time.
var commons sync.Map

// commonOf returns what the images of a builder will have in common with those of others. The builder has opened its standard libraries,
// and nothing else.
func commonOf(standard func(*Builder), b *Builder) *common {
	key := reflect.ValueOf(standard).Pointer()
	if known, ok := commons.Load(key); ok {
		return known.(*common)
	}
	c := &common{globals: map[lua.LValue]lua.LValue{}, selves: map[lua.LValue]bool{}}
	for k, v := b.state.env.Next(lua.LNil); k != lua.LNil; k, v = b.state.env.Next(k) {
		switch fn, _ := v.(*lua.LFunction); v.(type) {
		case lua.LString, lua.LNumber, lua.LBool:
		case *lua.LFunction:
			if !fn.IsG || len(fn.Upvalues) > 0 {
				continue
			}
		default:
			if v == b.self {
				c.selves[k] = true
				c.names = append(c.names, k)
				continue
			}
			ro, table := readonlyOf(v)
			if ro == nil || !ro.borrowed {
				continue
			}
			own := newReadonly(ro.name, table)
			own.borrowed = true
			v = own.view
		}
		c.names = append(c.names, k)
		c.globals[k] = v
	}
	c.strs = gopher.NewTable(0, 4)
	b.strs.ForEach(c.strs.RawSet)
	if i := c.library(b.strs.RawGetString("__index")); i != nil {
		c.strs.RawSetString("__index", i)
	}
	known, _ := commons.LoadOrStore(key, c)
	return known.(*common)
}

// library returns what all images have instead of a library of a builder; nil if it is none, or a script has written to it.
func (c *common) library(v lua.LValue) lua.LValue {
	ro, table := readonlyOf(v)
	if ro == nil || !ro.borrowed || ro.private {
		return nil
	}
	common := c.globals[lua.LString(ro.name)]
	if other, same := readonlyOf(common); other == nil || same != table {
		return nil
	}
	return common
}

// has reports whether all images have something under a name that a builder has it under, too. What are the globals themselves is self.
func (c *common) has(name, v lua.LValue, self *lua.LTable) bool {
	if v == self {
		return c.selves[name]
	}
	common, ok := c.globals[name]
	return ok && (v == common || c.library(v) == common)
}

// without returns what of the globals of a builder not all have, and the names of those that all have and the builder has not.
func (c *common) without(env, self *lua.LTable) (own *lua.LTable, erased map[lua.LValue]bool) {
	var keys, values []lua.LValue
	for k, v := env.Next(lua.LNil); k != lua.LNil; k, v = env.Next(k) {
		if !c.has(k, v, self) {
			keys, values = append(keys, k), append(values, v)
		}
	}
	own = gopher.NewTable(0, len(keys))
	for i, k := range keys {
		own.RawSet(k, values[i])
	}
	own.Metatable = env.Metatable
	for _, name := range c.names {
		if env.RawGet(name) == lua.LNil {
			if erased == nil {
				erased = map[lua.LValue]bool{}
			}
			erased[name] = true
		}
	}
	return own, erased
}
