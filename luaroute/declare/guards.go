package declare

import (
	"errors"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	parts "github.com/luaroute/caddy-luaroute/chiproxy/policy/condition"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
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
			return []chiproxy.Guard{l.dataGuard(L, v)}
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
			all = append(all, l.dataGuard(L, rest))
		}
		return all
	}
	L.RaiseError("a %s is not a guard; %s", v.Type(), guardForms)
	return nil
}

// dataGuard reads a guard that is data.
func (l *load) dataGuard(L *lua.LState, t *lua.LTable) *chiproxy.DataGuard {
	g := dataGuardIn(L, "a guard", t, 0)
	if l.options.Capabilities != nil {
		g.Meter = l.result.VMs.Meter()
	}
	return g
}

func dataGuardIn(L *lua.LState, what string, t *lua.LTable, depth int) *chiproxy.DataGuard {
	if depth == maxGuardLists {
		L.RaiseError("%s: guards are nested more than %d deep, or one contains itself", what, maxGuardLists)
	}
	g := &chiproxy.DataGuard{Origin: here(L, "data", "")}
	o := option.Of(L, what, t, &guardData)
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
			vm.Spend(L, conditionSteps*(1+len(c.Values)+len(c.Prefixes)))
			if err != nil {
				L.RaiseError("%s: %s: %s", what, in.name, err)
			}
			switch in.source {
			case chiproxy.InHeader:
				err = field.CheckName(c.Name)
			case chiproxy.InCookie:
				err = chiproxy.CheckCookieName(c.Name)
			}
			if err != nil {
				L.RaiseError("%s: %s: %s", what, in.name, err)
			}
			g.Conditions = append(g.Conditions, c)
		})
	}
	guardParts(o, g, depth)
	if len(g.Conditions)+len(g.Parts) == 0 {
		L.RaiseError("%s without conditions; %s", what, guardForms)
	}
	vm.Spend(L, conditionSteps*len(g.Parts))
	g.Origin.Text = g.String()
	return g
}

// guardParts reads what is not a condition on header, query and cookies.
func guardParts(o option.Table, g *chiproxy.DataGuard, depth int) {
	add := func(p chiproxy.GuardPart, err error) {
		o.Check(err)
		g.Parts = append(g.Parts, p)
	}
	list := func(name string) []string {
		texts := o.Texts(name)
		if o.Has(name) && len(texts) == 0 {
			o.Fail(name, "a string, or a list of them")
		}
		return texts
	}
	if methods := list("method"); methods != nil {
		for _, m := range methods {
			o.Check(field.CheckMethod(m))
		}
		add(parts.Method(methods), nil)
	}
	if hosts := list("host"); hosts != nil {
		add(parts.NewHost(hosts))
	}
	if networks := list("ip"); networks != nil {
		add(parts.NewIP(networks))
	}
	if scheme := o.Text("scheme"); scheme != "" {
		if scheme != "http" && scheme != "https" {
			o.Fail("scheme", `"http" or "https"`)
		}
		add(parts.Scheme(scheme), nil)
	}
	if by := list("by"); o.Has("percent") {
		if by == nil {
			by = []string{"client_ip"}
		}
		add(parts.NewPercent(o.Number("percent", 0), by...))
	} else if by != nil {
		o.Check(errors.New("by belongs to percent, which is missing"))
	}
	if in, ok := o.In("during", &guardTime); ok {
		add(during(in), nil)
	}
	if t := o.Sub("not"); t != nil {
		add(parts.Not{Guard: dataGuardIn(o.L, o.What+": not", t, depth+1)}, nil)
	}
	if any := guardsOf(o, "any", depth); any != nil {
		add(parts.Any(any), nil)
	}
	if all := guardsOf(o, "all", depth); all != nil {
		add(parts.All(all), nil)
	}
}

// during reads from when to when.
func during(o option.Table) *parts.During {
	d := &parts.During{Now: func(ex *chiproxy.Exchange) time.Time {
		if ex.Refuse() != nil {
			if now := vm.ClockOf(ex.R.Context()); !now.IsZero() {
				return now
			}
		}
		return time.Now()
	}}
	for name, to := range map[string]*time.Time{"from": &d.From, "to": &d.To} {
		if o.Has(name) {
			var err error
			*to, err = parts.ParseTime(o.Text(name))
			o.Check(err)
		}
	}
	switch {
	case o.Empty():
		o.Check(errors.New("expected from, to, or both"))
	case !d.From.IsZero() && !d.To.IsZero() && !d.From.Before(d.To):
		o.Check(errors.New("from is not before to"))
	}
	return d
}

// guardsOf reads a list of guards that are data, nil if it is missing.
func guardsOf(o option.Table, name string, depth int) (all []*chiproxy.DataGuard) {
	t := o.Sub(name)
	if t == nil {
		return nil
	}
	for i := 1; i <= t.Len(); i++ {
		in, ok := t.RawGetInt(i).(*lua.LTable)
		if !ok {
			o.L.RaiseError("%s: %s: %s is not data; expected a list of tables", o.What, name, option.Found(t.RawGetInt(i)))
		}
		all = append(all, dataGuardIn(o.L, o.What+": "+name, in, depth+1))
	}
	if all == nil {
		o.Fail(name, "a list of tables")
	}
	return all
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
	for _, value := range values {
		if prefix, ok := strings.CutSuffix(value, "*"); ok {
			c.Prefixes = append(c.Prefixes, prefix)
		} else {
			c.Values = append(c.Values, value)
		}
	}
	return c, nil
}
