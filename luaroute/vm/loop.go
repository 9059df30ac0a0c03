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
func (b *Budget) attach(L *lua.LState) {
	L.SetContext(b)
	gopher.SetLoop(L, loop)
}

func loop(L *lua.LState, base *gopher.Frame) {
	b, ok := L.Context().(*Budget)
	switch {
	case !ok:
		gopher.ContextLoop(L, base)
	case b.guard || base == nil: // of a protected call, or a coroutine
		b.guard = false
		guarded(L, b, base)
	default:
		run(L, b, base)
	}
}

// guarded is run with what panics in it caught, before gopher-lua makes a string of it. Not all loops are: a panic that
// is caught and goes on at each of many levels takes the square of their time.
func guarded(L *lua.LState, b *Budget, base *gopher.Frame) {
	defer catch(L)
	run(L, b, base)
}

func run(L *lua.LState, b *Budget, base *gopher.Frame) {
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
