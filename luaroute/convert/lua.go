package convert

import (
	"fmt"
	"strconv"
	"strings"
)

// code is Lua that the converters have written themselves. All else that goes into a script is quoted.
type code string

// table is a table of Lua, with its fields in this order; a field without a key is an item.
type table []field

type field struct {
	key   string
	value any
}

// with returns the table with a field more, unless the value is empty.
func (t table) with(key string, value any) table {
	switch v := value.(type) {
	case nil:
		return t
	case string:
		if v == "" {
			return t
		}
	case []string:
		if len(v) == 0 {
			return t
		}
	case table:
		if len(v) == 0 {
			return t
		}
	}
	return append(t, field{key, value})
}

// lua writes a value.
func lua(value any) string {
	switch v := value.(type) {
	case code:
		return string(v)
	case string:
		return quoted(v)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case []string:
		if len(v) == 1 {
			return quoted(v[0])
		}
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = quoted(item)
		}
		return "{ " + strings.Join(items, ", ") + " }"
	case table:
		if len(v) == 0 {
			return "{}"
		}
		fields := make([]string, len(v))
		for i, f := range v {
			switch {
			case f.key == "":
				fields[i] = lua(f.value)
			case isName(f.key):
				fields[i] = f.key + " = " + lua(f.value)
			default:
				fields[i] = "[" + quoted(f.key) + "] = " + lua(f.value)
			}
		}
		return "{ " + strings.Join(fields, ", ") + " }"
	}
	panic(fmt.Sprintf("no Lua for %T", value))
}

// quoted writes a string of Lua 5.1: bytes of the file can never end it.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f: // three digits, since a digit may follow
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

var keywords = map[string]bool{
	"and": true, "break": true, "do": true, "else": true, "elseif": true, "end": true, "false": true, "for": true, "function": true, "goto": true, "if": true,
	"in": true, "local": true, "nil": true, "not": true, "or": true, "repeat": true, "return": true, "then": true, "true": true, "until": true, "while": true,
}

func isName(s string) bool {
	if s == "" || keywords[s] {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// literal has a string of an action stand for itself, where braces name parameters.
func literal(s string) string { return strings.ReplaceAll(s, "{", "{{") }
