package coverage

import (
	"iter"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// reachable yields the instructions of a function that can run at all: not those behind a return or in `if false`, nor what are arguments of
// another instruction. The return at the end of each function is nobody's line, and left out.
func reachable(proto *lua.FunctionProto) iter.Seq[int] {
	return func(yield func(int) bool) {
		seen := make([]bool, len(proto.Code))
		todo := []int{0}
		for len(todo) > 0 {
			pc := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if pc >= len(seen)-1 || seen[pc] {
				continue
			}
			seen[pc] = true
			if !yield(pc) {
				return
			}
			todo = append(todo, after(proto, pc)...)
		}
	}
}

// after returns the instructions that may follow one.
func after(proto *lua.FunctionProto, pc int) []int {
	code := proto.Code[pc]
	next, jump := pc+1, pc+1+gopher.SBx(code)
	switch gopher.Op(code) {
	case lua.OP_RETURN:
		return nil
	case lua.OP_JMP, lua.OP_FORPREP:
		return []int{jump}
	case lua.OP_FORLOOP:
		return []int{next, jump}
	case lua.OP_EQ, lua.OP_LT, lua.OP_LE, lua.OP_TEST, lua.OP_TESTSET, lua.OP_TFORLOOP:
		return []int{next, next + 1}
	case lua.OP_LOADBOOL:
		if gopher.C(code) != 0 {
			return []int{next + 1}
		}
	case lua.OP_SETLIST:
		if gopher.C(code) == 0 {
			return []int{next + 1}
		}
	case lua.OP_CLOSURE:
		return []int{next + int(proto.FunctionPrototypes[gopher.Bx(code)].NumUpvalues)}
	}
	return []int{next}
}

// leader returns the instruction with which one is carried out: gopher-lua joins moves that follow each other.
func leader(proto *lua.FunctionProto, pc int) int {
	for first := pc; first >= 0 && pc-first <= gopher.MaxC; first-- {
		switch code := proto.Code[first]; gopher.Op(code) {
		case lua.OP_MOVEN:
			if first+gopher.C(code) >= pc {
				return first
			}
			return pc
		case lua.OP_MOVE:
		default:
			return pc
		}
	}
	return pc
}
