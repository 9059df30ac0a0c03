package declare

import (
	lua "github.com/yuin/gopher-lua"
)

// absent refuses a method that this version does not have.
func absent(name string) method {
	return func(_ *router, L *lua.LState) int {
		L.RaiseError("route.%s is not part of this version", name)
		return 0
	}
}
