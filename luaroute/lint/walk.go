package lint

import (
	"fmt"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// legacyEntry is the global function that scripts of the old contract define.
const legacyEntry = "on_route_request"

// walker walks over a script.
type walker struct {
	out       *Scripts
	script    string
	handlers  map[string]bool // names of functions that requests call
	functions map[*syntax.Function]bool
	modules   []string
	legacy    bool // the script is one of the old contract, whose globals are discarded

	tenant *string // in whose function it is, nil outside

	locals  []local
	depth   int // functions around
	request int // the depth at which a function begins that requests call, 0 if none is around
}

// local is a variable in scope, and the depth of the function that declares it.
type local struct {
	name  string
	depth int
}

func (w *walker) warn(kind string, at syntax.Pos, format string, args ...any) {
	w.out.found = append(w.out.found, Finding{kind, w.script, at.Line, at.Column, fmt.Sprintf(format, args...)})
}

func (w *walker) declare(names ...*syntax.Name) {
	for _, name := range names {
		w.locals = append(w.locals, local{name.Text, w.depth})
	}
}

func (w *walker) find(name string) (local, bool) {
	for i := len(w.locals) - 1; i >= 0; i-- {
		if w.locals[i].name == name {
			return w.locals[i], true
		}
	}
	return local{}, false
}

// walk looks at a node, and at all in it.
func (w *walker) walk(n syntax.Node) { syntax.Walk(n, w.visit, nil) }

// visit checks a node. It returns false if it has also visited the node's children.
func (w *walker) visit(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.Block:
		w.block(n)
	case *syntax.Assign:
		w.assign(n)
	case *syntax.Local:
		w.local(n)
	case *syntax.FunctionStmt:
		w.functionStmt(n)
	case *syntax.Repeat: // the condition sees the locals of the block
		scope := len(w.locals)
		walkAll(w, n.Body.Stmts)
		w.walk(n.Cond)
		w.locals = w.locals[:scope]
	case *syntax.NumericFor:
		w.walk(n.Start)
		w.walk(n.Limit)
		if n.Step != nil {
			w.walk(n.Step)
		}
		w.block(n.Body, n.Name)
	case *syntax.GenericFor:
		walkAll(w, n.Values)
		w.block(n.Body, n.Names...)
	case *syntax.Call:
		w.call(n)
	case *syntax.Function:
		w.function(n)
	case *syntax.String:
		w.out.text(n.Value)
	case *syntax.Concat:
		for _, e := range n.Operands {
			w.out.pieceOf(e)
		}
		return true
	default:
		return true
	}
	return false
}

func walkAll[T syntax.Node](w *walker, list []T) {
	for _, n := range list {
		w.walk(n)
	}
}

// block looks at statements in a scope of their own, which has some names already.
func (w *walker) block(b *syntax.Block, names ...*syntax.Name) {
	scope := len(w.locals)
	w.declare(names...)
	walkAll(w, b.Stmts)
	w.locals = w.locals[:scope]
}

func (w *walker) assign(s *syntax.Assign) {
	for i, target := range s.Targets {
		if id, ok := target.(*syntax.Name); ok && i < len(s.Values) && w.handlers[id.Text] {
			w.answers(s.Values[i])
		}
	}
	walkAll(w, s.Values)
	for _, target := range s.Targets {
		w.target(target)
	}
}

func (w *walker) local(s *syntax.Local) {
	for i, name := range s.Names {
		if i < len(s.Values) && w.handlers[name.Text] {
			w.answers(s.Values[i])
		}
	}
	walkAll(w, s.Values)
	w.declare(s.Names...)
}

func (w *walker) functionStmt(s *syntax.FunctionStmt) {
	id, named := s.Target.(*syntax.Name)
	if named && s.Method == nil && w.handlers[id.Text] {
		w.answers(s.Func)
	}
	switch {
	case s.Method != nil:
		w.changed(s.Target)
		w.function(s.Func, &syntax.Name{Text: "self"})
		return
	case s.Local:
		w.declare(id) // the function sees its own name
	default:
		w.target(s.Target)
	}
	w.function(s.Func)
}

// target looks at what is assigned.
func (w *walker) target(e syntax.Expr) {
	switch e := e.(type) {
	case *syntax.Name:
		if _, ok := w.find(e.Text); ok {
			w.changed(e)
			return
		}
		switch {
		case e.Text == legacyEntry && w.request == 0:
			w.out.legacy = true
		case w.request > 0:
			w.warn("request-global", e.Start, "global %q is assigned while a request runs, which is an error; write local %s, or use req.ctx", e.Text, e.Text)
		case !w.legacy:
			w.warn("global", e.Start, "global %q is assigned; write local %s, unless another script of the tenant reads it", e.Text, e.Text)
		}
	case *syntax.Index:
		w.walk(e.Object)
		w.walk(e.Key)
		w.changed(e)
	}
}

// changed looks at a variable or table that is changed: while a request runs it must not outlive the request, unless its name says that it
// is a cache.
func (w *walker) changed(e syntax.Expr) {
	at := e.Range().Start
	for {
		inner, ok := e.(*syntax.Index)
		if !ok {
			break
		}
		e = inner.Object
	}
	id, ok := e.(*syntax.Name)
	if !ok || w.request == 0 {
		return
	}
	if v, ok := w.find(id.Text); ok && v.depth < w.request && !strings.Contains(strings.ToLower(v.name), "cache") {
		w.warn("shared-state", at, "%q is changed while a request runs, but each virtual machine has its own; use req.ctx, or name it cache if it is one", v.name)
	}
}

func (w *walker) function(f *syntax.Function, names ...*syntax.Name) {
	scope, request := len(w.locals), w.request
	w.depth++
	if w.request == 0 && (w.functions[f] || len(f.Params) > 0 && f.Params[0].Text == "req") {
		w.request = w.depth
	}
	w.declare(names...)
	w.declare(f.Params...)
	walkAll(w, f.Body.Stmts)
	w.depth--
	w.locals, w.request = w.locals[:scope], request
}
