package vm

import (
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// What limits scripts looks into what gopher-lua does not export: its tables, threads, frames and instructions. Another version
// may have them elsewhere, and another plugin in the same Caddy may bring that version along. Then nothing here may run.

const (
	gopherLua = "github.com/yuin/gopher-lua"
	// gopherVersion is the version of gopher-lua that go.mod asks for, and that was looked into.
	gopherVersion = "v1.1.2"
)

// Supported fails if this Caddy was built with a version of gopher-lua in which scripts could not be kept within their limits.
func Supported() error { return unsupported }

var unsupported = func() error {
	err := layout.err
	if err == nil && instructions[lua.OP_NOP] == nil {
		err = errors.New("jumpTable is not there")
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("this Caddy has gopher-lua %s, whose insides are others (%w), so that scripts could not be kept within their limits; "+
		"build it with gopher-lua %s", builtWith(debug.ReadBuildInfo()), err, gopherVersion)
}()

// builtWith returns the version of gopher-lua that a program has.
func builtWith(info *debug.BuildInfo, ok bool) string {
	if ok {
		for _, dep := range info.Deps {
			switch {
			case dep.Path != gopherLua:
			case dep.Replace != nil:
				return fmt.Sprintf("%s (replaced by %s %s)", dep.Version, dep.Replace.Path, dep.Replace.Version)
			default:
				return dep.Version
			}
		}
	}
	return "of an unknown version"
}

// layout says where gopher-lua keeps what it does not export of tables, threads and frames.
var layout = layoutOf(reflect.TypeFor[lua.LTable](), reflect.TypeFor[lua.LState]())

type places struct {
	array, strings, others, keys       uintptr // of a table
	registry, values, top, frame, loop uintptr // of a thread and its registry
	err                                error
}

func layoutOf(table, thread reflect.Type) (p places) {
	place := func(in reflect.Type, name string, is func(reflect.Type) bool) (uintptr, reflect.Type) {
		for in.Kind() == reflect.Pointer {
			in = in.Elem()
		}
		field, found := in.FieldByName(name)
		if found && is(field.Type) {
			return field.Offset, field.Type
		}
		if p.err == nil {
			p.err = fmt.Errorf("no field %s in %s, or one of another type", name, in)
		}
		return 0, in
	}
	a := func(t reflect.Type) func(reflect.Type) bool { return func(of reflect.Type) bool { return of == t } }
	pointer := func(of reflect.Type) bool { return of.Kind() == reflect.Pointer && of.Elem().Kind() == reflect.Struct }
	function := func(of reflect.Type) bool {
		return of.Kind() == reflect.Func && of.NumIn() == 2 && of.In(0) == reflect.PointerTo(thread) && of.In(1).Kind() == reflect.Pointer && of.NumOut() == 0
	}
	values := a(reflect.TypeFor[[]lua.LValue]())
	p.array, _ = place(table, "array", values)
	p.keys, _ = place(table, "keys", values)
	p.strings, _ = place(table, "strdict", a(reflect.TypeFor[map[string]lua.LValue]()))
	p.others, _ = place(table, "dict", a(reflect.TypeFor[map[lua.LValue]lua.LValue]()))
	var registry, frame reflect.Type
	p.registry, registry = place(thread, "reg", pointer)
	p.values, _ = place(registry, "array", values)
	p.top, _ = place(registry, "top", a(reflect.TypeFor[int]()))
	p.loop, _ = place(thread, "mainLoop", function)
	p.frame, frame = place(thread, "currentFrame", pointer)
	if p.err == nil {
		p.err = sameFields(frame.Elem(), reflect.TypeFor[callFrame]())
	}
	return p
}

// sameFields fails unless a struct has the fields of another.
func sameFields(of, like reflect.Type) error {
	for i := range like.NumField() {
		if i >= of.NumField() || of.Field(i).Name != like.Field(i).Name || of.Field(i).Type.Kind() != like.Field(i).Type.Kind() {
			return fmt.Errorf("%s has another field than %s", of, like.Field(i).Name)
		}
	}
	return nil
}

func at[T any](p unsafe.Pointer, offset uintptr) *T { return (*T)(unsafe.Add(p, offset)) }

// arrayOf returns the part of a table that is an array, with nils where nothing is any more.
func arrayOf(t *lua.LTable) []lua.LValue {
	return *at[[]lua.LValue](unsafe.Pointer(t), layout.array)
}

// keysOf returns the keys of the other part of a table, in the order of next, those of fields that are nil again included.
func keysOf(t *lua.LTable) []lua.LValue {
	return *at[[]lua.LValue](unsafe.Pointer(t), layout.keys)
}

// fieldsOf returns the fields of a table that are not in its array.
func fieldsOf(t *lua.LTable) (map[string]lua.LValue, map[lua.LValue]lua.LValue) {
	p := unsafe.Pointer(t)
	return *at[map[string]lua.LValue](p, layout.strings), *at[map[lua.LValue]lua.LValue](p, layout.others)
}

// registersOf returns the registers of a thread that are in use, and how many it has room for.
func registersOf(L *lua.LState) ([]lua.LValue, int) {
	registry := *at[unsafe.Pointer](unsafe.Pointer(L), layout.registry)
	values := *at[[]lua.LValue](registry, layout.values)
	return values[:min(*at[int](registry, layout.top), len(values))], len(values)
}

// dropRegisters gives back the registers of a thread in which nothing is going to run.
func dropRegisters(L *lua.LState) {
	registry := *at[unsafe.Pointer](unsafe.Pointer(L), layout.registry)
	*at[[]lua.LValue](registry, layout.values) = nil
}

// argumentsOf returns the arguments of the Go function that runs in a thread.
func argumentsOf(L *lua.LState) []lua.LValue {
	f := *frameOf(L)
	if f == nil {
		return nil
	}
	registry := *at[unsafe.Pointer](unsafe.Pointer(L), layout.registry)
	values := *at[[]lua.LValue](registry, layout.values)
	top := min(*at[int](registry, layout.top), len(values))
	return values[min(f.LocalBase, top):top]
}

// depthOf returns how many calls stand in one another in a thread.
func depthOf(L *lua.LState) int {
	if f := *frameOf(L); f != nil {
		return f.Idx + 1
	}
	return 0
}

// callFrame is a call frame of gopher-lua.
type callFrame struct {
	Idx                         int
	Fn                          *lua.LFunction
	Parent                      *callFrame
	Pc                          int
	Base, LocalBase, ReturnBase int
	NArgs, NRet, TailCall       int
}

// frameOf returns the place in a thread that holds the running frame.
func frameOf(L *lua.LState) **callFrame { return at[*callFrame](unsafe.Pointer(L), layout.frame) }

// register returns a register of a frame.
func (f *callFrame) register(L *lua.LState, i int) lua.LValue {
	registry := *at[unsafe.Pointer](unsafe.Pointer(L), layout.registry)
	return (*at[[]lua.LValue](registry, layout.values))[f.LocalBase+i]
}

// setRegister puts a value into a register of a frame of Lua.
func (f *callFrame) setRegister(L *lua.LState, i int, v lua.LValue) {
	registry := *at[unsafe.Pointer](unsafe.Pointer(L), layout.registry)
	(*at[[]lua.LValue](registry, layout.values))[f.LocalBase+i] = v
	top := at[int](registry, layout.top)
	*top = max(*top, f.LocalBase+i+1)
}

// An instruction has, from its highest bit on, 6 bits of opcode, 8 of A, 9 of C and 9 of B; Bx is C and B.
const (
	opcodeShift, aShift, cShift = 26, 18, 9
	maxA, maxB, maxBx           = 1<<8 - 1, 1<<9 - 1, 1<<18 - 1
	constantBit                 = 1 << 8 // of an operand that is a constant
)

// operand returns the value of the operand in the last 9 bits of a code: a register or a constant.
func (f *callFrame) operand(L *lua.LState, code uint32) lua.LValue {
	i := int(code & maxB)
	if i&constantBit != 0 {
		return f.Fn.Proto.Constants[i&^constantBit]
	}
	return f.register(L, i)
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
	f := *frameOf(L)
	for range maxTailFrames {
		if f == nil {
			return
		}
		f.TailCall = min(f.TailCall, maxTailCalls)
		f = f.Parent
	}
}
