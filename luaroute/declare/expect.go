package declare

import (
	"net/http"
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/option"

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
	out := option.Of(L, "the outcome of expect", L.CheckTable(2), &expectOutcome)
	e.Outcome = Outcome{
		Pool: out.Given("pool"), Tenant: out.Given("tenant"), Route: out.Given("route"), Pattern: out.Given("pattern"),
		Status: out.Integer("status"), Params: out.StringMap("params"),
	}
	if out.Value("next") != lua.LNil {
		next := out.Flag("next")
		e.Outcome.Next = &next
	}
	if out.Empty() {
		L.RaiseError("the outcome of expect is empty; expected some of %s", expectOutcome.Names())
	}
	r.load.result.Expectations = append(r.load.result.Expectations, e)
	return 0
}

// Question reads a request that a table describes, whose fields are those of a class: RequestFields, and perhaps more.
func Question(L *lua.LState, what string, t *lua.LTable, class *vm.Class) explain.Request {
	in := option.Of(L, what, t, class)
	return explain.Request{
		Method: in.Text("method"), Scheme: in.Text("scheme"), Host: in.Text("host"), Path: in.Text("path"),
		RemoteAddr: in.Text("remote_addr"), Body: in.Text("body"), Headers: explain.Fields(headerOf(in, "headers")),
	}
}

// RequestFields describes a request that Question reads.
func RequestFields() []vm.Doc { return slices.Clone(expectRequest.Fields) }

// headerOf returns a header from a table of names and values.
func headerOf(o option.Table, name string) http.Header {
	h, err := hook.HeaderOf(o.Value(name), field.Check)
	check(o.L, err)
	return h
}
