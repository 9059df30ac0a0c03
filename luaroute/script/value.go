package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// kind is where the value of an expression is.
type kind int

const (
	isNothing  kind = iota // an empty list of expressions
	isNil                  //
	isTrue                 //
	isFalse                //
	isConstant             // info is its index
	isNumber               // number is the value
	isLocal                // info is its register
	isUpvalue              // info is its index
	isGlobal               // info is the constant of its name
	isField                // info is the register of the table, key the operand of the key
	isJump                 // a comparison; jump is what it decides about
	isAnywhere             // info is the instruction, whose target is open
	isRegister             // info is the register
	isCall                 // info is the instruction
	isVarargs              // info is the instruction
)

// multiple stands for any number of values.
const multiple = -1

// value is an expression that is compiled as far as it can be before its place is known.
type value struct {
	kind      kind
	info, key int
	number    float64
	jump      jumps
	whenTrue  jumps // what leaves the expression when it is true
	whenFalse jumps
}

func newValue(k kind, info int) value {
	return value{kind: k, info: info, jump: noJumps, whenTrue: noJumps, whenFalse: noJumps}
}

func (v *value) become(k kind, info int) { v.kind, v.info = k, info }

func (v *value) hasJumps() bool { return !v.whenTrue.empty() || !v.whenFalse.empty() }

func (v *value) hasMany() bool { return v.kind == isCall || v.kind == isVarargs }

func (v *value) isNumeral() bool { return v.kind == isNumber && !v.hasJumps() }

// setReturns sets how many values of a multi-value expression are wanted.
func (f *function) setReturns(v *value, n int) {
	switch v.kind {
	case isCall:
		gopher.SetC(&f.code[v.info], n+1)
	case isVarargs:
		gopher.SetB(&f.code[v.info], n+1)
		gopher.SetA(&f.code[v.info], f.free)
		f.reserve(1)
	}
}

// one makes an expression have one value.
func (f *function) one(v *value) {
	switch v.kind {
	case isCall:
		v.become(isRegister, gopher.A(f.code[v.info]))
	case isVarargs: // always behind all others: gopher-lua drops the registers that follow
		f.setReturns(v, 1)
		v.become(isRegister, f.free-1)
	}
}

// read compiles the access to a variable.
func (f *function) read(v *value) {
	switch v.kind {
	case isLocal:
		v.kind = isRegister
	case isUpvalue:
		v.become(isAnywhere, f.emit(lua.OP_GETUPVAL, 0, v.info, 0))
	case isGlobal:
		v.become(isAnywhere, f.emitBx(lua.OP_GETGLOBAL, 0, v.info))
	case isField:
		f.release(v.key)
		f.release(v.info)
		v.become(isAnywhere, f.emit(lua.OP_GETTABLE, 0, v.info, v.key))
	case isCall, isVarargs:
		f.one(v)
	}
}

func (f *function) numberConstant(n float64) int {
	return f.constant(math.Float64bits(n), lua.LNumber(n))
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// load puts a value without its jumps into a register.
func (f *function) load(v *value, register int) {
	f.read(v)
	switch v.kind {
	case isNil:
		f.loadNil(register, 1)
	case isTrue, isFalse:
		f.emit(lua.OP_LOADBOOL, register, truth(v.kind == isTrue), 0)
	case isConstant:
		f.emitBx(lua.OP_LOADK, register, v.info)
	case isNumber:
		f.emitBx(lua.OP_LOADK, register, f.numberConstant(v.number))
	case isAnywhere:
		gopher.SetA(&f.code[v.info], register)
	case isRegister:
		if register != v.info {
			f.emit(lua.OP_MOVE, register, v.info, 0)
		}
	default: // nothing, or a jump
		return
	}
	v.become(isRegister, register)
}

func (f *function) loadAnywhere(v *value) {
	if v.kind != isRegister {
		f.reserve(1)
		f.load(v, f.free-1)
	}
}

// to puts a value into a register.
func (f *function) to(v *value, register int) {
	f.load(v, register)
	if v.kind == isJump {
		v.whenTrue = f.join(v.whenTrue, v.jump)
	}
	if v.hasJumps() {
		no, yes := noJump, noJump
		if f.needValue(v.whenTrue) || f.needValue(v.whenFalse) {
			over := noJumps
			if v.kind != isJump {
				over = f.jump()
			}
			f.here()
			no = f.emit(lua.OP_LOADBOOL, register, 0, 1)
			f.here()
			yes = f.emit(lua.OP_LOADBOOL, register, 1, 0)
			f.jumpHere(over)
		}
		end := f.here()
		f.patchJumps(v.whenFalse, end, register, no)
		f.patchJumps(v.whenTrue, end, register, yes)
	}
	*v = newValue(isRegister, register)
}

func (f *function) toNext(v *value) {
	f.read(v)
	f.releaseValue(v)
	f.reserve(1)
	f.to(v, f.free-1)
}

func (f *function) releaseValue(v *value) {
	if v.kind == isRegister {
		f.release(v.info)
	}
}

// toRegister puts a value into any register.
func (f *function) toRegister(v *value) int {
	f.read(v)
	if v.kind == isRegister {
		if !v.hasJumps() {
			return v.info
		}
		if v.info >= len(f.active) { // not a variable
			f.to(v, v.info)
			return v.info
		}
	}
	f.toNext(v)
	return v.info
}

// settle removes jumps from a value.
func (f *function) settle(v *value) {
	if v.hasJumps() {
		f.toRegister(v)
	} else {
		f.read(v)
	}
}

// operand returns a value as a register or a constant.
func (f *function) operand(v *value) int {
	f.settle(v)
	index := -1
	switch v.kind {
	case isNil:
		index = f.constant(nil, lua.LNil)
	case isTrue, isFalse:
		index = f.constant(v.kind == isTrue, lua.LBool(v.kind == isTrue))
	case isNumber:
		index = f.numberConstant(v.number)
	case isConstant:
		index = v.info
	}
	if index < 0 || index >= gopher.ConstantBit {
		return f.toRegister(v)
	}
	v.become(isConstant, index)
	return index | gopher.ConstantBit
}

// store assigns to a variable. A global is a field of GlobalsName, so that the environment itself can be read at full speed
// and still be guarded.
func (f *function) store(variable, v *value) {
	switch variable.kind {
	case isLocal:
		f.releaseValue(v)
		f.to(v, variable.info)
		return
	case isUpvalue:
		f.emit(lua.OP_SETUPVAL, f.toRegister(v), variable.info, 0)
	case isGlobal:
		from := f.operand(v)
		globals, name := newValue(isGlobal, f.text(GlobalsName)), newValue(isConstant, variable.info)
		f.toNext(&globals)
		f.setField(globals.info, &name, from)
		f.releaseValue(&name)
		f.releaseValue(&globals)
	case isField:
		f.emitSet(variable.info, variable.key, f.operand(v))
	}
	f.releaseValue(v)
}

// setField assigns to a field of a table.
func (f *function) setField(table int, key *value, from int) { f.emitSet(table, f.operand(key), from) }

func (f *function) emitSet(table, key, from int) {
	op := lua.OP_SETTABLE
	if key&gopher.ConstantBit != 0 {
		if _, ok := f.proto.Constants[key&^gopher.ConstantBit].(lua.LString); ok {
			op = lua.OP_SETTABLEKS
		}
	}
	f.emit(op, table, key, from)
}

// method puts a method and the object that it belongs to into registers. Reading a field of a userdata calls a Go function with
// the name of the field, and gopher-lua makes a new value of that name for each call by OP_SELF and OP_GETTABLEKS. OP_GETTABLE
// takes the value from the constants, at 2 ns more and 16 bytes less; all that scripts do with req and res is of this kind.
func (f *function) method(object, name *value) {
	register := f.toRegister(object)
	f.releaseValue(object)
	into := f.free
	f.reserve(2)
	switch key := f.operand(name); {
	case register < len(f.active):
		f.emit(lua.OP_MOVE, into+1, register, 0)
		f.emit(lua.OP_GETTABLE, into, register, key)
	default:
		f.emit(lua.OP_SELF, into, register, key)
	}
	f.releaseValue(name)
	*object = newValue(isRegister, into)
}

// index makes a table a field of it.
func (f *function) index(table, key *value) {
	table.key = f.operand(key)
	table.kind = isField
}
