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
// image reaches, are made so by themselves; use it for functions made while a request runs.
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

// protect returns a Go function whose long arguments are counted. It must not be inlined: that would give the function in it
// several codes.
//
//go:noinline
func protect(fn lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		if steps := argumentWork(L); steps > 0 {
			Spend(L, steps)
		}
		return fn(L)
	}
}

// untraced stands for the trace of an error that a script catches, and so never sees. To write one takes longer than anything
// else that a call does.
const untraced = "\n"

// catch ends the state if Go code panics in a thread: its own functions, those of libraries, or gopher-lua itself. It goes on as
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

// abort records that Go code panicked. Nothing runs in the state any more, so that no pcall can hide it. A panic that ends a
// response goes on behind State.Call.
func (s *State) abort(L *lua.LState, value any) {
	if value == http.ErrAbortHandler && s.passing == nil {
		s.passing = value
	}
	s.budget.end(&panicError{value, whereOf(L), debug.Stack()})
}

// Outside calls Go code that is no part of a script, such as the handlers that stand behind a function that goes on after
// them. A panic in it is not the script's: it goes on behind State.Call. The script gets no chance to catch it.
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

// Error returns what Go says of a panic.
func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// placed gives a panic its place, if that was hidden by a protected call.
func (s *State) placed(L *lua.LState) {
	if p, ok := s.budget.ended.(*panicError); ok && p.where == "" {
		p.where = whereOf(L)
	}
}

// whereOf returns script:line of the innermost Lua code in a thread.
func whereOf(L *lua.LState) string {
	for ; L != nil; L = L.Parent {
		for f := gopher.Running(L); f != nil; f = f.Parent {
			if !f.Fn.IsG && f.Pc > 0 {
				return fmt.Sprintf("%s:%d", f.Fn.Proto.SourceName, f.Fn.Proto.DbgSourcePositions[f.Pc-1])
			}
		}
	}
	return ""
}

// argumentWork is what a Go function counts for at least: it may read all of its arguments, before it fails even.
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
