package lint

import (
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// errorResult returns which result of a function is the error of one that returns `nil, error`; 0 if none is.
func errorResult(fn *signature.Type) int {
	last := len(fn.Results) - 1
	if last < 1 || fn.Results[last].Name != "err" || !fn.Results[0].Type.Nilable() {
		return 0
	}
	return last
}

// unchecked finds a result that may be nil with an error, and is an operand, indexed or called before anything has looked at it. That is a
// mistake where the error depends on what comes from outside: the function asks others, or a call takes a text that is not written in the script,
// or nothing at all.
// json.encode of a table that the script has made, or time.format with a zone that is written there, does not fail.
func (p *pass) unchecked(f *file, call *syntax.Call, c callee) {
	last := errorResult(c.fn)
	if last == 0 || !c.fn.Fails && len(c.args) > 0 && !p.takesOutside(c) {
		return
	}
	const advice = "look at it first, such as with assert(…)"
	if needsValue(f, call) {
		p.warn(f, "unchecked-result", place(call), "%s may return nil and an error; %s", c.name, advice)
		return
	}
	local, ok := f.parents[call].(*syntax.Local)
	if !ok || local.Values[len(local.Values)-1] != syntax.Expr(call) {
		return
	}
	at := len(local.Values) - 1
	if at >= len(local.Names) {
		return
	}
	v := f.variables[local.Names[at]]
	if v.changed || len(v.uses) == 0 {
		return
	}
	if e := at + last; e < len(local.Names) && len(f.variables[local.Names[e]].uses) > 0 {
		return
	}
	for _, use := range v.uses {
		if !needsValue(f, use) {
			return
		}
	}
	use := v.uses[0]
	p.warn(f, "unchecked-result", use.Start, "%s is what %s returned, which may be nil and an error; %s", use.Text, c.name, advice)
}

// unused finds a call that stands alone and returns what does nothing by itself.
func (p *pass) unused(f *file, call *syntax.Call, c callee) {
	if _, alone := f.parents[call].(*syntax.CallStmt); !alone || len(c.fn.Results) != 1 {
		return
	}
	switch made := c.fn.Results[0].Type.String(); {
	case made == p.api.Router:
		p.warn(f, "unused-result", place(call), "%s changes nothing: what it returns is the router to declare routes with", c.name)
	case slices.Contains(p.api.Inert, made):
		p.warn(f, "unused-result", place(call), "%s does nothing by itself: give what it returns to use, with or a route", c.name)
	}
}

// takesOutside reports whether a call has an argument that is a text, and is not written in the script.
func (p *pass) takesOutside(c callee) bool {
	for i, param := range signature.Arrange(c.params, len(c.args)) {
		isText := func(t *signature.Type) bool { return p.api.group(t) == "string" }
		if i < len(c.args) && slices.ContainsFunc(p.api.alternatives(param.Type), isText) {
			if _, written := c.args[i].(*syntax.String); !written {
				return true
			}
		}
	}
	return false
}

// needsValue reports whether nil is an error where an expression stands: as an operand, indexed, or called.
func needsValue(f *file, e syntax.Expr) bool {
	switch parent := f.parents[e].(type) {
	case *syntax.Call: // of it, or of a method of it
		return parent.Func == e
	case *syntax.Index:
		return parent.Object == e
	case *syntax.Concat:
		return true
	case *syntax.Unary:
		return parent.Op != "not"
	case *syntax.Binary:
		return !slices.Contains([]string{"and", "or", "==", "~="}, parent.Op)
	case *syntax.Paren:
		return needsValue(f, parent)
	}
	return false
}
