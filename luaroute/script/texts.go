package script

import (
	"errors"
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// texts is where a program of gopher-lua keeps its constants once more, as strings. That is private, so its place is looked up.
var texts = func() uintptr {
	field, ok := reflect.TypeFor[lua.FunctionProto]().FieldByName("stringConstants")
	if !ok || field.Type != reflect.TypeFor[[]string]() {
		return 0
	}
	return field.Offset
}()

// setTexts fills in the constants that are strings, for the instructions that take their names from there.
func setTexts(proto *lua.FunctionProto) {
	list := make([]string, len(proto.Constants))
	for i, c := range proto.Constants {
		if s, ok := c.(lua.LString); ok {
			list[i] = string(s)
		}
	}
	*(*[]string)(unsafe.Add(unsafe.Pointer(proto), texts)) = list
}

// errTexts says that this version of gopher-lua has other programs than those that the compiler writes.
var errTexts = errors.New("this version of gopher-lua keeps the constants of programs elsewhere; v1.1.2 is required")
