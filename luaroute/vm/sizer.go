package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// What values take, in bytes, as measured with Go 1.26 on 64 bits.
const (
	valueSize    = 16 // an interface, and the header of a string
	tableSize    = 96
	fieldsSize   = 1000 // the least that a table with fields takes for its maps; gopher-lua makes room for up to 32
	fieldSize    = 110  // one more field: it is in two maps and in the list of keys
	functionSize = 80
	cellSize     = 56
	threadSize   = 2500
	frameSize    = 88
	dataSize     = 48
	copySize     = 48 // what the copier remembers
	longText     = 64 // shorter strings are counted wherever they are, not once
	numberBlock  = 256
	newBlock     = 64 // a number is in a block of 32 that lives as long as one of them; some are in use
	numberSize   = 8
	pointerSize  = 8
	smallTable   = 8 // fields that fieldsSize has room for
)

// sizer adds up what values take. Each object is counted once.
type sizer struct {
	state   *State
	seen    map[gopher.Address]struct{}
	pending []lua.LValue
	block   uintptr // of the number before
	visits  int
	size    int64
	limit   int64
}

func (w *sizer) walk() {
	for len(w.pending) > 0 && w.size <= w.limit {
		last := len(w.pending) - 1
		v := w.pending[last]
		w.pending = w.pending[:last]
		switch v := v.(type) {
		case *lua.LTable:
			w.table(v)
		case *lua.LFunction:
			w.function(v)
		case *lua.LUserData:
			w.data(v)
		case *lua.LState:
			w.thread(v)
		}
	}
}

// first says that an object was not seen before.
func (w *sizer) first(p gopher.Address) bool {
	if _, seen := w.seen[p]; seen {
		return false
	}
	w.seen[p] = struct{}{}
	return true
}

// visit counts a value, and notes what else it may reach.
func (w *sizer) visit(v lua.LValue) {
	w.visits++
	switch v := v.(type) {
	case nil: // a register that was never used
		return
	case lua.LString:
		w.text(string(v))
		return
	case lua.LNumber:
		w.number(v)
		return
	case *lua.LTable, *lua.LFunction, *lua.LUserData, *lua.LState:
		if p := gopher.ValueAddress(v); p != nil && w.first(p) && !w.shared(v) {
			w.pending = append(w.pending, v)
		}
	}
}

// shared says that a value belongs to all states of an image.
func (w *sizer) shared(v lua.LValue) bool {
	image := w.state.copier.image
	return image != nil && image.shared(v)
}

func (w *sizer) text(s string) {
	w.size += valueSize
	if len(s) < longText || w.first(gopher.TextAddress(s)) {
		w.size += int64(len(s))
	}
}

// number counts a number by where it is: those made one after the other share a block.
func (w *sizer) number(v lua.LValue) {
	if block := gopher.Block(gopher.ValueAddress(v), numberBlock); block != w.block {
		w.block = block
		w.size += newBlock
		return
	}
	w.size += numberSize
}

func (w *sizer) table(t *lua.LTable) {
	array, keys := gopher.Array(t), gopher.Keys(t)
	w.size += tableSize + int64(cap(array))*valueSize
	if keys != nil {
		w.size += fieldsSize + int64(max(len(keys)-smallTable, 0))*fieldSize
	}
	for _, v := range array {
		w.visit(v)
	}
	strings, others := gopher.Fields(t)
	for k, v := range strings {
		w.text(k)
		w.visit(v)
	}
	for k, v := range others {
		w.visit(k)
		w.visit(v)
	}
	w.visit(t.Metatable)
}

func (w *sizer) function(fn *lua.LFunction) {
	w.size += functionSize
	if fn.Env != nil && fn.Env != w.state.env { // that of setfenv
		w.visit(fn.Env)
	}
	for _, cell := range fn.Upvalues {
		w.size += pointerSize
		w.cell(cell)
	}
}

func (w *sizer) cell(cell *lua.Upvalue) {
	if cell != nil && w.first(gopher.AddressOf(cell)) {
		w.size += cellSize
		w.visit(cell.Value())
	}
}

func (w *sizer) data(data *lua.LUserData) {
	w.size += dataSize
	w.visit(data.Metatable)
	if k, ok := data.Value.(Keeper); ok {
		k.Keeps(w.visit)
	}
}

func (w *sizer) thread(L *lua.LState) {
	values, room := gopher.Registers(L)
	w.size += threadSize + int64(room)*valueSize + int64(gopher.Depth(L))*frameSize
	for _, v := range values {
		w.visit(v)
	}
}
