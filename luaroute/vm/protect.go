package vm

import (
	"fmt"
	"net/http"
	"reflect"
	"runtime/debug"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Function returns a Go function for scripts, whose long arguments are counted. Functions of libraries, and those that an
// image reaches, are wrapped automatically; use it for functions made while a request runs.
func Function(L *lua.LState, fn lua.LGFunction) *lua.LFunction {
	return L.NewFunction(protect(fn))
}

// GoFunc returns a Go function that belongs to no state, for metatables and values that all states share. It must keep
// nothing between calls; Of gives it the state that calls.
func GoFunc(fn lua.LGFunction) *lua.LFunction {
	return &lua.LFunction{IsG: true, GFunction: protect(fn)}
}

// StandardFunc is GoFunc for functions of Lua 5.1. As there, their errors have no place when a protected call calls them directly.
// Those of all other functions have the place of the nearest Lua code.
func StandardFunc(fn lua.LGFunction) *lua.LFunction {
	return &lua.LFunction{IsG: true, GFunction: protectStandard(fn)}
}

// protectInPlace protects a Go function that scripts have. One that is protected already is not written: several builders
// may share it.
func protectInPlace(fn *lua.LFunction) {
	if !fn.IsG {
		return
	}
	if code := codeOf(fn); code != protectedCode && code != standardCode && code != describedCode {
		fn.GFunction = protect(fn.GFunction)
	}
}

// protectedCode is the code that all functions of protect have in common; the others are those of protectStandard and protectDescribed.
var (
	protectedCode = reflect.ValueOf(protect(nil)).Pointer()
	standardCode  = reflect.ValueOf(protectStandard(nil)).Pointer()
	describedCode = reflect.ValueOf(protectDescribed(nil)).Pointer()
)

// codeOf returns the code of a function of Go.
func codeOf(fn *lua.LFunction) uintptr { return reflect.ValueOf(fn.GFunction).Pointer() }

// protect returns a Go function whose long arguments are counted. It must not be inlined: that would give the function in it
// several codes.
//
//go:noinline
func protect(fn lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		spendArguments(L)
		return fn(L)
	}
}

// protectDescribed is protect for a function with a description, which is known by its code.
//
//go:noinline
func protectDescribed(fn lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		spendArguments(L)
		return fn(L)
	}
}

// protectStandard is protect for StandardFunc.
//
//go:noinline
func protectStandard(fn lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		spendArguments(L)
		return fn(L)
	}
}

func spendArguments(L *lua.LState) {
	if steps := argumentWork(L); steps > 0 {
		Spend(L, steps)
	}
}

// untraced replaces the trace of an error that a script catches, and so never sees. Writing a trace takes longer than anything
// else in a call.
const untraced = "\n"

// catch ends the state if Go code panics in a thread: our own functions, those of libraries, or gopher-lua itself. The panic becomes
// an error of Lua, which closes the variables that functions have captured.
func catch(L *lua.LState) {
	r := recover()
	if r == nil {
		return
	}
	s := Of(L)
	if raised, ok := r.(*lua.ApiError); ok || s == nil {
		if ok && s != nil && s.budget.guard.untraced && s.budget.ended == nil && raised.StackTrace == "" {
			raised.StackTrace = untraced
		}
		panic(r)
	}
	s.abort(L, r)
	L.RaiseError("%s", s.budget.ended.Error())
}

// abort records that Go code panicked. Nothing runs in the state any more, so that no pcall can hide it. State.Call
// panics with http.ErrAbortHandler again.
func (s *State) abort(L *lua.LState, value any) {
	if value == http.ErrAbortHandler && s.passing == nil {
		s.passing = value
	}
	s.budget.end(&panicError{value, Where(L), debug.Stack()})
}

// Outside calls Go code that is not part of a script, such as the handler that a middleware wraps. The script cannot catch a panic
// in it: State.Call panics with it again.
func (s *State) Outside(run func()) {
	defer func() {
		if r := recover(); r != nil {
			s.passing = r
			panic(r)
		}
	}()
	run()
	s.budget.enter()
}

// panicError is a Go panic in a script.
type panicError struct {
	value any
	where string // script:line, or empty
	stack []byte
}

// Error returns Go's message of the panic.
func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// argumentWork is the least that a Go function costs: it may read all of its arguments, even if it fails.
func argumentWork(L *lua.LState) int {
	arguments := gopher.Arguments(L)
	steps := len(arguments) / 16
	for _, v := range arguments {
		if s, ok := v.(lua.LString); ok && len(s) >= longKey {
			steps += len(s) / 64
		}
	}
	return steps
}
