package vm

import (
	"errors"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// guard says what becomes of an error in a protected call.
type guard struct {
	untraced bool           // its trace will not be read
	thread   *lua.LState    // where the handler handles errors: not in coroutines that the call resumes
	handler  *lua.LFunction // of xpcall, or nil
	handling int            // nested calls of the handler
}

// cut is a frame that is the first one of a protected call, and its caller.
type cut struct{ frame, caller *gopher.Frame }

// protected is LState.PCall without its fault: an error in it closes the upvalues of all frames, those outside the
// protected call included, so that closures lose the locals they share with a running function (gopher-lua
// 448). Here the chain of frames is cut at the caller while the call runs.
func protected(L *lua.LState, nargs, nret int, g guard) error {
	s := Of(L)
	frame := gopher.Running(L)
	if s != nil {
		b := &s.budget
		defer func(held int64, nested int, was guard, cuts int) { // an error has left its functions
			b.held, b.nested, b.guard, b.guarded, b.cuts = held, nested, was, false, b.cuts[:min(cuts, len(b.cuts))]
		}(b.held, b.nested, b.guard, len(b.cuts))
		b.guarded, b.guard = true, g
		if frame != nil {
			b.cuts = append(b.cuts, cut{frame, frame.Parent})
		}
	}
	if frame == nil {
		return L.PCall(nargs, nret, nil)
	}
	outer := frame.Parent
	frame.Parent = nil
	err := L.PCall(nargs, nret, nil)
	frame.Parent = outer
	if err != nil && s != nil {
		if !g.untraced || s.budget.ended != nil {
			traced(L)
		}
	}
	return err
}

// basePCall is pcall.
func basePCall(L *lua.LState) int {
	L.CheckAny(1)
	return protectedCall(L, L.GetTop()-1, nil)
}

// baseXPCall is xpcall. The handler runs where the error is, see handle.
func baseXPCall(L *lua.LState) int {
	L.CheckAny(1)
	handler := L.CheckAny(2)
	L.SetTop(1)
	return protectedCall(L, 0, handler)
}

// protectedCall calls what is first on the stack and pushes true and its results, or false and the error.
func protectedCall(L *lua.LState, nargs int, handler lua.LValue) int {
	if fn := L.Get(1); fn.Type() != lua.LTFunction && L.GetMetaField(fn, "__call").Type() != lua.LTFunction {
		return failed(L, lua.LString("attempt to call a "+fn.Type().String()+" value"), handler)
	}
	g := guard{untraced: true, thread: L}
	g.handler, _ = handler.(*lua.LFunction)
	err := protected(L, nargs, lua.MultRet, g)
	rethrow(L, err)
	if err != nil {
		if b, ok := L.Context().(*budget); ok && b.handled {
			handler = nil
		}
		return failed(L, errorObject(err), handler)
	}
	L.Insert(lua.LTrue, 1)
	return L.GetTop()
}

const (
	// maxHandled is how often a handler is called for its own errors.
	maxHandled = 200
	// handlerCalls is how many calls a handler must be able to make.
	handlerCalls = 20
	// notHandled is the error of a handler that keeps failing.
	notHandled = lua.LString("error in error handling")
)

// handle calls the handler of xpcall with an error that is raised, before the stack is unwound, so that it can inspect it. If the stack is
// too deep for the handler to make calls, it is called after unwinding instead; see failed.
func (b *budget) handle(L *lua.LState, object lua.LValue) (lua.LValue, bool) {
	f := gopher.Running(L)
	if b.guard.handler == nil || b.guard.thread != L || b.ended != nil || f == nil || f.Idx >= maxCalls-handlerCalls {
		return object, false
	}
	if b.guard.handling++; b.guard.handling > maxHandled {
		return notHandled, true
	}
	if !f.Fn.IsG { // its registers are above what is on the stack
		if last := int(f.Fn.Proto.NumUsedRegisters) - 1; last >= 0 {
			f.SetRegister(L, last, f.Register(L, last))
		}
	}
	L.Push(b.guard.handler)
	L.Push(object)
	L.Call(1, 1) // its own errors come here, too
	b.guard.handling--
	return L.Get(-1), true
}

// failed pushes false and an error, passed through the handler if there is one. A handler that fails gets its own error.
func failed(L *lua.LState, object lua.LValue, handler lua.LValue) int {
	L.SetTop(0)
	L.Push(lua.LFalse)
	if handler == nil {
		L.Push(object)
		return 2
	}
	if _, ok := handler.(*lua.LFunction); ok {
		for range maxHandled {
			L.Push(handler)
			L.Push(object)
			err := protected(L, 1, 1, guard{untraced: true})
			rethrow(L, err)
			if err == nil {
				return 2
			}
			L.SetTop(1)
			object = errorObject(err)
		}
	}
	L.Push(notHandled)
	return 2
}

// rethrow goes on unwinding if the state has ended: no script can catch that.
func rethrow(L *lua.LState, err error) {
	s := Of(L)
	if s == nil || s.budget.ended == nil {
		return
	}
	if err != nil {
		panic(err)
	}
	L.RaiseError("%s", s.budget.ended.Error())
}

// Try calls what is on the stack with its arguments, as L.Call does, and returns the error that it raises, for Raise. It does not return if
// the budget ends.
func Try(L *lua.LState, nargs, nret int) error {
	err := protected(L, nargs, nret, guard{thread: L})
	rethrow(L, err)
	return err
}

// Raise raises an error of Try again, with the trace that it has.
func Raise(err error) { panic(err) }

// Message returns the text of an error of Try.
func Message(err error) string { return errorObject(err).String() }

// errorObject returns the error that a call has failed with.
func errorObject(err error) lua.LValue {
	var api *lua.ApiError
	if errors.As(err, &api) && api.Object != nil {
		return api.Object
	}
	return lua.LString(err.Error())
}

// baseError is error. The error may be any value; a string gets the place of the function at the level.
func baseError(L *lua.LState) int {
	object, level := L.Get(1), value.OptInt(L, 2, 1)
	if text, ok := value.String(object); ok && level > 0 {
		object = lua.LString(whereAt(L, level) + text)
	}
	if b, ok := L.Context().(*budget); ok {
		b.verbatim = true
	}
	L.Error(object, 0)
	return 0
}

// traced counts an error: its trace lists all calls that run.
func traced(L *lua.LState) {
	if b, ok := L.Context().(*budget); ok {
		b.left -= gopher.Depth(L) * errorSteps
	}
}
