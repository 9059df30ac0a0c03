package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// The names of variables are not known while a script runs. Where an error needs one, it is found from the instructions that
// lead to the error, as in Lua 5.1.

// frame is a frame of Lua with its thread.
type frame struct {
	*gopher.Frame
	L *lua.LState
}

// named is the variable that a value is in: its kind and name.
type named struct{ kind, name string }

// nameOf returns the variable whose value is in a register of a Lua frame; empty if it is unknown.
func (f frame) nameOf(register int) named {
	proto, pc := f.Fn.Proto, f.Pc-1
	for {
		if b, ok := f.L.Context().(*budget); ok {
			b.left -= pc / 8 // the next instruction may be the last
		}
		if name := localName(proto, register, pc); name != "" {
			return named{"local", name}
		}
		at := lastWrite(proto, register, pc)
		code := proto.Code[at]
		switch a, b := gopher.A(code), gopher.B(code); gopher.Op(code) {
		case lua.OP_GETGLOBAL:
			return named{"global", constantName(proto, gopher.Bx(code))}
		case lua.OP_MOVE, lua.OP_MOVEN:
			if b >= a {
				return named{}
			}
			register = b
		case lua.OP_GETTABLE:
			name := constantName(proto, gopher.C(code)-gopher.ConstantBit)
			if at > 0 && proto.Code[at-1] == gopher.ABC(lua.OP_MOVE, a+1, b, 0) { // the object of a method
				return named{"method", name}
			}
			return named{"field", name}
		case lua.OP_SELF:
			return named{"method", constantName(proto, gopher.C(code)-gopher.ConstantBit)}
		case lua.OP_GETUPVAL:
			return named{"upvalue", proto.DbgUpvalues[b]}
		default:
			return named{}
		}
	}
}

// constantName returns the name in a constant, or "?".
func constantName(proto *lua.FunctionProto, index int) string {
	if index >= 0 {
		if name, ok := proto.Constants[index].(lua.LString); ok {
			return string(name)
		}
	}
	return "?"
}

// localName returns the name of the local variable that is in a register at an instruction, or "".
func localName(proto *lua.FunctionProto, register, pc int) string {
	for _, local := range proto.DbgLocals {
		if local.StartPc > pc {
			break
		}
		if pc < local.EndPc {
			if register == 0 {
				return local.Name
			}
			register--
		}
	}
	return ""
}

// lastWrite returns the last instruction before another one that wrote a register. Jumps are followed if they lead forward, but
// not past that. If none wrote it, the result is the last instruction of the function.
func lastWrite(proto *lua.FunctionProto, register, before int) int {
	last := len(proto.Code) - 1
	for pc := 0; pc < before; pc++ {
		code := proto.Code[pc]
		op, a := gopher.Op(code), gopher.A(code)
		if writesA>>op&1 == 1 && a == register {
			last = pc
		}
		switch op {
		case lua.OP_LOADNIL:
			if a <= register && register <= gopher.B(code) {
				last = pc
			}
		case lua.OP_SELF:
			if register == a+1 {
				last = pc
			}
		case lua.OP_TFORLOOP:
			if register >= a+2 {
				last = pc
			}
		case lua.OP_CALL, lua.OP_TAILCALL, lua.OP_VARARG:
			if register >= a {
				last = pc
			}
		case lua.OP_JMP, lua.OP_FORLOOP, lua.OP_FORPREP:
			if to := pc + 1 + gopher.SBx(code); pc < to && to <= before {
				pc = to - 1
			}
		case lua.OP_SETLIST:
			if gopher.C(code) == 0 {
				pc++
			}
		case lua.OP_CLOSURE:
			pc += int(proto.FunctionPrototypes[gopher.Bx(code)].NumUpvalues)
		}
	}
	return last
}

// writesA are the instructions that write the register A, or may have; a bit for each.
const writesA = 1<<lua.OP_MOVE | 1<<lua.OP_MOVEN | 1<<lua.OP_LOADK | 1<<lua.OP_LOADBOOL | 1<<lua.OP_LOADNIL | 1<<lua.OP_GETUPVAL |
	1<<lua.OP_GETGLOBAL | 1<<lua.OP_GETTABLE | 1<<lua.OP_NEWTABLE | 1<<lua.OP_SELF | 1<<lua.OP_ADD | 1<<lua.OP_SUB | 1<<lua.OP_MUL |
	1<<lua.OP_DIV | 1<<lua.OP_MOD | 1<<lua.OP_POW | 1<<lua.OP_UNM | 1<<lua.OP_NOT | 1<<lua.OP_LEN | 1<<lua.OP_CONCAT |
	1<<lua.OP_TEST | 1<<lua.OP_TESTSET | 1<<lua.OP_CALL | 1<<lua.OP_TAILCALL | 1<<lua.OP_FORLOOP | 1<<lua.OP_FORPREP | 1<<lua.OP_CLOSURE | 1<<lua.OP_VARARG

// calledName returns the variable through which a frame is calling a function.
func (f frame) calledName() named {
	code := f.Fn.Proto.Code[f.Pc-1]
	switch gopher.Op(code) {
	case lua.OP_CALL, lua.OP_TAILCALL, lua.OP_TFORLOOP:
		return f.nameOf(gopher.A(code))
	}
	return named{}
}
