package declare

import (
	"fmt"

	"github.com/luaroute/caddy-luaroute/luaroute/option"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// guardValue is a matcher as scripts hold it.
type guardValue struct{ chiproxy.Guard }

// Immutable marks it as shared by all states.
func (guardValue) Immutable() {}

const guardForms = "expected a function, route.matcher(…), data such as { header = { [\"X-A\"] = \"b\" } }, or a list of these"

// maxGuardLists is how deep lists of guards may be nested. It stops a list that contains itself.
const maxGuardLists = 10

// guards returns the guards that a value stands for; all must allow a request.
func (l *load) guards(L *lua.LState, v lua.LValue) []chiproxy.Guard { return l.guardsIn(L, v, 0) }

func (l *load) guardsIn(L *lua.LState, v lua.LValue, depth int) []chiproxy.Guard {
	switch v := v.(type) {
	case *lua.LFunction:
		ref, origin := l.keep(L, v)
		return []chiproxy.Guard{l.result.VMs.Guard(ref, origin)}
	case *lua.LUserData:
		if g, ok := v.Value.(guardValue); ok {
			return []chiproxy.Guard{g.Guard}
		}
	case *lua.LTable:
		if v.Len() == 0 {
			return []chiproxy.Guard{dataGuard(L, v)}
		}
		if depth == maxGuardLists {
			L.RaiseError("lists of guards are nested more than %d deep, or one contains itself", maxGuardLists)
		}
		var all []chiproxy.Guard
		for i := 1; i <= v.Len(); i++ {
			all = append(all, l.guardsIn(L, v.RawGetInt(i), depth+1)...)
		}
		rest := new(lua.LState).CreateTable(0, 1)
		v.ForEach(func(k, e lua.LValue) {
			if _, isPlace := k.(lua.LNumber); !isPlace {
				rest.RawSet(k, e)
			}
		})
		if k, _ := rest.Next(lua.LNil); k != lua.LNil {
			all = append(all, dataGuard(L, rest))
		}
		return all
	}
	L.RaiseError("a %s is not a guard; %s", v.Type(), guardForms)
	return nil
}

// dataGuard reads a guard that is data: header, query and cookie, each with names and values. A value is a string, a list of strings, or
// true for any.
func dataGuard(L *lua.LState, t *lua.LTable) chiproxy.Guard {
	g := &chiproxy.DataGuard{Origin: here(L, "data", "")}
	o := option.Of(L, "a guard", t, &guardData)
	for _, in := range []struct {
		name   string
		source chiproxy.Source
	}{{"header", chiproxy.InHeader}, {"query", chiproxy.InQuery}, {"cookie", chiproxy.InCookie}} {
		values := o.Sub(in.name)
		if values == nil {
			continue
		}
		values.ForEach(func(k, v lua.LValue) {
			c, err := condition(in.source, k, v)
			vm.Spend(L, conditionSteps*(1+len(c.Values)))
			if err != nil {
				L.RaiseError("a guard: %s: %s", in.name, err)
			}
			switch in.source {
			case chiproxy.InHeader:
				err = field.CheckName(c.Name)
			case chiproxy.InCookie:
				err = chiproxy.CheckCookieName(c.Name)
			}
			if err != nil {
				L.RaiseError("a guard: %s: %s", in.name, err)
			}
			g.Conditions = append(g.Conditions, c)
			g.Origin.Text = fmt.Sprintf("%s %s", in.name, c.Name)
		})
	}
	if len(g.Conditions) == 0 {
		L.RaiseError("a guard without conditions; %s", guardForms)
	}
	return g
}

// conditionSteps is the cost of one value of a condition.
const conditionSteps = 4

func condition(in chiproxy.Source, k, v lua.LValue) (chiproxy.Condition, error) {
	name, ok := k.(lua.LString)
	if !ok {
		return chiproxy.Condition{}, fmt.Errorf("the key %s is not a name", k.String())
	}
	c := chiproxy.Condition{In: in, Name: string(name)}
	if v == lua.LTrue {
		return c, nil
	}
	values, err := option.Strings(v)
	if err != nil || len(values) == 0 {
		return c, fmt.Errorf("%s: expected a string, a list of strings, or true for any value", name)
	}
	c.Values = values
	return c, nil
}
