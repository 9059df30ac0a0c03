package vm

import (
	"errors"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// copier copies values of a builder into a state. A value is copied once, so identity, cycles and variables shared by
// several functions stay what they were. Go functions, prototypes and read-only libraries are shared. It reads the
// builder's values with functions that do not write, so several copiers may read at once.
type copier struct {
	image   *Image
	values  map[lua.LValue]lua.LValue
	cells   map[*lua.Upvalue]*lua.Upvalue // nil before the first
	pending []func()                      // not recursion: a list of a million elements would need as many Go frames
	failed  error
	work    int // values that were copied
	most    int // values that may be copied; 0 stands for any number

	// What the running copy has made; if it fails, all that is forgotten.
	newValues []lua.LValue
	newCells  []*lua.Upvalue
}

// errThread says that something holds a coroutine.
var errThread = errors.New("a coroutine cannot be copied into the states that serve requests")

// copy returns the copy of a value, with everything it reaches.
func (c *copier) copy(v lua.LValue) (lua.LValue, error) {
	out := c.shell(v)
	for len(c.pending) > 0 && !c.tooMuch() {
		last := len(c.pending) - 1
		fill := c.pending[last]
		c.pending = c.pending[:last]
		fill()
	}
	c.pending = c.pending[:0]
	if c.failed != nil {
		return lua.LNil, c.forget()
	}
	c.newValues, c.newCells = c.newValues[:0], c.newCells[:0]
	return out, nil
}

// tooMuch reports whether more was copied than allowed. Then the rest is not filled, as the copy is discarded.
func (c *copier) tooMuch() bool { return c.most > 0 && c.work > c.most }

// forget takes back a copy that failed, so that the next one of the same value fails too.
func (c *copier) forget() error {
	for _, from := range c.newValues {
		delete(c.values, from)
	}
	for _, from := range c.newCells {
		delete(c.cells, from)
	}
	err := c.failed
	c.failed, c.newValues, c.newCells = nil, nil, nil
	return err
}

func (c *copier) remember(from, to lua.LValue) {
	c.values[from] = to
	c.newValues = append(c.newValues, from)
}

// shell returns the copy of a value that is perhaps not filled yet.
func (c *copier) shell(v lua.LValue) lua.LValue {
	switch v.(type) {
	case *lua.LTable, *lua.LFunction, *lua.LUserData, *lua.LState:
	default:
		return v
	}
	if done, ok := c.values[v]; ok {
		return done
	}
	if library := c.image.common.library(v); library != nil {
		return library // scripts may have it in a variable
	}
	if c.image.shared(v) {
		return v
	}
	switch v := v.(type) {
	case *lua.LTable:
		return c.table(v)
	case *lua.LFunction:
		return c.function(v)
	case *lua.LUserData:
		to := &lua.LUserData{Value: v.Value}
		c.remember(v, to)
		to.Env, _ = c.shell(tableOrNil(v.Env)).(*lua.LTable)
		to.Metatable = c.shell(v.Metatable)
		return to
	}
	c.failed = errThread
	return lua.LNil
}

func (c *copier) table(from *lua.LTable) *lua.LTable {
	array, hash := from.MaxN(), 0
	last := lua.LNil
	if array > 0 {
		last = lua.LNumber(array)
	}
	for k, _ := from.Next(last); k != lua.LNil; k, _ = from.Next(k) {
		hash++
	}
	c.work += 1 + array + hash
	to := gopher.NewTable(array, hash)
	c.remember(from, to)
	c.pending = append(c.pending, func() { c.fill(from, to) })
	return to
}

func (c *copier) fill(from, to *lua.LTable) {
	for k, v := from.Next(lua.LNil); k != lua.LNil; k, v = from.Next(k) {
		to.RawSet(c.shell(k), c.shell(v))
	}
	to.Metatable = c.shell(from.Metatable)
}

func (c *copier) function(from *lua.LFunction) *lua.LFunction {
	c.work += 1 + len(from.Upvalues)
	to := &lua.LFunction{IsG: from.IsG, Proto: from.Proto, GFunction: from.GFunction}
	c.remember(from, to)
	to.Env, _ = c.shell(tableOrNil(from.Env)).(*lua.LTable)
	to.Upvalues = make([]*lua.Upvalue, len(from.Upvalues))
	for i, cell := range from.Upvalues {
		to.Upvalues[i] = c.cell(cell)
	}
	return to
}

// cell copies a variable that functions share.
func (c *copier) cell(from *lua.Upvalue) *lua.Upvalue {
	if from == nil {
		return nil
	}
	if done, ok := c.cells[from]; ok {
		return done
	}
	to := &lua.Upvalue{}
	to.Close()
	if c.cells == nil {
		c.cells = map[*lua.Upvalue]*lua.Upvalue{}
	}
	c.cells[from] = to
	c.newCells = append(c.newCells, from)
	c.pending = append(c.pending, func() { to.SetValue(c.shell(from.Value())) })
	return to
}

func tableOrNil(t *lua.LTable) lua.LValue {
	if t == nil {
		return lua.LNil
	}
	return t
}
