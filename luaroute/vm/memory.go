package vm

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Memory is limited by what a state holds, not by what it makes: garbage is no fault. Nothing in Go tells how much
// one state holds, so it is measured, by a walk over all that the state reaches, and only when enough was made since the
// last walk that the limit may be passed. What strings and the results of libraries need is counted as they are
// made. What instructions make cannot be seen; while they run they are taken to make as much as Go can, madeEach. So a
// script that holds little pays for a short walk every 30 ms of its run, and one that makes a lot is measured in time.
//
// A walk sees what the stack of Lua reaches. While a Go function runs, it may hold more, so the walk waits for the next
// instruction; the function may make as much as the limit until then. What it holds while it calls back into Lua is
// counted by Hold.

const (
	// madeEach is how many bytes of memory a script may make in a nanosecond.
	madeEach = 2
	// madeByText is how many bytes compiled code takes for each byte of its source.
	madeByText = 32
	// leastRoom bounds how often a state walks that holds nearly all of its limit: 1/leastRoom of it may be made in between.
	leastRoom = 16
)

// Keeper is what holds values of Lua where a walk cannot see them: the Slot of a state, or the value of a userdata.
type Keeper interface {
	// Keeps calls visit with the values.
	Keeps(visit func(lua.LValue))
}

// Charge counts memory that a Go function makes, in bytes, beyond what Spend says of its work. Functions whose results are
// large call it before they make them. It does not return if the budget ends with that.
func Charge(L *lua.LState, size int) {
	if b, ok := L.Context().(*budget); ok && b.make(int64(size)) {
		L.RaiseError("%s", b.ended.Error())
	}
}

// make counts memory, and reports whether the budget has ended.
func (b *budget) make(size int64) bool {
	if b.made += size; b.made+b.guessed <= b.room() {
		return false
	}
	b.left = 0 // the next instruction looks, and measures
	if b.made > b.room()+b.limits.Memory {
		b.tooLarge()
	}
	return b.ended != nil
}

// room is how much may be made between two walks.
func (b *budget) room() int64 {
	return max(b.limits.Memory-b.live, b.limits.Memory/leastRoom)
}

func (b *budget) tooLarge() {
	b.end(fmt.Errorf("%w: it used more than %s of memory", errMemory, sizeText(b.limits.Memory)))
}

func sizeText(n int64) string {
	const mebi = 1 << 20
	if n >= mebi && n%mebi == 0 {
		return fmt.Sprintf("%d MiB", n/mebi)
	}
	return fmt.Sprintf("%d bytes", n)
}

// measure walks if the memory may have passed its limit.
func (b *budget) measure() {
	if b.ended != nil || b.made+b.guessed <= b.room() && !b.weighsSooner() {
		return
	}
	b.count() // what came before the walk
	start := time.Now()
	visits := b.weigh()
	b.spent += min(time.Since(start), time.Duration(visits)*slowest)
	if b.looked = time.Now(); b.live > b.limits.Memory {
		b.tooLarge()
	}
}

// weighsSooner reports whether the pool has reached its limit of memory and much of what the state has made may be garbage.
func (b *budget) weighsSooner() bool {
	p := b.state.pool
	return p != nil && p.total.reached(0) && b.made > max(b.live, leastMade)
}

// weigh measures, and returns how many values were visited.
func (b *budget) weigh() (visits int) {
	b.live, visits = b.state.measure(b.limits.Memory)
	b.made, b.guessed = 0, 0
	return visits
}

// grown reports whether a state holds so much after its request that the next one should get a new state.
func (s *State) grown() bool {
	b := &s.budget
	most := b.limits.Memory / 4 * 3
	if b.live > most || b.made+b.guessed > b.room()/2 { // what was found may be garbage by now
		b.weigh()
	}
	return b.live > most
}

// Hold counts what a Go function holds while it calls back into Lua, in bytes. The function calls it again with the negative size when
// it is back; an error of Lua takes back what was held, too.
func Hold(L *lua.LState, size int) {
	if b, ok := L.Context().(*budget); ok {
		b.held += int64(size)
	}
}

// measure returns how many bytes a state holds, and how many values it has visited for that. It stops when they are more than
// a limit.
func (s *State) measure(limit int64) (size int64, visits int) {
	w := &sizer{state: s, limit: limit, seen: map[gopher.Address]struct{}{}, size: s.budget.held + s.compiled*madeByText}
	w.visit(s.L.G.Registry)
	w.visit(s.L)
	for L := s.L.G.CurrentThread; L != nil; L = L.Parent {
		w.visit(L)
	}
	if s.builder != nil {
		for _, fn := range s.builder.kept {
			w.visit(fn)
		}
	}
	for world := &s.world; world != nil; world = world.outer {
		w.world(world)
	}
	if k, ok := s.Slot.(Keeper); ok {
		k.Keeps(w.visit)
	}
	w.walk()
	return w.size, w.visits
}

func (w *sizer) world(of *world) {
	w.visit(of.env)
	for _, v := range of.modules.loaded {
		w.visit(v)
	}
	for _, v := range of.copier.values {
		w.size += copySize
		w.visit(v)
	}
	for _, cell := range of.copier.cells {
		w.size += copySize
		w.cell(cell)
	}
}

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

// first reports whether an object was not seen before.
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

// shared reports whether a value belongs to all states of an image.
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
