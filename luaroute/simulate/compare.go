package simulate

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// compare reports whether two values are the same, and where they differ in tables: the place, and both values there.
func compare(L *lua.LState, a, b lua.LValue) (place string, found, want lua.LValue, same bool) {
	c := &comparison{L: L, seen: map[[2]*lua.LTable]bool{}}
	same = c.same(a, b, "")
	return c.place, c.found, c.want, same
}

// comparison compares tables by what is in them. Tables may hold one another.
type comparison struct {
	L           *lua.LState
	seen        map[[2]*lua.LTable]bool
	place       string
	found, want lua.LValue
}

func (c *comparison) same(a, b lua.LValue, place string) bool {
	vm.Spend(c.L, 1)
	x, ok := a.(*lua.LTable)
	y, ok2 := b.(*lua.LTable)
	if !ok || !ok2 || x == y {
		if a == b {
			return true
		}
		c.place, c.found, c.want = place, a, b
		return false
	}
	if c.seen[[2]*lua.LTable{x, y}] {
		return true
	}
	c.seen[[2]*lua.LTable{x, y}] = true
	all := value.Keys(x)
	for _, k := range value.Keys(y) {
		if x.RawGet(k) == lua.LNil {
			all = append(all, k)
		}
	}
	for _, k := range all {
		at := place + value.InspectKey(k)
		if s, ok := k.(lua.LString); ok && value.IsName(string(s)) {
			at = place + "." + string(s)
		}
		if !c.same(x.RawGet(k), y.RawGet(k), at) {
			return false
		}
	}
	return true
}
