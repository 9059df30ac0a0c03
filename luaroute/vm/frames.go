package vm

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// frames says where gopher-lua keeps the running call frame of a thread, and in a frame its parent and its count of tail
// calls. All are private, so their places are looked up once; ok is false if a version of gopher-lua has them
// elsewhere, and then nothing below does anything.
var frames = func() (f struct {
	current, parent, tailCalls uintptr
	ok                         bool
},
) {
	current, ok := reflect.TypeFor[lua.LState]().FieldByName("currentFrame")
	if !ok || current.Type.Kind() != reflect.Pointer {
		return f
	}
	parent, hasParent := current.Type.Elem().FieldByName("Parent")
	tailCalls, hasTailCalls := current.Type.Elem().FieldByName("TailCall")
	if !hasParent || parent.Type != current.Type || !hasTailCalls || tailCalls.Type != reflect.TypeFor[int]() {
		return f
	}
	f.current, f.parent, f.tailCalls, f.ok = current.Offset, parent.Offset, tailCalls.Offset, true
	return f
}()

// runningFrame returns the frame that runs in a thread, or nil.
func runningFrame(L *lua.LState) unsafe.Pointer {
	if !frames.ok {
		return nil
	}
	return *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(L), frames.current))
}

// parentOf returns the place in a frame that holds its parent.
func parentOf(frame unsafe.Pointer) *unsafe.Pointer {
	return (*unsafe.Pointer)(unsafe.Add(frame, frames.parent))
}

const (
	// maxTailCalls is how many tail calls of one frame a stack trace lists.
	maxTailCalls = 3
	// maxTailFrames is in how many frames they are cut.
	maxTailFrames = 16
)

// forgetTailCalls cuts the counts of tail calls in the innermost frames of a thread. gopher-lua writes one line into the
// trace of an error for each, so an error after a loop of a million tail calls would take longer than the loop.
func forgetTailCalls(L *lua.LState) {
	frame := runningFrame(L)
	for range maxTailFrames {
		if frame == nil {
			return
		}
		count := (*int)(unsafe.Add(frame, frames.tailCalls))
		*count = min(*count, maxTailCalls)
		frame = *parentOf(frame)
	}
}
