package vm

import (
	"fmt"
	"reflect"

	lua "github.com/yuin/gopher-lua"
)

// overflow is what the call stack of gopher-lua panics with when it is full.
const overflow = "lua callstack overflow"

// Function returns a Go function for scripts. A panic in it comes out of State.Call. Functions of libraries, and those
// that an image reaches, are made so by themselves; use it for functions made while a request runs.
func Function(L *lua.LState, fn lua.LGFunction) *lua.LFunction {
	return L.NewFunction(protect(fn))
}

// GoFunc returns a Go function that belongs to no state, for metatables and values that all states share. It must keep
// nothing between calls; Of gives it the state that calls.
func GoFunc(fn lua.LGFunction) *lua.LFunction {
	return &lua.LFunction{IsG: true, GFunction: protect(fn)}
}

// protectInPlace protects a function of Go that scripts have. One that is protected already is not written: it may belong
// to several builders.
func protectInPlace(fn *lua.LFunction) {
	if fn.IsG && reflect.ValueOf(fn.GFunction).Pointer() != protectedCode {
		fn.GFunction = protect(fn.GFunction)
	}
}

// protectedCode is the code that all protected functions have in common.
var protectedCode = reflect.ValueOf(protect(nil)).Pointer()

// protect returns a Go function whose long arguments are counted, and whose panics are recorded before gopher-lua turns them
// into texts. It must not be inlined: that would give the function in it several codes.
//
//go:noinline
func protect(fn lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		defer catch(L)
		if steps := argumentWork(L); steps > 0 {
			Spend(L, steps)
		}
		return fn(L)
	}
}

func catch(L *lua.LState) {
	r := recover()
	if r == nil {
		return
	}
	s := Of(L)
	if _, ok := r.(*lua.ApiError); ok || s == nil {
		panic(r)
	}
	if r == overflow {
		s.overflowed()
	} else {
		s.abort(r)
	}
	panic(r)
}

// overflowed ends the state after a stack overflow: gopher-lua has left the upvalues of the frames behind it open, so
// nothing that runs later could be trusted.
func (s *State) overflowed() {
	s.spoiled = true
	s.budget.end(fmt.Errorf("stack overflow: more than %d calls in one another", stateOptions.CallStackSize))
}
