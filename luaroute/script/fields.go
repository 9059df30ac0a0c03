package script

import (
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// Reading a field of a userdata calls a Go function with the name of the field, and gopher-lua makes a new value of
// that name for each call. There is a slower instruction that takes the value from the constants of the function, at
// 2 ns more and 16 bytes less; all scripts do with req and res is of this kind, so it is used everywhere.

// opcodeShift is where the opcode of an instruction begins.
const opcodeShift = 26

// keepNames makes a program and the functions in it read fields by the constants that are their names.
func keepNames(proto *lua.FunctionProto) {
	for i, instruction := range proto.Code {
		if int(instruction>>opcodeShift) == lua.OP_GETTABLEKS {
			proto.Code[i] = instruction&(1<<opcodeShift-1) | uint32(lua.OP_GETTABLE)<<opcodeShift
		}
	}
	for _, inner := range proto.FunctionPrototypes {
		keepNames(inner)
	}
}

// methodCall turns `a:b(c)` into `a.b(a, c)` where a is a local, which is the same there; the instruction for method calls
// has no form that takes a constant.
func (w *rewriter) methodCall(e *ast.FuncCallExpr) {
	receiver, ok := e.Receiver.(*ast.IdentExpr)
	if !ok || !w.isLocal(receiver.Value) {
		return
	}
	e.Func = at(e, &ast.AttrGetExpr{Object: receiver, Key: at(e, &ast.StringExpr{Value: e.Method})})
	e.Args = append([]expr{at(e, &ast.IdentExpr{Value: receiver.Value})}, e.Args...)
	e.Receiver, e.Method = nil, ""
}
