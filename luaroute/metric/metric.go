// Package metric has scripts count in metrics of their own: what `req:count` and the object of `route.metric` have in common.
package metric

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// steps is the cost of counting in the budget of the script.
const steps = 4

// Count adds to a metric. The argument n is how much, 1 if it is missing; the next one is a table of the labels. A request that is only
// explained, and a test, counts nothing.
func Count(L *lua.LState, m *telemetry.Custom, n int) {
	amount := 1.0
	if L.Get(n) != lua.LNil {
		amount = number(L, m, n)
	}
	if m.Kind == telemetry.Counter && amount < 0 {
		L.ArgError(n, "a counter never goes down; expected a number from 0 on, or a metric of the kind gauge")
	}
	p := point(L, m, n+1)
	if serves(L) {
		m.Add(p, amount)
	}
}

// Set sets a gauge, with the same arguments.
func Set(L *lua.LState, m *telemetry.Custom, n int) {
	if m.Kind != telemetry.Gauge {
		L.RaiseError("the metric %q is a counter, which only counts; expected one of the kind gauge", m.Name)
	}
	amount, p := number(L, m, n), point(L, m, n+1)
	if serves(L) {
		m.Set(p, amount)
	}
}

// serves spends what counting takes, and reports whether it counts.
func serves(L *lua.LState) bool {
	vm.Spend(L, steps)
	s := vm.Of(L)
	return s == nil || s.Refuse == nil
}

func number(L *lua.LState, m *telemetry.Custom, n int) float64 {
	v, ok := L.Get(n).(lua.LNumber)
	if !ok || !(v >= -telemetry.MaxAmount && v <= telemetry.MaxAmount) {
		L.ArgError(n, "metric "+m.Name+": expected a number, at most 2^53")
	}
	return float64(v)
}

// point returns the series that a table of labels names. What is missing, or is not listed, is telemetry.Other.
func point(L *lua.LState, m *telemetry.Custom, n int) telemetry.Point {
	p := m.Point()
	if L.Get(n) == lua.LNil {
		return p
	}
	L.CheckTable(n).ForEach(func(k, v lua.LValue) {
		text := ""
		switch v := v.(type) {
		case lua.LString:
			text = string(v)
		case lua.LNumber, lua.LBool:
			text = v.String()
		default:
			L.RaiseError("metric %q: label %s is a %s; expected a string, a number or a boolean", m.Name, script.Clip(k.String()), v.Type())
		}
		name, _ := k.(lua.LString)
		var known bool
		if p, known = m.With(p, string(name), text); !known {
			L.RaiseError("metric %q has no label %q; it has %s", m.Name, script.Clip(k.String()), labels(m))
		}
	})
	return p
}

func labels(m *telemetry.Custom) string {
	if len(m.Labels) == 0 {
		return "none"
	}
	names := make([]string, len(m.Labels))
	for i, l := range m.Labels {
		names[i] = l.Name
	}
	return strings.Join(names, ", ")
}
