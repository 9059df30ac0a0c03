// Package option reads the tables of options that scripts hand to functions such as route.proxy and route.limit. Whatever is wrong with
// one raises an error in the script, with what was found and what is allowed.
package option

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/internal/spelling"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Table is a table of named options.
type Table struct {
	// L is the thread that gave it, and What its name in errors.
	L     *lua.LState
	What  string
	table *lua.LTable
}

// Of checks that a table has no other keys than a class has fields. What is the table's name in errors: "route.limit".
func Of(L *lua.LState, what string, t *lua.LTable, class *vm.Class) Table {
	vm.SpendReading(L, t)
	t.ForEach(func(k, _ lua.LValue) {
		name, ok := k.(lua.LString)
		if ok && class.Has(string(name)) {
			return
		}
		shown := script.Clip(k.String())
		L.RaiseError("%s: unknown key %q; allowed are %s%s", what, shown, class.Names(), spelling.Hint(shown, class.FieldNames()))
	})
	return Table{L, what, t}
}

// Value returns an option as it is, nil if it is missing.
func (t Table) Value(name string) lua.LValue { return t.table.RawGetString(name) }

// Has reports whether an option is there.
func (t Table) Has(name string) bool { return t.table.RawGetString(name) != lua.LNil }

// Empty reports whether there is no option at all.
func (t Table) Empty() bool {
	first, _ := t.table.Next(lua.LNil)
	return first == lua.LNil
}

// In returns the table of options that an option is, and whether it is there.
func (t Table) In(name string, class *vm.Class) (Table, bool) {
	in := t.Sub(name)
	if in == nil {
		return Table{}, false
	}
	return Of(t.L, t.What+": "+name, in, class), true
}

// Check raises an error of the options as a whole, unless it is nil.
func (t Table) Check(err error) {
	if err != nil {
		t.L.RaiseError("%s: %s", t.What, err)
	}
}

// Fail raises the error that an option is something else than what is expected.
func (t Table) Fail(name, expected string) {
	t.L.RaiseError("%s: %s is %s; expected %s", t.What, name, Found(t.table.RawGetString(name)), expected)
}

// Found says what a value is, for an error.
func Found(v lua.LValue) string {
	switch v := v.(type) {
	case *lua.LNilType:
		return "nil"
	case lua.LString:
		return strconv.Quote(script.Clip(string(v)))
	case lua.LNumber, lua.LBool:
		return v.String()
	}
	return "a " + v.Type().String()
}

// Text returns a string, empty if it is missing.
func (t Table) Text(name string) string {
	switch v := t.table.RawGetString(name).(type) {
	case *lua.LNilType:
		return ""
	case lua.LString:
		return string(v)
	}
	t.Fail(name, "a string")
	return ""
}

// Texts returns a list of strings, or one string as a list.
func (t Table) Texts(name string) []string {
	v := t.table.RawGetString(name)
	if v == lua.LNil {
		return nil
	}
	vm.SpendReading(t.L, v)
	list, err := Strings(v)
	if err != nil {
		t.L.RaiseError("%s: %s: %s", t.What, name, err)
	}
	return list
}

// Given returns a string, nil if it is missing.
func (t Table) Given(name string) *string {
	if !t.Has(name) {
		return nil
	}
	s := t.Text(name)
	return &s
}

// StringMap returns a table of strings.
func (t Table) StringMap(name string) map[string]string {
	in := t.Sub(name)
	if in == nil {
		return nil
	}
	vm.SpendReading(t.L, in)
	m := map[string]string{}
	in.ForEach(func(k, v lua.LValue) { m[k.String()] = v.String() })
	return m
}

// Integer returns a whole number, 0 if it is missing.
func (t Table) Integer(name string) int {
	switch v := t.table.RawGetString(name).(type) {
	case *lua.LNilType:
		return 0
	case lua.LNumber:
		if n := int32(v); lua.LNumber(n) == v {
			return int(n)
		}
	}
	t.Fail(name, "a whole number")
	return 0
}

// Number returns a number, or the default if it is missing.
func (t Table) Number(name string, usual float64) float64 {
	switch v := t.table.RawGetString(name).(type) {
	case *lua.LNilType:
		return usual
	case lua.LNumber:
		if !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) {
			return float64(v)
		}
	}
	t.Fail(name, "a number")
	return 0
}

// Flag returns true or false, false if it is missing.
func (t Table) Flag(name string) bool {
	switch v := t.table.RawGetString(name).(type) {
	case *lua.LNilType:
		return false
	case lua.LBool:
		return bool(v)
	}
	t.Fail(name, "true or false")
	return false
}

// Sub returns a table, nil if it is missing.
func (t Table) Sub(name string) *lua.LTable {
	switch v := t.table.RawGetString(name).(type) {
	case *lua.LNilType:
		return nil
	case *lua.LTable:
		return v
	}
	t.Fail(name, "a table")
	return nil
}

// Data returns plain data.
func (t Table) Data(name string) any {
	v, err := Plain(t.L, t.table.RawGetString(name))
	if err != nil {
		t.L.RaiseError("%s: %s: %s", t.What, name, err)
	}
	return v
}

// Plain returns a Lua value as JSON would decode it.
func Plain(L *lua.LState, v lua.LValue) (any, error) {
	text, err := luajson.Encode(L, v)
	if err != nil {
		return nil, err
	}
	var out any
	err = json.Unmarshal(text, &out)
	return out, err
}

// Strings returns a list of strings, or of one.
func Strings(v lua.LValue) ([]string, error) {
	switch v := v.(type) {
	case lua.LString:
		return []string{string(v)}, nil
	case *lua.LTable:
		list := make([]string, 0, v.Len())
		var failed error
		v.ForEach(func(k, e lua.LValue) {
			s, ok := e.(lua.LString)
			if _, isPlace := k.(lua.LNumber); !ok || !isPlace {
				failed = fmt.Errorf("%s is %s; expected a list of strings", Found(k), Found(e))
			}
			list = append(list, string(s))
		})
		return list, failed
	}
	return nil, fmt.Errorf("%s; expected a string, or a list of them", Found(v))
}

// Expected of durations and sizes.
const (
	expectedDuration = `a number of seconds above 0, or a string such as "100ms"`
	expectedSize     = `a number of bytes above 0, or a string such as "1MiB"`
	// maxWord is the length of the longest string that is read as one of these, in bytes.
	maxWord = 64
)

// Duration returns a duration, 0 if it is missing.
func (t Table) Duration(name string) caddy.Duration {
	return field(t, name, durationOf, expectedDuration)
}

// DurationArgument returns the duration that an argument of a function is.
func DurationArgument(L *lua.LState, n int) caddy.Duration {
	return argument(L, n, durationOf, expectedDuration)
}

func durationOf(v lua.LValue) (caddy.Duration, bool) {
	const most = 1e9 // seconds, far below what overflows
	switch v := v.(type) {
	case lua.LNumber:
		if d := time.Duration(v * lua.LNumber(time.Second)); v <= most && d > 0 {
			return caddy.Duration(d), true
		}
	case lua.LString:
		if len(v) > maxWord {
			return 0, false
		}
		if d, err := time.ParseDuration(string(v)); err == nil && d > 0 {
			return caddy.Duration(d), true
		}
	}
	return 0, false
}

// Size returns a number of bytes, 0 if it is missing.
func (t Table) Size(name string) config.Size { return field(t, name, sizeOf, expectedSize) }

// SizeArgument returns the number of bytes that an argument of a function is.
func SizeArgument(L *lua.LState, n int) config.Size { return argument(L, n, sizeOf, expectedSize) }

// field returns the field of a name, as of reads it, and zero if it is missing.
func field[T any](t Table, name string, of func(lua.LValue) (T, bool), expected string) (value T) {
	v := t.table.RawGetString(name)
	if v == lua.LNil {
		return value
	}
	value, ok := of(v)
	if !ok {
		t.Fail(name, expected)
	}
	return value
}

// argument returns an argument of a function, as of reads it.
func argument[T any](L *lua.LState, n int, of func(lua.LValue) (T, bool), expected string) T {
	value, ok := of(L.Get(n))
	if !ok {
		L.ArgError(n, "expected "+expected+"; found "+Found(L.Get(n)))
	}
	return value
}

func sizeOf(v lua.LValue) (config.Size, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		if n := config.Size(v); v < 1<<53 && lua.LNumber(n) == v && n > 0 {
			return n, true
		}
	case lua.LString:
		if len(v) > maxWord {
			return 0, false
		}
		if n, err := config.ParseSize(string(v)); err == nil && n > 0 && n < 1<<53 {
			return n, true
		}
	}
	return 0, false
}

// Count returns a whole number above 0, or 0 if it is missing.
func (t Table) Count(name string) int {
	n := t.Integer(name)
	if n < 0 || n == 0 && t.table.RawGetString(name) != lua.LNil {
		t.Fail(name, "a whole number above 0")
	}
	return n
}
