package request

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// AsksForBody reports whether a function that gets req first reads the whole body, whatever way it takes, before it does anything that somebody
// else may notice: then the body may as well be read before the function is called. A function that asks in some branches only, or after it has called
// something else than what reads req, does not count: nobody knows what the client, or the one who is called, waits for.
func AsksForBody(fn *lua.FunctionProto) bool {
	if fn.NumParameters == 0 {
		return false
	}
	a := asking{fn: fn, seen: make([]bool, len(fn.Code))}
	return a.from(0)
}

// asking is a walk over the code of a function.
type asking struct {
	fn   *lua.FunctionProto
	seen []bool
}

// methods of req of which calls are known: those that read the body, and those that look at what has arrived.
var (
	bodyMethods  = map[string]bool{"body": true, "json": true, "form": true}
	arrivedWords = map[string]bool{
		"param": true, "header": true, "query_value": true, "cookie": true, "header_values": true, "query_values": true,
	}
)

// from reports whether all ways on from an instruction ask for the body. A loop without an end does so, too: it does nothing else.
func (a *asking) from(pc int) bool {
	for ; !a.seen[pc]; pc++ {
		a.seen[pc] = true
		code := a.fn.Code[pc]
		switch op := gopher.Op(code); op {
		case lua.OP_CALL, lua.OP_TAILCALL:
			switch method := a.method(pc); {
			case bodyMethods[method]:
				return method != "body" || gopher.B(code) == 2 // a limit may refuse a body that nobody has to read
			case !arrivedWords[method] || op == lua.OP_TAILCALL:
				return false
			}
		case lua.OP_JMP:
			pc += gopher.SBx(code)
		case lua.OP_LOADBOOL:
			if gopher.C(code) != 0 {
				pc++
			}
		case lua.OP_EQ, lua.OP_LT, lua.OP_LE, lua.OP_TEST, lua.OP_TESTSET:
			if !a.from(pc + 2) {
				return false
			}
		case lua.OP_SETLIST:
			if gopher.C(code) == 0 { // what follows is no instruction
				return false
			}
		case lua.OP_MOVE, lua.OP_MOVEN, lua.OP_LOADK, lua.OP_LOADNIL, lua.OP_GETUPVAL, lua.OP_GETGLOBAL, lua.OP_GETTABLE, lua.OP_GETTABLEKS,
			lua.OP_NEWTABLE, lua.OP_SETTABLE, lua.OP_SETTABLEKS, lua.OP_SELF, lua.OP_ADD, lua.OP_SUB, lua.OP_MUL, lua.OP_DIV,
			lua.OP_MOD, lua.OP_POW, lua.OP_UNM, lua.OP_NOT, lua.OP_LEN, lua.OP_CONCAT:
		default:
			return false
		}
		if sets(code) && gopher.A(code) == 0 { // req is another value now
			return false
		}
	}
	return true
}

// sets reports whether an instruction writes the register A.
func sets(code uint32) bool {
	switch gopher.Op(code) {
	case lua.OP_JMP, lua.OP_EQ, lua.OP_LT, lua.OP_LE, lua.OP_TEST, lua.OP_SETTABLE, lua.OP_SETTABLEKS, lua.OP_SETLIST:
		return false
	}
	return true
}

// method returns the name of the method of req that an instruction calls, or nothing. The register of a function is not written between
// the instruction that fetches it and the call.
func (a *asking) method(call int) string {
	register := gopher.A(a.fn.Code[call])
	for pc := call - 1; pc >= 0; pc-- {
		code := a.fn.Code[pc]
		if !sets(code) || gopher.A(code) != register {
			continue
		}
		name := gopher.C(code) - gopher.ConstantBit
		if gopher.Op(code) != lua.OP_GETTABLE || gopher.B(code) != 0 || name < 0 || pc == 0 || !isObject(a.fn.Code[pc-1], register) {
			return ""
		}
		text, _ := a.fn.Constants[name].(lua.LString)
		return string(text)
	}
	return ""
}

// isObject reports whether an instruction makes req the object of the method that is put into a register, as package script writes it.
func isObject(code uint32, method int) bool {
	op := gopher.Op(code)
	return (op == lua.OP_MOVE || op == lua.OP_MOVEN) && gopher.A(code) == method+1 && gopher.B(code) == 0
}
