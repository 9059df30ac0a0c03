package gopher

import (
	_ "unsafe" // for go:linkname

	lua "github.com/yuin/gopher-lua"
)

// An instruction has, from its highest bit on, 6 bits of opcode, 8 of A, 9 of C and 9 of B; Bx is C and B, and sBx is the same
// with a sign. An operand of 9 bits is a register, or with its highest bit a constant.
const (
	opShift, aShift, cShift = 26, 18, 9

	// The largest operands.
	MaxA   = 1<<8 - 1
	MaxC   = 1<<9 - 1
	MaxBx  = 1<<18 - 1
	MaxSBx = MaxBx >> 1

	// ConstantBit is set in an operand that is a constant.
	ConstantBit = 1 << 8
)

// Op returns the opcode of an instruction.
func Op(code uint32) int { return int(code >> opShift) }

// A returns the operand A of an instruction.
func A(code uint32) int { return int(code >> aShift & MaxA) }

// B returns the operand B of an instruction.
func B(code uint32) int { return int(code & MaxC) }

// C returns the operand C of an instruction.
func C(code uint32) int { return int(code >> cShift & MaxC) }

// Bx returns the operand Bx of an instruction.
func Bx(code uint32) int { return int(code & MaxBx) }

// SBx returns the operand sBx of an instruction.
func SBx(code uint32) int { return int(code&MaxBx) - MaxSBx }

// ABC returns an instruction.
func ABC(op, a, b, c int) uint32 { return uint32(op<<opShift | a<<aShift | c<<cShift | b) }

// ABx returns an instruction.
func ABx(op, a, bx int) uint32 { return uint32(op<<opShift | a<<aShift | bx) }

// SetOp changes the opcode of an instruction.
func SetOp(code *uint32, op int) { *code = *code&(1<<opShift-1) | uint32(op)<<opShift }

// SetA changes the operand A of an instruction.
func SetA(code *uint32, a int) { *code = *code&^(MaxA<<aShift) | uint32(a)<<aShift }

// SetB changes the operand B of an instruction.
func SetB(code *uint32, b int) { *code = *code&^MaxC | uint32(b) }

// SetC changes the operand C of an instruction.
func SetC(code *uint32, c int) { *code = *code&^(MaxC<<cShift) | uint32(c)<<cShift }

// SetSBx changes the operand sBx of an instruction.
func SetSBx(code *uint32, sbx int) { *code = *code&^MaxBx | uint32(sbx+MaxSBx) }

// Instructions carry out the instructions of gopher-lua, by opcode. They return 1 when the frame of the main loop has returned.
//
//go:linkname Instructions github.com/yuin/gopher-lua.jumpTable
var Instructions [lua.OP_NOP + 1]func(L *lua.LState, code uint32, base *Frame) int
