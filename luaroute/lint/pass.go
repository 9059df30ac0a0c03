package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// analysis finds out the types of what scripts that work together use, as far as they are certain, and what is wrong with it.
type analysis struct {
	api      *api
	files    map[string]*file
	order    []*file
	assigned map[string]bool // globals that any script assigns
	extended map[string]bool // fields of globals that any script assigns
	out      func(f *file, kind string, at syntax.Pos, message string)
}

// rounds is how often what is known of parameters is used to find out more.
const rounds = 12

// handed is an argument of a call of a function of the script.
type handed struct {
	file *file
	e    syntax.Expr
}

// pass goes through all scripts once. Only the last one reports.
type pass struct {
	*analysis
	last bool

	// What the round before has found: types of parameters, and what calls of the script hand to them.
	params map[*variable]*signature.Type
	before map[*variable][]handed

	// What this one finds: types that the API gives to parameters, those of what calls of the script hand to them, nil where one is not
	// known, and what that is; and which functions serve which routes.
	found, called map[*variable][]*signature.Type
	handed        map[*variable][]handed
	routes        *routes

	// What is found out once, or at work.
	types     map[syntax.Expr]*signature.Type
	variables map[*variable]*signature.Type
	known     map[syntax.Expr][]function // see functions
	onlyCalls map[*variable]bool         // see calledOnly
	contexts  map[given]bool
	returning map[*syntax.Return]bool
	pushed    map[pushed]bool
	depth     int
}

// run looks at all files.
func (a *analysis) run() {
	a.assigned, a.extended = map[string]bool{}, map[string]bool{}
	for _, f := range a.order {
		for name := range f.assigned {
			a.assigned[name] = true
		}
		for name := range f.extended {
			a.extended[name] = true
		}
	}
	p := a.pass(&pass{routes: newRoutes()}, map[*variable]*signature.Type{})
	for range rounds {
		p.all()
		params := p.settled()
		done := same(p.params, params) && len(p.before) == len(p.handed)
		if p = a.pass(p, params); done {
			break
		}
	}
	p.last = true
	p.all()
}

// pass returns the pass after another one, which has settled the types of parameters.
func (a *analysis) pass(before *pass, params map[*variable]*signature.Type) *pass {
	return &pass{
		analysis: a, params: params, before: before.handed, routes: before.routes.next(),
		found: map[*variable][]*signature.Type{}, called: map[*variable][]*signature.Type{}, handed: map[*variable][]handed{},
		types: map[syntax.Expr]*signature.Type{}, variables: map[*variable]*signature.Type{}, known: map[syntax.Expr][]function{},
		onlyCalls: map[*variable]bool{}, contexts: map[given]bool{}, returning: map[*syntax.Return]bool{}, pushed: map[pushed]bool{},
	}
}

func same(a, b map[*variable]*signature.Type) bool {
	if len(a) != len(b) {
		return false
	}
	for v, t := range a {
		if other := b[v]; other == nil || other.String() != t.String() {
			return false
		}
	}
	return true
}

// settled returns the types of parameters: those that who calls the function gives it, if all agree.
func (p *pass) settled() map[*variable]*signature.Type {
	types := map[*variable]*signature.Type{}
	for v, all := range p.found {
		all = append(slices.Clone(all), p.called[v]...)
		if t := union(all...); t != nil && (t == all[0] || t.Kind != signature.Union || len(p.called[v]) == 0) {
			types[v] = t
		}
	}
	for v, all := range p.called {
		if len(p.found[v]) > 0 || !p.onlyCalled(v.of) {
			continue
		}
		if t := union(all...); t != nil {
			types[v] = t
		}
	}
	return types
}

// onlyCalled reports whether a function is used in no other way than to call it, perhaps by a function that gets it as an argument.
func (p *pass) onlyCalled(fn *syntax.Function) bool {
	for _, f := range p.order {
		if v := f.holders[fn]; v != nil {
			return !v.changed && p.calledOnly(f, v)
		}
	}
	return false
}

// calledOnly reports whether a variable is used in no other way than to call what is in it, or to hand that to a function that does no more.
func (p *pass) calledOnly(f *file, v *variable) bool {
	if only, ok := p.onlyCalls[v]; ok {
		return only
	}
	p.onlyCalls[v] = true // a function that hands it to itself adds nothing
	p.onlyCalls[v] = !slices.ContainsFunc(v.uses, func(use *syntax.Name) bool {
		call, ok := f.parents[use].(*syntax.Call)
		if !ok || call.Method != nil {
			return true
		}
		if call.Func == use {
			return false
		}
		all := p.functions(f, call.Func)
		for _, to := range all {
			i := slices.IndexFunc(call.Args, func(e syntax.Expr) bool { return e == use })
			if i < 0 || i >= len(to.Params) || !p.calledOnly(to.file, to.file.params[to.Function][i]) {
				return true
			}
		}
		return len(all) == 0
	})
	return p.onlyCalls[v]
}

func (p *pass) all() {
	for _, f := range p.order {
		for _, m := range p.api.Defined {
			for _, fn := range f.defined[m.Name] {
				p.context(function{fn, f}, m.Type)
			}
		}
		syntax.Walk(f.tree, func(n syntax.Node) bool {
			p.node(f, n)
			return true
		}, nil)
		if p.last {
			p.unknownGlobals(f)
		}
	}
}

func (p *pass) node(f *file, n syntax.Node) {
	switch n := n.(type) {
	case *syntax.Call:
		p.call(f, n)
	case *syntax.Index:
		if p.last {
			p.index(f, n)
		}
	case *syntax.Binary:
		if p.last && (n.Op == "==" || n.Op == "~=") {
			p.compare(f, n.Left, n.Right)
			p.compare(f, n.Right, n.Left)
		}
	}
}

func (p *pass) warn(f *file, kind string, at syntax.Pos, format string, args ...any) {
	if p.last {
		p.out(f, kind, at, fmt.Sprintf(format, args...))
	}
}

// written returns an expression as it is written, if that is short and has no line break.
func written(f *file, e syntax.Expr) string {
	span := e.Range()
	if span.Start.Line != span.End.Line || span.Start.Line < 1 || span.Start.Line > len(f.lines) {
		return ""
	}
	line := f.lines[span.Start.Line-1]
	if span.Start.Column < 1 || span.End.Column-1 > len(line) || span.Start.Column > span.End.Column {
		return ""
	}
	text := line[span.Start.Column-1 : span.End.Column-1]
	if len(text) > 40 || strings.ContainsAny(text, "({\"'[ ") {
		return ""
	}
	return text
}

// object returns how a message names what an expression is: as it is written, or by its class.
func object(f *file, e syntax.Expr, c *Class) string {
	if text := written(f, e); text != "" {
		return text
	}
	return c.label()
}
