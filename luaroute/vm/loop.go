package vm

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// gopher-lua asks the context of a thread before each instruction, through an interface and a select: an eighth of the time of
// an ordinary script. And it has no place where an instruction could be counted for more than one. So states run in
// a loop of ours, which is that of gopher-lua with the budget in it.

// instructions are those of gopher-lua, by opcode.
//
//go:linkname instructions github.com/yuin/gopher-lua.jumpTable
var instructions [lua.OP_NOP + 1]func(L *lua.LState, code uint32, base unsafe.Pointer) int

// loopFunc is a main loop: it runs the frame on top of a thread until base, or all, has returned.
type loopFunc = func(L *lua.LState, base unsafe.Pointer)

// overflow is the error of a call that is one too many. It comes before the stack of gopher-lua is full, which would
// panic, and leave captured variables open.
const overflow = "stack overflow"

// theirLoop is gopher-lua's loop for threads with a context.
var theirLoop = func() loopFunc {
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer L.Close()
	L.SetContext(new(Budget))
	if unsupported != nil {
		return nil
	}
	return *at[loopFunc](unsafe.Pointer(L), layout.loop)
}()

// attach makes a thread run on the budget.
func (b *Budget) attach(L *lua.LState) {
	L.SetContext(b)
	*at[loopFunc](unsafe.Pointer(L), layout.loop) = loop
}

func loop(L *lua.LState, base unsafe.Pointer) {
	b, ok := L.Context().(*Budget)
	switch {
	case !ok:
		theirLoop(L, base)
	case b.guard || base == nil: // of a protected call, or a coroutine
		b.guard = false
		guarded(L, b, base)
	default:
		run(L, b, base)
	}
}

// guarded is run with what panics in it caught, before gopher-lua makes a string of it. Not all loops are: a panic that
// is caught and goes on at each of many levels takes the square of their time.
func guarded(L *lua.LState, b *Budget, base unsafe.Pointer) {
	defer catch(L)
	run(L, b, base)
}

func run(L *lua.LState, b *Budget, base unsafe.Pointer) {
	frame := frameOf(L)
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
		theirLoop(L, base)
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
		op := int(code >> opcodeShift)
		switch {
		case weighed>>op&1 == 0:
		case op == lua.OP_TAILCALL:
			op = f.tailCall(L, code)
		case op == lua.OP_CONCAT:
			f.concat(L, code)
			continue
		default:
			if steps := workOf(L, f, code); steps > 0 {
				Spend(L, steps)
			}
		}
		if int(op) == lua.OP_GETTABLE && readField(L, f, code) {
			continue
		}
		if instructions[op](L, code, base) == 1 {
			b.nested -= nested
			return
		}
	}
}

// tailCall returns the instruction that a tail call is to be: that of an ordinary call, which a return of all results always
// follows, unless a function of Lua is called. gopher-lua takes the frame of the caller away also if coroutine.yield is called,
// so that nothing would be left to resume, and it would panic.
func (f *callFrame) tailCall(L *lua.LState, code uint32) int {
	if fn, ok := f.register(L, int(code>>18&0xff)).(*lua.LFunction); ok && !fn.IsG {
		return lua.OP_TAILCALL
	}
	return lua.OP_CALL
}
