package gopher

import (
	"context"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Loop is a main loop: it runs the frame on top of a thread until base, or all if that is nil, has returned.
type Loop = func(L *lua.LState, base *Frame)

// SetLoop has a thread run in another main loop. LState.SetContext and RemoveContext set one of gopher-lua's.
func SetLoop(L *lua.LState, loop Loop) { *loopIn(L) = loop }

func loopIn(L *lua.LState) *Loop { return at[Loop](unsafe.Pointer(L), layout.loop) }

// ContextLoop is gopher-lua's loop for threads with a context. It is nil if Supported fails.
var ContextLoop = func() Loop {
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer L.Close()
	L.SetContext(context.Background())
	if unsupported != nil {
		return nil
	}
	return *loopIn(L)
}()
