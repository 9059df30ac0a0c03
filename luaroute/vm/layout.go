package vm

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// layout says where gopher-lua keeps what it does not export of tables, threads and frames. The places are looked up
// once; ok is false if a version of gopher-lua has them elsewhere, and then the functions below know nothing.
var layout = func() (f struct {
	array, strings, others, keys       uintptr // of a table
	registry, values, top, frame, loop uintptr // of a thread and its registry
	ok                                 bool
},
) {
	table, thread := reflect.TypeFor[lua.LTable](), reflect.TypeFor[lua.LState]()
	ok := true
	place := func(in reflect.Type, name string, kind reflect.Type) uintptr {
		field, found := in.FieldByName(name)
		if !found || kind != nil && field.Type != kind {
			ok = false
		}
		return field.Offset
	}
	values := reflect.TypeFor[[]lua.LValue]()
	f.array = place(table, "array", values)
	f.keys = place(table, "keys", values)
	f.strings = place(table, "strdict", reflect.TypeFor[map[string]lua.LValue]())
	f.others = place(table, "dict", reflect.TypeFor[map[lua.LValue]lua.LValue]())
	registry, hasRegistry := thread.FieldByName("reg")
	frame, hasFrame := thread.FieldByName("currentFrame")
	if !hasRegistry || !hasFrame || registry.Type.Kind() != reflect.Pointer || frame.Type.Kind() != reflect.Pointer {
		return f
	}
	f.registry, f.frame = registry.Offset, frame.Offset
	f.values = place(registry.Type.Elem(), "array", values)
	f.top = place(registry.Type.Elem(), "top", reflect.TypeFor[int]())
	f.loop = place(thread, "mainLoop", nil)
	f.ok = ok && sameFields(frame.Type.Elem(), reflect.TypeFor[callFrame]())
	return f
}()

// sameFields says whether a struct begins with the fields of another.
func sameFields(of, like reflect.Type) bool {
	for i := range like.NumField() {
		if i >= of.NumField() || of.Field(i).Name != like.Field(i).Name || of.Field(i).Type.Kind() != like.Field(i).Type.Kind() {
			return false
		}
	}
	return true
}

func at[T any](p unsafe.Pointer, offset uintptr) *T { return (*T)(unsafe.Add(p, offset)) }

// arrayOf returns the part of a table that is an array, with nils where nothing is any more.
func arrayOf(t *lua.LTable) []lua.LValue {
	if !layout.ok {
		return nil
	}
	return *at[[]lua.LValue](unsafe.Pointer(t), layout.array)
}

// keysOf returns the keys of the other part of a table, in the order of next, those of fields that are nil again included.
func keysOf(t *lua.LTable) []lua.LValue {
	if !layout.ok {
		return nil
	}
	return *at[[]lua.LValue](unsafe.Pointer(t), layout.keys)
}

// fieldsOf returns the fields of a table that are not in its array.
func fieldsOf(t *lua.LTable) (map[string]lua.LValue, map[lua.LValue]lua.LValue) {
	if !layout.ok {
		return nil, nil
	}
	p := unsafe.Pointer(t)
	return *at[map[string]lua.LValue](p, layout.strings), *at[map[lua.LValue]lua.LValue](p, layout.others)
}

// registersOf returns the registers of a thread that are in use, and how many it has room for.
func registersOf(L *lua.LState) ([]lua.LValue, int) {
	if !layout.ok {
		return nil, 0
	}
	registry := *at[unsafe.Pointer](unsafe.Pointer(L), layout.registry)
	values := *at[[]lua.LValue](registry, layout.values)
	return values[:min(*at[int](registry, layout.top), len(values))], len(values)
}

// dropRegisters gives back the registers of a thread in which nothing is going to run.
func dropRegisters(L *lua.LState) {
	if layout.ok {
		registry := *at[unsafe.Pointer](unsafe.Pointer(L), layout.registry)
		*at[[]lua.LValue](registry, layout.values) = nil
	}
}

// argumentsOf returns the arguments of the Go function that runs in a thread.
func argumentsOf(L *lua.LState) []lua.LValue {
	if !layout.ok {
		return nil
	}
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
	if !layout.ok {
		return 0
	}
	if f := *frameOf(L); f != nil {
		return f.Idx + 1
	}
	return 0
}

// callFrame is the beginning of a call frame.
type callFrame struct {
	Idx             int
	Fn              *lua.LFunction
	Parent          *callFrame
	Pc              int
	Base, LocalBase int
}

// frameOf returns the place in a thread that holds the running frame.
func frameOf(L *lua.LState) **callFrame { return at[*callFrame](unsafe.Pointer(L), layout.frame) }

// register returns a register of a frame.
func (f *callFrame) register(L *lua.LState, i int) lua.LValue {
	registry := *at[unsafe.Pointer](unsafe.Pointer(L), layout.registry)
	return (*at[[]lua.LValue](registry, layout.values))[f.LocalBase+i]
}

// operand returns the value of the operand in the last 9 bits of a code: a register or a constant.
func (f *callFrame) operand(L *lua.LState, code uint32) lua.LValue {
	const constant = 1 << 8
	i := int(code & (constant<<1 - 1))
	if i&constant != 0 {
		return f.Fn.Proto.Constants[i&^constant]
	}
	return f.register(L, i)
}
