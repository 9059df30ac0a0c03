package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// binary is an operator between two operands: how strongly it binds to the left and to the right, and its instruction.
type binary struct{ left, right, op int }

// unaryPriority is how strongly operators before an operand bind.
const unaryPriority = 8

// concatenation binds to the right, but a chain of it is compiled at once.
const concatenation = 5

var binaries = map[token]binary{
	'+': {6, 6, lua.OP_ADD}, '-': {6, 6, lua.OP_SUB}, '*': {7, 7, lua.OP_MUL}, '/': {7, 7, lua.OP_DIV}, '%': {7, 7, lua.OP_MOD},
	'^': {10, 9, lua.OP_POW}, tokenConcat: {concatenation, concatenation, lua.OP_CONCAT},
	tokenNotEqual: {3, 3, lua.OP_EQ}, tokenEqual: {3, 3, lua.OP_EQ},
	'<': {3, 3, lua.OP_LT}, tokenLessEqual: {3, 3, lua.OP_LE}, '>': {3, 3, lua.OP_LT}, tokenGreaterEqual: {3, 3, lua.OP_LE},
	tokenAnd: {2, 2, lua.OP_TEST}, tokenOr: {1, 1, lua.OP_TEST},
}

// unary compiles an operator before an operand.
func (f *function) unary(operator token, v *value) {
	switch operator {
	case tokenNot:
		f.not(v)
	case '#':
		f.toRegister(v)
		f.calculate(lua.OP_LEN, v, nil)
	default:
		if v.isNumeral() {
			v.number = -v.number
			return
		}
		f.toRegister(v)
		f.calculate(lua.OP_UNM, v, nil)
	}
}

func (f *function) not(v *value) {
	f.read(v)
	switch v.kind {
	case isNil, isFalse:
		v.kind = isTrue
	case isConstant, isNumber, isTrue:
		v.kind = isFalse
	case isJump:
		f.invert(v)
	default:
		f.loadAnywhere(v)
		f.releaseValue(v)
		v.become(isAnywhere, f.emit(lua.OP_NOT, 0, v.info, 0))
	}
	v.whenFalse, v.whenTrue = v.whenTrue, v.whenFalse
	f.dropValues(v.whenFalse)
	f.dropValues(v.whenTrue)
}

// before compiles the first operand of an operator.
func (f *function) before(operator token, v *value) {
	switch operator {
	case tokenAnd:
		f.goIf(v, true)
	case tokenOr:
		f.goIf(v, false)
	case tokenConcat:
		f.toNext(v)
	case '+', '-', '*', '/', '%', '^':
		if !v.isNumeral() {
			f.operand(v)
		}
	default:
		f.operand(v)
	}
}

// after compiles the second operand of an operator, and the operator itself. The result is in the first.
func (f *function) after(operator token, a, b *value) {
	switch op := binaries[operator].op; operator {
	case tokenAnd:
		f.read(b)
		b.whenFalse = f.join(b.whenFalse, a.whenFalse)
		*a = *b
	case tokenOr:
		f.read(b)
		b.whenTrue = f.join(b.whenTrue, a.whenTrue)
		*a = *b
	case tokenEqual, '<', tokenLessEqual:
		f.compare(op, 1, a, b)
	case tokenNotEqual:
		f.compare(op, 0, a, b)
	case '>', tokenGreaterEqual:
		f.compare(op, 1, b, a)
		*a = *b
	default:
		f.calculate(op, a, b)
	}
}

// calculate compiles an operator of one operand or two.
func (f *function) calculate(op int, a, b *value) {
	if b != nil && foldConstants(op, a, b) {
		return
	}
	second := 0
	if b != nil {
		second = f.operand(b)
	}
	first := f.operand(a)
	if b != nil {
		f.releaseValue(b)
	}
	f.releaseValue(a)
	v := newValue(isAnywhere, f.emit(op, 0, first, second))
	*a = v
}

// foldConstants calculates with two numbers. What has no result that is a number is left to the script.
func foldConstants(op int, a, b *value) bool {
	if !a.isNumeral() || !b.isNumeral() {
		return false
	}
	n := math.NaN()
	switch x, y := a.number, b.number; op {
	case lua.OP_ADD:
		n = x + y
	case lua.OP_SUB:
		n = x - y
	case lua.OP_MUL:
		n = x * y
	case lua.OP_DIV:
		if y != 0 {
			n = x / y
		}
	case lua.OP_POW:
		n = math.Pow(x, y)
	}
	if n != n {
		return false
	}
	a.number = n
	return true
}

// compare compiles a comparison as a jump. Both operands stand where they are.
func (f *function) compare(op, when int, a, b *value) {
	first := f.operand(a)
	second := f.operand(b)
	f.releaseValue(b)
	f.releaseValue(a)
	a.kind, a.jump = isJump, f.testJump(op, when, first, second)
}

func (f *function) invert(v *value) {
	i := f.control(v.jump.first)
	gopher.SetA(i, 1-gopher.A(*i))
}

// goIf goes on if a value is true, or if it is false, and else leaves the expression.
func (f *function) goIf(v *value, want bool) {
	f.read(v)
	leave := noJumps
	switch {
	case v.kind == isJump:
		if want {
			f.invert(v)
		}
		leave = v.jump
	case want && (v.kind == isConstant || v.kind == isNumber || v.kind == isTrue):
	case !want && (v.kind == isNil || v.kind == isFalse):
	default:
		leave = f.leaveIf(v, !want)
	}
	if want {
		v.whenFalse = f.join(leave, v.whenFalse)
		f.jumpHere(v.whenTrue)
		v.whenTrue = noJumps
	} else {
		v.whenTrue = f.join(leave, v.whenTrue)
		f.jumpHere(v.whenFalse)
		v.whenFalse = noJumps
	}
}

// leaveIf jumps if a value is true, or if it is false, and keeps it where that is wanted.
func (f *function) leaveIf(v *value, is bool) jumps {
	if v.kind == isAnywhere {
		if last := len(f.code) - 1; v.info == last && gopher.Op(f.code[last]) == lua.OP_NOT {
			register := gopher.B(f.code[last])
			f.code, f.lines = f.code[:last], f.lines[:last]
			return f.testJump(lua.OP_TEST, register, 0, truth(!is))
		}
	}
	f.loadAnywhere(v)
	f.releaseValue(v)
	return f.testJump(lua.OP_TESTSET, noRegister, v.info, truth(is))
}
