package gopher

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// tagged is a function of Go with a value that belongs to it, for which an LFunction has no field.
type tagged struct {
	lua.LFunction // first, so that a pointer to it is one to all
	tag           any
}

// Tagged returns a function of Go to which a value belongs.
func Tagged(fn lua.LGFunction, tag any) *lua.LFunction {
	return &(&tagged{lua.LFunction{IsG: true, GFunction: fn}, tag}).LFunction
}

// TagOf returns the value that belongs to a function. It must be one that Tagged has returned.
func TagOf(fn *lua.LFunction) any { return (*tagged)(unsafe.Pointer(fn)).tag }
