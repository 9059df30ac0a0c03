package vm

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// pcall is LState.PCall without its fault: an error in it closes the upvalues of all frames, those outside the
// protected call included, so that closures lose the locals they share with a running function (gopher-lua
// 448). Here the chain of frames is cut at the caller while the call runs.
func pcall(L *lua.LState, nargs, nret int) error { return protected(L, nargs, nret, false) }

// protected is pcall. Untraced says that nobody is going to read the trace of the error.
func protected(L *lua.LState, nargs, nret int, untraced bool) error {
	s := Of(L)
	if s != nil {
		b := &s.budget
		defer func(held int64, nested int, was bool) { // an error has left its functions
			b.held, b.nested, b.untraced, b.guard = held, nested, was, false
		}(b.held, b.nested, b.untraced)
		b.guard, b.untraced = true, untraced
	}
	frame := gopher.Running(L)
	if frame == nil {
		return L.PCall(nargs, nret, nil)
	}
	outer := frame.Parent
	frame.Parent = nil
	err := L.PCall(nargs, nret, nil)
	frame.Parent = outer
	if err != nil && s != nil {
		if !untraced || s.budget.ended != nil {
			traced(L)
		}
		s.placed(L)
	}
	return err
}

// basePCall is pcall.
func basePCall(L *lua.LState) int {
	L.CheckAny(1)
	return protectedCall(L, L.GetTop()-1, nil)
}

// baseXPCall is xpcall. The handler runs after the stack is unwound: there is no debug library that could tell.
func baseXPCall(L *lua.LState) int {
	L.CheckAny(1)
	handler := L.CheckAny(2)
	L.SetTop(1)
	return protectedCall(L, 0, handler)
}

// protectedCall calls what is first on the stack and leaves true and its results, or false and the error.
func protectedCall(L *lua.LState, nargs int, handler lua.LValue) int {
	if fn := L.Get(1); fn.Type() != lua.LTFunction && L.GetMetaField(fn, "__call").Type() != lua.LTFunction {
		return failed(L, lua.LString("attempt to call a "+fn.Type().String()+" value"), handler)
	}
	fn, _ := L.Get(1).(*lua.LFunction)
	err := protected(L, nargs, lua.MultRet, true)
	rethrow(L, err)
	if err != nil {
		return failed(L, objectOf(err, fn), handler)
	}
	L.Insert(lua.LTrue, 1)
	return L.GetTop()
}

// maxHandled is how often a handler is called for its own errors.
const maxHandled = 200

// failed leaves false and an error, which goes through the handler if there is one. A handler that fails gets its own error.
func failed(L *lua.LState, object lua.LValue, handler lua.LValue) int {
	L.SetTop(0)
	L.Push(lua.LFalse)
	if handler == nil {
		L.Push(object)
		return 2
	}
	if fn, ok := handler.(*lua.LFunction); ok {
		for range maxHandled {
			L.Push(handler)
			L.Push(object)
			err := protected(L, 1, 1, true)
			rethrow(L, err)
			if err == nil {
				return 2
			}
			L.SetTop(1)
			object = objectOf(err, fn)
		}
	}
	L.Push(lua.LString("error in error handling"))
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

// objectOf returns the error that a call of a function has failed with. The place of the caller of a Go function is empty: it is Go, too.
func objectOf(err error, fn *lua.LFunction) lua.LValue {
	object := errorObject(err)
	if text, ok := object.(lua.LString); ok && fn != nil && fn.IsG {
		return lua.LString(strings.TrimPrefix(string(text), " "))
	}
	return object
}

func errorObject(err error) lua.LValue {
	var api *lua.ApiError
	if errors.As(err, &api) && api.Object != nil {
		return api.Object
	}
	return lua.LString(err.Error())
}

// baseError is error. The error may be any value; a text gets the place of the function at the level.
func baseError(L *lua.LState) int {
	object, level := L.Get(1), value.OptInt(L, 2, 1)
	if text, ok := value.String(object); ok && level > 0 {
		if where := L.Where(level); strings.HasSuffix(where, ":") && !strings.HasPrefix(where, "[G]") {
			object = lua.LString(where + " " + text)
		}
	}
	if b, ok := L.Context().(*Budget); ok {
		b.verbatim = true
	}
	L.Error(object, 0)
	return 0
}

// traced counts an error: its trace lists all calls that run.
func traced(L *lua.LState) {
	if b, ok := L.Context().(*Budget); ok {
		b.left -= gopher.Depth(L) * errorSteps
	}
}
