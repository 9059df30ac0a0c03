package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// gopher-lua asks the context of a thread before each instruction, through an interface and a select: an eighth of the time of
// an ordinary script. And it has no place where an instruction could be counted for more than one. So states run in
// a loop of ours, which is that of gopher-lua with the budget in it.

// overflow is the error of a call that is one too many. It comes before the stack of gopher-lua is full, which would
// panic, and leave captured variables open.
const overflow = "stack overflow"

// attach makes a thread run on the budget.
func (b *budget) attach(L *lua.LState) {
	L.SetContext(b)
	gopher.SetLoop(L, loop)
}

func loop(L *lua.LState, base *gopher.Frame) {
	b, ok := L.Context().(*budget)
	switch {
	case !ok:
		gopher.ContextLoop(L, base)
	case b.guarded || base == nil: // of a protected call, or a coroutine
		b.guarded = false
		guarded(L, b, base)
	default:
		run(L, b, base)
	}
}

// guarded is run with what panics in it caught, before gopher-lua makes a string of it. Not all loops are: a panic that
// is caught and goes on at each of many levels takes the square of their time.
func guarded(L *lua.LState, b *budget, base *gopher.Frame) {
	defer catch(L)
	run(L, b, base)
}

func run(L *lua.LState, b *budget, base *gopher.Frame) {
	frame := gopher.RunningIn(L)
	L.Panic = raise // a protected call takes it back
	nested := 0
	if base != nil {
		nested = 1
	}
	b.nested += nested
	b.left -= nested * b.nested / loopsPerStep // the next instruction looks: before a function has begun an error could not say where
	if f := *frame; f == nil || f.Fn.IsG {
		if f != nil && f.Idx >= maxCalls {
			L.RaiseError("%s", overflow)
		}
		gopher.ContextLoop(L, base)
		b.nested -= nested
		return
	}
	for {
		f := *frame
		code := f.Fn.Proto.Code[f.Pc]
		f.Pc++
		if b.left--; b.left < 0 && b.pass() != nil {
			L.RaiseError("%s", b.ended.Error())
		}
		if f.Idx >= maxCalls {
			L.RaiseError("%s", overflow)
		}
		op := gopher.Op(code)
		switch {
		case weighed>>op&1 == 0:
		case op == lua.OP_TAILCALL:
			op = tailCall(L, f, code)
		case op == lua.OP_CONCAT:
			concat(L, f, code)
			continue
		default:
			if steps := workOf(L, f, code); steps > 0 {
				Spend(L, steps)
			}
		}
		if op == lua.OP_GETTABLE && readField(L, f, code) {
			continue
		}
		if gopher.Instructions[op](L, code, base) == 1 {
			b.nested -= nested
			return
		}
	}
}

// tailCall returns the instruction that a tail call is to be: that of an ordinary call, which a return of all results always
// follows, unless a function of Lua is called. gopher-lua takes the frame of the caller away also if coroutine.yield is called,
// so that nothing would be left to resume, and it would panic.
func tailCall(L *lua.LState, f *gopher.Frame, code uint32) int {
	if fn, ok := f.Register(L, gopher.A(code)).(*lua.LFunction); ok && !fn.IsG {
		return lua.OP_TAILCALL
	}
	return lua.OP_CALL
}

// A step is one instruction, and most take some 50 ns. A few take as long as a string or a table is large: to compare two
// strings of 16 MiB takes milliseconds, and so does `t[1000000] = 1` for an empty table. A script that
// does nothing else would run a thousand times as long as its budget says. So these instructions are counted for what
// they do.

const (
	// longKey is the length of a string from which on it counts how long it takes to compare or to hash.
	longKey = 256
	// farIndex is the index of a table from which on it counts how many places it adds.
	farIndex = 256
	// errorSteps is what each call costs that an error's trace lists.
	errorSteps = 5
)

// weighed are the instructions that may be heavy, and those that are carried out in another way, for tail calls and `..`; a bit
// for each.
const weighed = 1<<lua.OP_EQ | 1<<lua.OP_LT | 1<<lua.OP_LE | 1<<lua.OP_LEN | 1<<lua.OP_GETTABLE | 1<<lua.OP_SETTABLE |
	1<<lua.OP_TAILCALL | 1<<lua.OP_CONCAT

// workOf returns what an instruction counts for beyond one step.
func workOf(L *lua.LState, f *gopher.Frame, code uint32) int {
	switch gopher.Op(code) {
	case lua.OP_EQ, lua.OP_LT, lua.OP_LE:
		if s, ok := f.Operand(L, gopher.B(code)).(lua.LString); ok && len(s) >= longKey {
			return textWork(string(s), f.Operand(L, gopher.C(code)))
		}
	case lua.OP_LEN:
		if t, ok := f.Operand(L, gopher.B(code)).(*lua.LTable); ok {
			return tailWork(t)
		}
	case lua.OP_GETTABLE:
		return keyWork(f.Operand(L, gopher.C(code)))
	case lua.OP_SETTABLE:
		switch key := f.Operand(L, gopher.B(code)).(type) {
		case lua.LNumber:
			if key >= farIndex {
				if t, ok := f.Register(L, gopher.A(code)).(*lua.LTable); ok {
					return gapWork(L, t, key)
				}
			}
		case lua.LString:
			return keyWork(key)
		}
	}
	return 0
}

// keyWork is the work of looking for a key.
func keyWork(key lua.LValue) int {
	if s, ok := key.(lua.LString); ok && len(s) >= longKey {
		return len(s) / 64
	}
	return 0
}

// textWork is the work of comparing a string: gopher-lua does it byte by byte.
func textWork(s string, other lua.LValue) int {
	if o, ok := other.(lua.LString); ok {
		return min(len(s), len(o)) / 32
	}
	return 0
}

// tailWork is the work of looking for the end of a list: gopher-lua goes over the places behind it where nothing is any
// more.
func tailWork(t *lua.LTable) int {
	array := gopher.Array(t)
	if len(array) < farIndex || array[len(array)-1] != lua.LNil {
		return 0
	}
	return (len(array) - t.Len()) / 16
}

// gapWork is the work of an assignment far behind the end of a list, which fills all places before it. Their memory is
// counted, too.
func gapWork(L *lua.LState, t *lua.LTable, key lua.LNumber) int {
	if key >= maxArrayIndex {
		return 0
	}
	array := gopher.Array(t)
	places := int(key) - len(array)
	if places <= farIndex {
		return 0
	}
	Charge(L, max(int(key)-cap(array), 0)*valueSize)
	return places / 8
}

// Fields is a value of userdata whose fields are read without a call. Lua does it through a function of the metatable, with a
// call frame and registers of its own, which takes longer than most of what the function does; a decision is little else.
type Fields interface {
	// Field returns a field of a userdata with this value. It must not raise an error, and returns nil for whatever only
	// the function of the metatable can answer or refuse.
	Field(of *lua.LUserData, name string) lua.LValue
}

// readField carries out an OP_GETTABLE on such a value. It returns false for all others.
func readField(L *lua.LState, f *gopher.Frame, code uint32) bool {
	registers := f.Registers(L)
	data, ok := registers[gopher.B(code)].(*lua.LUserData)
	if !ok {
		return false
	}
	fields, ok := data.Value.(Fields)
	if !ok {
		return false
	}
	name, ok := f.Operand(L, gopher.C(code)).(lua.LString)
	if !ok {
		return false
	}
	into := gopher.A(code)
	if into >= len(registers) {
		return false // gopher-lua has to make room
	}
	v := fields.Field(data, string(name))
	if v == nil {
		return false
	}
	f.SetRegister(L, into, v)
	return true
}
