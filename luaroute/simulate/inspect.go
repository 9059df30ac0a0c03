package simulate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Bounds of what a message shows of a value.
const (
	maxInspected = 1000 // bytes
	maxNested    = 8    // nested tables
)

// inspect writes a value as a script would.
func inspect(v lua.LValue) string {
	text := inspected(v, 0)
	if len(text) > maxInspected {
		text = strings.ToValidUTF8(text[:maxInspected], "") + "…"
	}
	return text
}

func inspected(v lua.LValue, depth int) string {
	switch v := v.(type) {
	case lua.LString:
		s := string(v)
		if len(s) > maxInspected {
			s = s[:maxInspected]
		}
		return strconv.Quote(s)
	case *lua.LTable:
		return inspectedTable(v, depth)
	case *lua.LNilType, lua.LBool, lua.LNumber:
		return v.String()
	}
	return "a " + v.Type().String()
}

func inspectedTable(t *lua.LTable, depth int) string {
	if depth == maxNested {
		return "{…}"
	}
	var parts []string
	size := 0
	for _, k := range keys(t) {
		if size > maxInspected {
			parts = append(parts, "…")
			break
		}
		part := field(t, k, inspected(t.RawGet(k), depth+1))
		parts = append(parts, part)
		size += len(part)
	}
	if len(parts) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// field writes a field of a table, whose value is text: with its key, unless that is one of the list.
func field(t *lua.LTable, k lua.LValue, text string) string {
	if n, ok := k.(lua.LNumber); ok && int(n) >= 1 && int(n) <= t.Len() {
		return text
	}
	return inspectedKey(k) + " = " + text
}

func inspectedKey(k lua.LValue) string {
	if s, ok := k.(lua.LString); ok && isName(string(s)) {
		return string(s)
	}
	return "[" + inspected(k, maxNested) + "]"
}

// isName reports whether a key can be written without brackets.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// keys returns the keys of a table: those of its list first, in order, then the others sorted as strings.
func keys(t *lua.LTable) []lua.LValue {
	var all []lua.LValue
	t.ForEach(func(k, _ lua.LValue) { all = append(all, k) })
	slices.SortStableFunc(all, func(a, b lua.LValue) int {
		x, aIsNumber := a.(lua.LNumber)
		y, bIsNumber := b.(lua.LNumber)
		switch {
		case aIsNumber && bIsNumber && x < y, aIsNumber && !bIsNumber:
			return -1
		case aIsNumber && bIsNumber && x > y, !aIsNumber && bIsNumber:
			return 1
		case aIsNumber:
			return 0
		}
		return strings.Compare(a.String(), b.String())
	})
	return all
}

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
	all := keys(x)
	for _, k := range keys(y) {
		if x.RawGet(k) == lua.LNil {
			all = append(all, k)
		}
	}
	for _, k := range all {
		at := fmt.Sprintf("%s[%s]", place, inspected(k, maxNested))
		if s, ok := k.(lua.LString); ok && isName(string(s)) {
			at = place + "." + string(s)
		}
		if !c.same(x.RawGet(k), y.RawGet(k), at) {
			return false
		}
	}
	return true
}
