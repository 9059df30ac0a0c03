package declare

import (
	"encoding/json"
	"fmt"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// options is a table of named options.
type options struct {
	L     *lua.LState
	what  string
	table *lua.LTable
}

// fields checks that a table has no other keys than a class has fields.
func fields(L *lua.LState, what string, t *lua.LTable, class *vm.Class) options {
	t.ForEach(func(k, _ lua.LValue) {
		if name, ok := k.(lua.LString); !ok || !class.Has(string(name)) {
			L.RaiseError("%s: unknown key %q; allowed are %s", what, script.Clip(k.String()), class.Names())
		}
	})
	return options{L, what, t}
}

func (o options) fail(name, expected string) {
	o.L.RaiseError("%s: %s is %s; expected %s", o.what, name, found(o.table.RawGetString(name)), expected)
}

// found says what a value is, for an error.
func found(v lua.LValue) string {
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

// text returns a string, empty if it is missing.
func (o options) text(name string) string {
	switch v := o.table.RawGetString(name).(type) {
	case *lua.LNilType:
		return ""
	case lua.LString:
		return string(v)
	}
	o.fail(name, "a string")
	return ""
}

// texts returns a list of strings, or one string as a list.
func (o options) texts(name string) []string {
	v := o.table.RawGetString(name)
	if v == lua.LNil {
		return nil
	}
	list, err := texts(v)
	if err != nil {
		o.L.RaiseError("%s: %s: %s", o.what, name, err)
	}
	return list
}

// integer returns a whole number, 0 if it is missing.
func (o options) integer(name string) int {
	switch v := o.table.RawGetString(name).(type) {
	case *lua.LNilType:
		return 0
	case lua.LNumber:
		if n := int32(v); lua.LNumber(n) == v {
			return int(n)
		}
	}
	o.fail(name, "a whole number")
	return 0
}

// flag returns true or false, false if it is missing.
func (o options) flag(name string) bool {
	switch v := o.table.RawGetString(name).(type) {
	case *lua.LNilType:
		return false
	case lua.LBool:
		return bool(v)
	}
	o.fail(name, "true or false")
	return false
}

// sub returns a table, nil if it is missing.
func (o options) sub(name string) *lua.LTable {
	switch v := o.table.RawGetString(name).(type) {
	case *lua.LNilType:
		return nil
	case *lua.LTable:
		return v
	}
	o.fail(name, "a table")
	return nil
}

// data returns plain data.
func (o options) data(name string) any {
	v, err := data(o.L, o.table.RawGetString(name))
	if err != nil {
		o.L.RaiseError("%s: %s: %s", o.what, name, err)
	}
	return v
}

// data returns a Lua value as JSON would decode it.
func data(L *lua.LState, v lua.LValue) (any, error) {
	text, err := luajson.Encode(L, v)
	if err != nil {
		return nil, err
	}
	var out any
	err = json.Unmarshal(text, &out)
	return out, err
}

// texts returns a list of strings, or of one.
func texts(v lua.LValue) ([]string, error) {
	switch v := v.(type) {
	case lua.LString:
		return []string{string(v)}, nil
	case *lua.LTable:
		list := make([]string, 0, v.Len())
		var failed error
		v.ForEach(func(k, e lua.LValue) {
			s, ok := e.(lua.LString)
			if _, isPlace := k.(lua.LNumber); !ok || !isPlace {
				failed = fmt.Errorf("%s is %s; expected a list of strings", found(k), found(e))
			}
			list = append(list, string(s))
		})
		return list, failed
	}
	return nil, fmt.Errorf("%s; expected a string, or a list of them", found(v))
}
