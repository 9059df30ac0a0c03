package url

import (
	"fmt"
	"net/url"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// pairSize is the memory of a name and its value without the bytes of their strings.
const pairSize = 128

// parseQuery is url.parse_query(s).
func parseQuery(L *lua.LState) int {
	s := checked(L)
	vm.Spend(L, callSteps+len(s)/bytesPerStep)
	vm.Charge(L, pairSize*strings.Count(s, "&"))
	values := rawquery.Parse(s)
	t := L.CreateTable(0, len(values))
	for name, all := range values {
		if len(all) == 1 {
			t.RawSetString(name, lua.LString(all[0]))
			continue
		}
		list := L.CreateTable(len(all), 0)
		for _, v := range all {
			list.Append(lua.LString(v))
		}
		t.RawSetString(name, list)
	}
	L.Push(t)
	return 1
}

// buildQuery is url.build_query(table).
func buildQuery(L *lua.LState) int {
	return success(L, EncodeQuery(L, "", L.CheckTable(1)))
}

// EncodeQuery returns the query of a table of names and values, or lists of values. A wrong one raises an error that begins with what, or is
// one of the first argument if that is empty.
func EncodeQuery(L *lua.LState, what string, t *lua.LTable) string {
	var names []string
	t.ForEach(func(k, v lua.LValue) {
		vm.Spend(L, 1)
		name, ok := k.(lua.LString)
		if !ok {
			wrong(L, what, fmt.Sprintf("a name of the query is a %s; expected a string", k.Type()))
		}
		names = append(names, string(name))
	})
	vm.SortNames(L, names)
	var out strings.Builder
	for _, name := range names {
		switch v := t.RawGetString(name).(type) {
		case *lua.LTable:
			for i := 1; i <= v.Len(); i++ {
				writePair(L, &out, what, name, v.RawGetInt(i))
			}
		default:
			writePair(L, &out, what, name, v)
		}
	}
	return out.String()
}

// wrong raises an error.
func wrong(L *lua.LState, what, message string) {
	if what == "" {
		L.ArgError(1, message)
	}
	L.RaiseError("%s: %s", what, message)
}

// writePair writes a name and a value.
func writePair(L *lua.LState, out *strings.Builder, what, name string, v lua.LValue) {
	switch v.Type() {
	case lua.LTString, lua.LTNumber, lua.LTBool:
	default:
		wrong(L, what, fmt.Sprintf("the value of %q in the query is a %s; expected a string, a number, a boolean or a list of them", name, v.Type()))
	}
	if out.Len() > 0 {
		out.WriteByte('&')
	}
	text := v.String()
	size := len(name) + len(text)
	tooLarge(L, out.Len()+size)
	vm.Spend(L, 2+3*size/bytesPerStep) // they may become three times as long
	vm.Charge(L, 3*size)
	out.WriteString(url.QueryEscape(name))
	out.WriteByte('=')
	out.WriteString(url.QueryEscape(text))
	tooLarge(L, out.Len())
}
