package script

import (
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// trim gives back what the compiler has reserved for a program and did not need: about 14 KiB for each function, of which a
// fleet of tenants has many.
func trim(proto *lua.FunctionProto) {
	proto.Code = exactly(proto.Code)
	proto.Constants = exactly(proto.Constants)
	proto.FunctionPrototypes = exactly(proto.FunctionPrototypes)
	proto.DbgSourcePositions = exactly(proto.DbgSourcePositions)
	proto.DbgLocals = exactly(proto.DbgLocals)
	proto.DbgCalls = exactly(proto.DbgCalls)
	proto.DbgUpvalues = exactly(proto.DbgUpvalues)
	for _, inner := range proto.FunctionPrototypes {
		trim(inner)
	}
}

// exactly returns a slice with the same elements and no room for more.
func exactly[S ~[]E, E any](s S) S { return slices.Clip(append(make(S, 0, len(s)), s...)) }
