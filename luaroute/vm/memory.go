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
// made. What instructions make can not be seen; while they run they are taken to make as much as Go can, madeEach. So a
// script that holds little pays for a short walk every 30 ms of its run, and one that makes a lot is measured in time.
//
// A walk sees what the stack of Lua reaches. While a Go function runs, it may hold more, so the walk waits for the next
// instruction; the function may make as much as the limit until then. What it holds while it calls back into Lua is
// counted by Hold.

const (
	// madeEach is how many bytes of memory a script may make in a nanosecond.
	madeEach = 2
	// madeByText is how many bytes a compiled text takes for each of its own.
	madeByText = 32
	// leastRoom is the part of the limit that is made between two walks even by a state that holds nearly all of it.
	leastRoom = 16
)

// Keeper is what holds values of Lua for a state where that can not see them: its Slot, or the value of a userdata.
type Keeper interface {
	// Keeps calls visit with the values.
	Keeps(visit func(lua.LValue))
}

// Charge counts memory that a Go function makes, in bytes, beyond what Spend says of its work. Functions whose results are
// large call it before they make them. It does not return if the budget ends with that.
func Charge(L *lua.LState, size int) {
	if b, ok := L.Context().(*Budget); ok && b.make(int64(size)) {
		L.RaiseError("%s", b.ended.Error())
	}
}

// make counts memory, and says whether the budget has ended.
func (b *Budget) make(size int64) bool {
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
func (b *Budget) room() int64 {
	return max(b.limits.Memory-b.live, b.limits.Memory/leastRoom)
}

func (b *Budget) tooLarge() {
	b.end(fmt.Errorf("%w: it used more than %s of memory", ErrBudget, sizeText(b.limits.Memory)))
}

func sizeText(n int64) string {
	const mebi = 1 << 20
	if n >= mebi && n%mebi == 0 {
		return fmt.Sprintf("%d MiB", n/mebi)
	}
	return fmt.Sprintf("%d bytes", n)
}

// measure walks if the memory may have passed its limit.
func (b *Budget) measure() {
	if b.ended != nil || b.made+b.guessed <= b.room() {
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

// weigh measures, and returns how many values were visited.
func (b *Budget) weigh() (visits int) {
	b.live, visits = b.state.measure(b.limits.Memory)
	b.made, b.guessed = 0, 0
	return visits
}

// grown says that a state whose request is over holds so much that the next one had better get a new state.
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
	if b, ok := L.Context().(*Budget); ok {
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
