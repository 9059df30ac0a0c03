package value

import (
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Bounds of what is shown of a value.
const (
	maxInspected = 1000 // bytes
	maxNested    = 8    // nested tables
)

// Inspect writes a value as a script would.
func Inspect(v lua.LValue) string {
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
	for _, k := range Keys(t) {
		if size > maxInspected {
			parts = append(parts, "…")
			break
		}
		part := Field(t, k, inspected(t.RawGet(k), depth+1))
		parts = append(parts, part)
		size += len(part)
	}
	if len(parts) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// Field writes a field of a table, whose value is text: with its key, unless that is one of the list.
func Field(t *lua.LTable, k lua.LValue, text string) string {
	if n, ok := k.(lua.LNumber); ok && int(n) >= 1 && int(n) <= t.Len() {
		return text
	}
	return inspectedKey(k) + " = " + text
}

func inspectedKey(k lua.LValue) string {
	if s, ok := k.(lua.LString); ok && IsName(string(s)) {
		return string(s)
	}
	return InspectKey(k)
}

// InspectKey writes a key in brackets. Of one that is a table it writes no more than that.
func InspectKey(k lua.LValue) string { return "[" + inspected(k, maxNested) + "]" }

// IsName reports whether a key can be written without brackets.
func IsName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// Keys returns the keys of a table: those of its list first, in order, then the others sorted as strings.
func Keys(t *lua.LTable) []lua.LValue {
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
