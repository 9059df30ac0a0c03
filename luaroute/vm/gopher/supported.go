package gopher

import (
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"

	lua "github.com/yuin/gopher-lua"
)

const (
	module = "github.com/yuin/gopher-lua"
	// version is the version of gopher-lua that go.mod asks for, and that this package was written for.
	version = "v1.1.2"
)

// Supported fails if this Caddy was built with a version of gopher-lua in which scripts could not be kept within their limits.
func Supported() error { return unsupported }

var unsupported = func() error {
	err := layout.err
	if err == nil && Instructions[lua.OP_NOP] == nil {
		err = errors.New("no variable jumpTable")
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("this Caddy has gopher-lua %s, whose internals differ (%w), so that scripts could not be kept within their limits; "+
		"build it with gopher-lua %s", builtWith(debug.ReadBuildInfo()), err, version)
}()

// builtWith returns the version of gopher-lua in a program.
func builtWith(info *debug.BuildInfo, ok bool) string {
	if ok {
		for _, dep := range info.Deps {
			switch {
			case dep.Path != module:
			case dep.Replace != nil:
				return fmt.Sprintf("%s (replaced by %s %s)", dep.Version, dep.Replace.Path, dep.Replace.Version)
			default:
				return dep.Version
			}
		}
	}
	return "of an unknown version"
}

// layout is where gopher-lua keeps what it does not export.
var layout = layoutOf(reflect.TypeFor[lua.LTable](), reflect.TypeFor[lua.LState](), reflect.TypeFor[lua.FunctionProto]())

// offsets are those of fields in their structs.
type offsets struct {
	array, strings, others, keys       uintptr // of a table
	registry, values, top, frame, loop uintptr // of a thread and its registry
	names                              uintptr // of a program
	err                                error
}

func layoutOf(table, thread, program reflect.Type) (o offsets) {
	offset := func(in reflect.Type, name string, is func(reflect.Type) bool) (uintptr, reflect.Type) {
		for in.Kind() == reflect.Pointer {
			in = in.Elem()
		}
		field, found := in.FieldByName(name)
		if found && is(field.Type) {
			return field.Offset, field.Type
		}
		if o.err == nil {
			o.err = fmt.Errorf("no field %s in %s, or one of another type", name, in)
		}
		return 0, in
	}
	a := func(t reflect.Type) func(reflect.Type) bool { return func(of reflect.Type) bool { return of == t } }
	pointer := func(of reflect.Type) bool { return of.Kind() == reflect.Pointer && of.Elem().Kind() == reflect.Struct }
	function := func(of reflect.Type) bool {
		return of.Kind() == reflect.Func && of.NumIn() == 2 && of.In(0) == reflect.PointerTo(thread) && of.In(1).Kind() == reflect.Pointer && of.NumOut() == 0
	}
	values := a(reflect.TypeFor[[]lua.LValue]())
	o.array, _ = offset(table, "array", values)
	o.keys, _ = offset(table, "keys", values)
	o.strings, _ = offset(table, "strdict", a(reflect.TypeFor[map[string]lua.LValue]()))
	o.others, _ = offset(table, "dict", a(reflect.TypeFor[map[lua.LValue]lua.LValue]()))
	var registry, frame reflect.Type
	o.registry, registry = offset(thread, "reg", pointer)
	o.values, _ = offset(registry, "array", values)
	o.top, _ = offset(registry, "top", a(reflect.TypeFor[int]()))
	o.loop, _ = offset(thread, "mainLoop", function)
	o.frame, frame = offset(thread, "currentFrame", pointer)
	o.names, _ = offset(program, "stringConstants", a(reflect.TypeFor[[]string]()))
	if o.err == nil {
		o.err = sameFields(frame.Elem(), reflect.TypeFor[Frame]())
	}
	return o
}

// sameFields returns an error unless a struct begins with the fields of another.
func sameFields(of, like reflect.Type) error {
	for i := range like.NumField() {
		if i >= of.NumField() || of.Field(i).Name != like.Field(i).Name || of.Field(i).Type.Kind() != like.Field(i).Type.Kind() {
			return fmt.Errorf("%s differs at the field %s", of, like.Field(i).Name)
		}
	}
	return nil
}
