package script

import lua "github.com/yuin/gopher-lua"

// An instruction of gopher-lua has, from its highest bit on, 6 bits of opcode, 8 of A, 9 of C and 9 of B; Bx is C and B. An
// operand of 9 bits is a register, or with its highest bit a constant.
const (
	opShift, aShift, cShift = 26, 18, 9

	maxA   = 1<<8 - 1
	maxC   = 1<<9 - 1
	maxBx  = 1<<18 - 1
	maxSBx = maxBx >> 1

	constantBit = 1 << 8
	// noRegister is the target of a test that keeps no value yet.
	noRegister = maxA
	// noJump is the end of a list of jumps, in the place of a distance.
	noJump = -1
)

func abc(op, a, b, c int) uint32 { return uint32(op<<opShift | a<<aShift | c<<cShift | b) }

func opOf(i uint32) int  { return int(i >> opShift) }
func aOf(i uint32) int   { return int(i >> aShift & maxA) }
func bOf(i uint32) int   { return int(i & maxC) }
func cOf(i uint32) int   { return int(i >> cShift & maxC) }
func sBxOf(i uint32) int { return int(i&maxBx) - maxSBx }

func setOp(i *uint32, op int) { *i = *i&(1<<opShift-1) | uint32(op)<<opShift }
func setA(i *uint32, a int)   { *i = *i&^(maxA<<aShift) | uint32(a)<<aShift }
func setB(i *uint32, b int)   { *i = *i&^maxC | uint32(b) }
func setC(i *uint32, c int)   { *i = *i&^(maxC<<cShift) | uint32(c)<<cShift }
func setSBx(i *uint32, d int) { *i = *i&^maxBx | uint32(d+maxSBx) }

// isTest says whether an instruction decides if the jump behind it is taken.
func isTest(i uint32) bool {
	switch opOf(i) {
	case lua.OP_EQ, lua.OP_LT, lua.OP_LE, lua.OP_TEST, lua.OP_TESTSET, lua.OP_TFORLOOP:
		return true
	}
	return false
}

// emit adds an instruction at the line of the token before, and returns its place.
func (f *function) emit(op, a, b, c int) int { return f.add(abc(op, a, b, c)) }

func (f *function) emitBx(op, a, bx int) int { return f.add(uint32(op<<opShift | a<<aShift | bx)) }

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
		if i := &f.code[last]; opOf(*i) == lua.OP_LOADNIL && aOf(*i) <= from && from <= bOf(*i)+1 {
			setB(i, max(bOf(*i), from+n-1))
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
		if index = len(f.proto.Constants); index > maxBx {
			f.p.fail(0, "constant table overflow")
		}
		f.constants[key] = index
		f.proto.Constants = append(f.proto.Constants, value)
	}
	return index
}

func (f *function) text(s string) int { return f.constant(s, lua.LString(s)) }

// setList stores what stands behind a table in registers. With n = 0 it is all that is there.
func (f *function) setList(table, count, n int) {
	flush := (count-1)/lua.FieldsPerFlush + 1
	if flush <= maxC {
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

// need sees that there are so many registers.
func (f *function) need(n int) {
	if f.free+n > maxRegisters {
		f.p.fail(f.p.token, "function or expression too complex")
	}
	f.registers = max(f.registers, f.free+n)
}

// release gives a register back that is no variable.
func (f *function) release(operand int) {
	if operand&constantBit == 0 && operand >= len(f.active) {
		f.free--
	}
}
