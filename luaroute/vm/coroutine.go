package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

var nativeCoroutines = gopher.Functions(lua.OpenCoroutine)

// coroutineLibrary is gopher-lua's coroutine library with the budget handed on to every coroutine. Left alone, a
// coroutine would get a context of its own, and a goroutine with it.
var coroutineLibrary = map[string]lua.LGFunction{
	"create":  coroutineCreate,
	"resume":  coroutineResume,
	"running": nativeCoroutines["running"],
	"status":  nativeCoroutines["status"],
	"wrap":    coroutineWrap,
	"yield":   coroutineYield,
}

func coroutineCreate(L *lua.LState) int {
	checkLuaFunction(L)
	return newThread(L, nativeCoroutines["create"], func(v lua.LValue) *lua.LState {
		return v.(*lua.LState)
	})
}

func coroutineWrap(L *lua.LState) int {
	checkLuaFunction(L)
	newThread(L, nativeCoroutines["wrap"], threadOfWrap)
	wrap := L.Get(-1).(*lua.LFunction)
	wrap.GFunction = wrappedResume
	return 1
}

// checkLuaFunction refuses what cannot be a coroutine: of a function of Go, gopher-lua would lose the results.
func checkLuaFunction(L *lua.LState) {
	if fn, ok := L.Get(1).(*lua.LFunction); !ok || fn.IsG {
		L.ArgError(1, "Lua function expected")
	}
}

// threadOfWrap returns the coroutine in a function that coroutine.wrap made.
func threadOfWrap(v lua.LValue) *lua.LState {
	return v.(*lua.LFunction).Upvalues[0].Value().(*lua.LState)
}

// newThread makes a coroutine and gives it the budget of this thread.
func newThread(L *lua.LState, create lua.LGFunction, thread func(lua.LValue) *lua.LState) int {
	b := L.Context().(*budget)
	if b.threads++; b.threads > maxThreads {
		L.RaiseError("too many coroutines; allowed are %d for one request or load", maxThreads)
	}
	Spend(L, 100) // a coroutine has registers and frames of its own
	L.RemoveContext()
	n := create(L)
	b.attach(L)
	b.attach(thread(L.Get(-1)))
	return n
}

func coroutineResume(L *lua.LState) int {
	L.CheckThread(1)
	leave := enter(L)
	n := nativeCoroutines["resume"](L)
	leave()
	rethrow(L, nil)
	return n
}

var (
	nativeWrapped = wrappedBy(nativeCoroutines["wrap"])
	wrappedResume = protect(resumeWrapped)
)

// wrappedBy returns the Go function behind the functions that coroutine.wrap returns.
func wrappedBy(wrap lua.LGFunction) lua.LGFunction {
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer L.Close()
	L.Push(L.NewFunction(wrap))
	L.Push(L.NewFunction(func(*lua.LState) int { return 0 }))
	L.Call(1, 1)
	return L.Get(-1).(*lua.LFunction).GFunction
}

// resumeWrapped resumes the coroutine of a wrap. After an error gopher-lua leaves that coroutine as the running one, so
// that the next resume of any coroutine would be refused; that is put right here.
func resumeWrapped(L *lua.LState) int {
	thread, ok := L.Get(lua.UpvalueIndex(1)).(*lua.LState)
	if !ok {
		L.RaiseError("not a coroutine")
	}
	leave := enter(L)
	fails := !thread.Dead && L.G.CurrentThread != thread // else it is only refused
	defer func() {
		leave()
		if fails {
			thread.Parent, thread.Dead = nil, true
			L.G.CurrentThread = L
			raiseAgain(L, recover())
		}
	}()
	n := nativeWrapped(L)
	fails = false
	return n
}

// raiseAgain goes on with a panic. Where xpcall has a handler for the thread, it is raised as an error of Lua in this thread.
func raiseAgain(L *lua.LState, r any) {
	b := L.Context().(*budget)
	if failed, ok := r.(*lua.ApiError); ok && b.guard.handler != nil && b.guard.thread == L && b.ended == nil {
		b.verbatim = true
		L.Error(failed.Object, 0)
	}
	panic(r)
}

// enter counts how deep coroutines resume one another.
func enter(L *lua.LState) (leave func()) {
	b := L.Context().(*budget)
	if b.resumes >= maxResumes {
		L.RaiseError("coroutines resume one another too deeply; allowed are %d levels", maxResumes)
	}
	Spend(L, b.resumes*stepsPerResume)
	nested := b.nested
	b.resumes, b.nested = b.resumes+1, 0
	return func() { b.resumes, b.nested = b.resumes-1, nested }
}

// coroutineYield refuses to yield out of a Go function, such as pcall or the callback of gsub, and out of a metamethod or an
// iterator, as Lua 5.1 does: gopher-lua would go on after it as if the coroutine had returned, or panic.
func coroutineYield(L *lua.LState) int {
	if yieldsOutOfGo(L) {
		L.RaiseError("attempt to yield across a call of a Go function, such as pcall")
	}
	if b, ok := L.Context().(*budget); ok && b.nested > 0 && L.Parent != nil {
		L.RaiseError("attempt to yield across a metamethod or an iterator")
	}
	return -1
}

// yieldsOutOfGo reports whether a Go function has called what yields.
func yieldsOutOfGo(L *lua.LState) bool {
	for level := 1; ; level++ {
		at, ok := L.GetStack(level)
		if !ok {
			return false
		}
		Spend(L, 1+level/8) // GetStack counts up to it
		if fn, err := L.GetInfo("f", at, lua.LNil); err == nil && fn.(*lua.LFunction).IsG {
			return true
		}
	}
}
