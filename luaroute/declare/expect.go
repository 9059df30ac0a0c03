package declare

import (
	"net/http"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Expectation is a request, and the outcome that a script expects of its table.
type Expectation struct {
	Request explain.Request
	Outcome Outcome
	Origin  origin.Origin
}

// Outcome is the expected outcome. Only set fields are compared.
type Outcome struct {
	Pool, Tenant, Route, Pattern *string
	Status                       int
	Next                         *bool
	Params                       map[string]string
}

// expect is r:expect(request, outcome).
func expect(r *router, L *lua.LState) int {
	e := Expectation{Origin: here(L, "expect", "")}
	e.Request = Question(L, "the request of expect", L.CheckTable(1), &expectRequest)
	if e.Request.Path == "" || e.Request.Path[0] != '/' {
		L.RaiseError("the request of expect: path %q: expected one that begins with /, perhaps with a query", e.Request.Path)
	}
	out := fields(L, "the outcome of expect", L.CheckTable(2), &expectOutcome)
	e.Outcome = Outcome{
		Pool: out.given("pool"), Tenant: out.given("tenant"), Route: out.given("route"), Pattern: out.given("pattern"),
		Status: out.integer("status"), Params: out.stringMap("params"),
	}
	if out.table.RawGetString("next") != lua.LNil {
		next := out.flag("next")
		e.Outcome.Next = &next
	}
	if first, _ := out.table.Next(lua.LNil); first == lua.LNil {
		L.RaiseError("the outcome of expect is empty; expected some of %s", expectOutcome.Names())
	}
	r.load.result.Expectations = append(r.load.result.Expectations, e)
	return 0
}

// Question reads a request that a table describes, whose fields are those of a class: RequestFields, and perhaps more.
func Question(L *lua.LState, what string, t *lua.LTable, class *vm.Class) explain.Request {
	in := fields(L, what, t, class)
	return explain.Request{
		Method: in.text("method"), Scheme: in.text("scheme"), Host: in.text("host"), Path: in.text("path"),
		RemoteAddr: in.text("remote_addr"), Body: in.text("body"), Headers: explain.Fields(in.header("headers")),
	}
}

// RequestFields describes a request that Question reads.
func RequestFields() []vm.Doc { return slices.Clone(expectRequest.Fields) }

// given returns a string, nil if it is missing.
func (o options) given(name string) *string {
	if o.table.RawGetString(name) == lua.LNil {
		return nil
	}
	s := o.text(name)
	return &s
}

// stringMap returns a table of strings.
func (o options) stringMap(name string) map[string]string {
	t := o.sub(name)
	if t == nil {
		return nil
	}
	m := map[string]string{}
	t.ForEach(func(k, v lua.LValue) { m[k.String()] = v.String() })
	return m
}

// header returns a header from a table of names and values.
func (o options) header(name string) http.Header {
	h, err := hook.HeaderOf(o.table.RawGetString(name), field.Check)
	check(o.L, err)
	return h
}
