package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

const (
	// noRegister is the target of a test that keeps no value yet.
	noRegister = gopher.MaxA
	// noJump is the end of a list of jumps, in the place of a distance.
	noJump = -1
)

// isTest reports whether an instruction decides if the jump behind it is taken.
func isTest(i uint32) bool {
	switch gopher.Op(i) {
	case lua.OP_EQ, lua.OP_LT, lua.OP_LE, lua.OP_TEST, lua.OP_TESTSET, lua.OP_TFORLOOP:
		return true
	}
	return false
}

// emit adds an instruction at the line of the token before, and returns its place.
func (f *function) emit(op, a, b, c int) int { return f.add(gopher.ABC(op, a, b, c)) }

func (f *function) emitBx(op, a, bx int) int { return f.add(gopher.ABx(op, a, bx)) }

func (f *function) add(i uint32) int {
	f.patchJumps(f.pending, len(f.code), noRegister, len(f.code))
	f.pending = noJumps
	f.code = append(f.code, i)
	f.lines = append(f.lines, f.p.lastLine)
	return len(f.code) - 1
}

// atLine changes the line of the last instruction.
func (f *function) atLine(line int) { f.lines[len(f.lines)-1] = line }

// loadNil sets registers to nil.
func (f *function) loadNil(from, n int) {
	if last := len(f.code) - 1; last >= f.lastTarget && last >= 0 { // no jump leads here
		if i := &f.code[last]; gopher.Op(*i) == lua.OP_LOADNIL && gopher.A(*i) <= from && from <= gopher.B(*i)+1 {
			gopher.SetB(i, max(gopher.B(*i), from+n-1))
			return
		}
	}
	f.emit(lua.OP_LOADNIL, from, from+n-1, 0)
}

func (f *function) emitReturn(first, n int) { f.emit(lua.OP_RETURN, first, n+1, 0) }

// constant returns the index of a constant.
func (f *function) constant(key any, value lua.LValue) int {
	index, ok := f.constants[key]
	if !ok {
		if index = len(f.proto.Constants); index > gopher.MaxBx {
			f.p.fail(0, "constant table overflow")
		}
		f.constants[key] = index
		f.proto.Constants = append(f.proto.Constants, value)
	}
	return index
}

func (f *function) text(s string) int { return f.constant(s, lua.LString(s)) }

// setList stores the n registers after a table in it; all of them if n is 0.
func (f *function) setList(table, count, n int) {
	flush := (count-1)/lua.FieldsPerFlush + 1
	if flush <= gopher.MaxC {
		f.emit(lua.OP_SETLIST, table, n, flush)
	} else {
		f.emit(lua.OP_SETLIST, table, n, 0)
		f.add(uint32(flush))
	}
	f.free = table + 1
}

// reserve takes registers.
func (f *function) reserve(n int) {
	f.need(n)
	f.free += n
}

// need makes sure that there are n registers.
func (f *function) need(n int) {
	if f.free+n > maxRegisters {
		f.p.fail(f.p.token, "function or expression too complex")
	}
	f.registers = max(f.registers, f.free+n)
}

// release frees a register that is not a variable.
func (f *function) release(operand int) {
	if operand&gopher.ConstantBit == 0 && operand >= len(f.active) {
		f.free--
	}
}
