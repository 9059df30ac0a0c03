package policy

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/headers"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var headersBinding = Binding{Make: makeHeaders, Doc: vm.Doc{
	Name: "headers", Args: "options: luaroute.HeaderOptions", Returns: "luaroute.Policy",
	Text: "changes the header of [requests and of all responses](policies.md#headers), errors included",
}}

var headersClasses = []vm.Class{
	{Name: "luaroute.HeaderOptions", Link: "policies.md#headers", Text: "the options of `route.headers`", Fields: []vm.Doc{
		{Name: "request", Type: "luaroute.HeaderChanges?", Text: "changes of the header of the request, as what is inside sees it"},
		{Name: "response", Type: "luaroute.HeaderChanges?", Text: "changes of the header of the response, just before it is sent"},
	}},
	headerChanges, replacementClass,
}

var headerChanges = vm.Class{
	Name: "luaroute.HeaderChanges", Link: "policies.md#headers", Text: "changes of a header, in this order",
	Fields: []vm.Doc{
		{Name: "remove", Type: "string|string[]|nil", Text: "a name, or a list of them"},
		{Name: "set", Type: "luaroute.HeaderTable?", Text: "names and values that replace those there are, perhaps with [parameters](lua.md#parameters-in-strings)"},
		{Name: "add", Type: "luaroute.HeaderTable?", Text: "names and values besides those there are"},
		{Name: "replace", Type: "table<string, luaroute.Replacement>?", Text: "names and what to replace in their values"},
	},
}

var replacementClass = vm.Class{
	Name: "luaroute.Replacement", Link: "policies.md#headers", Text: "what is replaced in the values of a header field",
	Fields: []vm.Doc{
		{Name: "pattern", Type: "string", Text: "a regular expression (RE2), each match of which is replaced"},
		{Name: "with", Type: "string", Text: "the text instead; `$1` or `${name}` is what a group has matched, `$$` a dollar"},
	},
}

// HeaderOperations are changes of a header that HeaderOps reads.
var HeaderOperations = vm.Class{
	Name: "luaroute.HeaderOperations", Link: "lua.md#options-of-routeproxy", Text: "changes of a header",
	Fields: []vm.Doc{
		{Name: "set", Type: "luaroute.HeaderTable?", Text: "names and values that replace those there are"},
		{Name: "add", Type: "luaroute.HeaderTable?", Text: "names and values besides those there are"},
		{Name: "remove", Type: "string|string[]|nil", Text: "a name, or a list of them"},
	},
}

// isolatedSteps is how many instructions a pattern of an isolated tenant may have: a search cannot be interrupted.
const isolatedSteps = 100

// makeHeaders is route.headers{ request = {…}, response = {…} }.
func makeHeaders(l *Load, L *lua.LState) int {
	o := option.Of(L, "route.headers", L.CheckTable(1), &headersClasses[0])
	p, err := headers.New(headers.Options{
		Request: l.headerChanges(o, "request", field.Check), Response: l.headerChanges(o, "response", field.CheckResponse),
		Origin: l.Here(L, "headers", ""),
	})
	o.Check(err)
	l.Templated(L, p)
	return push(L, p)
}

// headerChanges returns what an option changes.
func (l *Load) headerChanges(o option.Table, name string, allowed hook.HeaderCheck) (c headers.Changes) {
	in, ok := o.In(name, &headerChanges)
	if !ok {
		return c
	}
	c.Ops = readHeaderOps(in, hook.HeaderOf, allowed)
	replace := in.Sub("replace")
	if replace == nil {
		return c
	}
	replace.ForEach(func(k, v lua.LValue) {
		field, isName := k.(lua.LString)
		t, isTable := v.(*lua.LTable)
		if !isName || !isTable {
			in.Fail("replace", `names, each with { pattern = "…", with = "…" }`)
		}
		r := option.Of(o.L, in.What+": replace: "+string(field), t, &replacementClass)
		one := headers.Replacement{Name: string(field), Pattern: r.Text("pattern"), With: r.Text("with")}
		if !r.Has("with") {
			r.Fail("with", "a string")
		}
		if l.Capabilities != nil {
			one.MaxSteps = isolatedSteps
		}
		vm.Spend(o.L, len(one.Pattern)*patternSteps)
		c.Replace = append(c.Replace, one)
	})
	return c
}

// patternSteps is the cost of compiling one byte of a pattern, in steps.
const patternSteps = 20

// HeaderOps returns the changes of a header that an option of HeaderOperations has, nil for none.
func HeaderOps(o option.Table, name string, read func(lua.LValue, hook.HeaderCheck) (http.Header, error), allowed hook.HeaderCheck) *field.Ops {
	in, ok := o.In(name, &HeaderOperations)
	if !ok {
		return nil
	}
	return readHeaderOps(in, read, allowed)
}

func readHeaderOps(in option.Table, read func(lua.LValue, hook.HeaderCheck) (http.Header, error), allowed hook.HeaderCheck) *field.Ops {
	ops := &field.Ops{Remove: in.Texts("remove")}
	for name, to := range map[string]*http.Header{"set": &ops.Set, "add": &ops.Add} {
		header, err := read(in.Value(name), allowed)
		in.Check(err)
		*to = header
	}
	return ops
}
