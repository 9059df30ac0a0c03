package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// jumps is a list of jumps to a place that is not known yet. Each holds the distance to the next one until then. The ends of
// the list are at hand, so that lists are joined at once however long they are.
type jumps struct{ first, last int }

var noJumps = jumps{noJump, noJump}

func (j jumps) empty() bool { return j.first == noJump }

// join returns the jumps of two lists.
func (f *function) join(a, b jumps) jumps {
	switch {
	case a.empty():
		return b
	case b.empty():
		return a
	}
	f.setTarget(a.last, b.first)
	return jumps{a.first, b.last}
}

// jump adds a jump. Pending jumps to here join it.
func (f *function) jump() jumps {
	waiting := f.pending
	f.pending = noJumps
	at := f.emitBx(lua.OP_JMP, 0, gopher.MaxSBx+noJump)
	return f.join(jumps{at, at}, waiting)
}

// testJump adds a test and the jump that it decides about.
func (f *function) testJump(op, a, b, c int) jumps {
	f.emit(op, a, b, c)
	return f.jump()
}

// here returns the place of the next instruction, and notes that it is a target.
func (f *function) here() int {
	f.lastTarget = len(f.code)
	return len(f.code)
}

func (f *function) setTarget(at, target int) {
	distance := target - (at + 1)
	if distance > gopher.MaxSBx || distance < -gopher.MaxSBx {
		f.p.fail(f.p.token, "control structure too long")
	}
	gopher.SetSBx(&f.code[at], distance)
}

// nextJump returns the next jump in a list.
func (f *function) nextJump(at int) int {
	distance := gopher.SBx(f.code[at])
	if distance == noJump {
		return noJump
	}
	return at + 1 + distance
}

// control returns the instruction that decides whether a jump is taken.
func (f *function) control(at int) *uint32 {
	if at >= 1 && isTest(f.code[at-1]) {
		return &f.code[at-1]
	}
	return &f.code[at]
}

// needValue reports whether a jump in a list leaves no value.
func (f *function) needValue(list jumps) bool {
	for at := list.first; at != noJump; at = f.nextJump(at) {
		if gopher.Op(*f.control(at)) != lua.OP_TESTSET {
			return true
		}
	}
	return false
}

// patchTest makes a test keep its value in a register, or nowhere. It returns false for a jump that leaves no value.
func (f *function) patchTest(at, register int) bool {
	i := f.control(at)
	if gopher.Op(*i) != lua.OP_TESTSET {
		return false
	}
	if register != noRegister && register != gopher.B(*i) {
		gopher.SetA(i, register)
	} else {
		*i = gopher.ABC(lua.OP_TEST, gopher.B(*i), 0, gopher.C(*i))
	}
	return true
}

func (f *function) dropValues(list jumps) {
	for at := list.first; at != noJump; at = f.nextJump(at) {
		f.patchTest(at, noRegister)
	}
}

// patchJumps points the jumps of a list that keep a value in a register to target, and all others to otherwise.
func (f *function) patchJumps(list jumps, target, register, otherwise int) {
	for at := list.first; at != noJump; {
		next := f.nextJump(at)
		if f.patchTest(at, register) {
			f.setTarget(at, target)
		} else {
			f.setTarget(at, otherwise)
		}
		at = next
	}
}

// jumpTo points a list of jumps to an earlier instruction.
func (f *function) jumpTo(list jumps, target int) {
	if target == len(f.code) {
		f.jumpHere(list)
		return
	}
	f.patchJumps(list, target, noRegister, target)
}

// jumpHere points a list of jumps to the next instruction.
func (f *function) jumpHere(list jumps) {
	f.here()
	f.pending = f.join(f.pending, list)
}
