package lint

import (
	"fmt"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// legacyEntry is the global function that scripts of the old contract define.
const legacyEntry = "on_route_request"

// walker walks over a script.
type walker struct {
	out       *Scripts
	script    string
	handlers  map[string]bool // names of functions that requests call
	functions map[*ast.FunctionExpr]bool
	modules   []string
	legacy    bool // the script is one of the old contract, whose globals are thrown away

	locals  []local
	depth   int // functions around
	request int // the depth at which a function begins that requests call, 0 if none is around
}

// local is a variable in scope, and the depth of the function that declares it.
type local struct {
	name  string
	depth int
}

func (w *walker) warn(line int, format string, args ...any) {
	w.out.warnings = append(w.out.warnings, Warning{w.script, line, fmt.Sprintf(format, args...)})
}

func (w *walker) declare(names ...string) {
	for _, name := range names {
		w.locals = append(w.locals, local{name, w.depth})
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

// chunk walks over a whole script.
func (w *walker) chunk(stmts []ast.Stmt) { w.block(stmts) }

func (w *walker) block(stmts []ast.Stmt, names ...string) {
	scope := len(w.locals)
	w.declare(names...)
	w.stmts(stmts)
	w.locals = w.locals[:scope]
}

func (w *walker) stmts(stmts []ast.Stmt) {
	for _, s := range stmts {
		w.stmt(s)
	}
}

func (w *walker) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		w.assign(s)
	case *ast.LocalAssignStmt:
		w.localAssign(s)
	case *ast.FuncCallStmt:
		w.expr(s.Expr)
	case *ast.DoBlockStmt:
		w.block(s.Stmts)
	case *ast.WhileStmt:
		w.expr(s.Condition)
		w.block(s.Stmts)
	case *ast.RepeatStmt: // the condition sees the locals of the block
		scope := len(w.locals)
		w.stmts(s.Stmts)
		w.expr(s.Condition)
		w.locals = w.locals[:scope]
	case *ast.IfStmt:
		w.expr(s.Condition)
		w.block(s.Then)
		w.block(s.Else)
	case *ast.NumberForStmt:
		w.exprs([]ast.Expr{s.Init, s.Limit, s.Step})
		w.block(s.Stmts, s.Name)
	case *ast.GenericForStmt:
		w.exprs(s.Exprs)
		w.block(s.Stmts, s.Names...)
	case *ast.FuncDefStmt:
		w.funcDef(s)
	case *ast.ReturnStmt:
		w.exprs(s.Exprs)
	}
}

func (w *walker) assign(s *ast.AssignStmt) {
	for i, target := range s.Lhs {
		if id, ok := target.(*ast.IdentExpr); ok && i < len(s.Rhs) && w.handlers[id.Value] {
			w.answers(s.Rhs[i])
		}
	}
	w.exprs(s.Rhs)
	for _, target := range s.Lhs {
		w.target(target, s.Line())
	}
}

func (w *walker) localAssign(s *ast.LocalAssignStmt) {
	for i, name := range s.Names {
		if i < len(s.Exprs) && w.handlers[name] {
			w.answers(s.Exprs[i])
		}
	}
	if len(s.Names) == 1 && len(s.Exprs) == 1 {
		if _, ok := s.Exprs[0].(*ast.FunctionExpr); ok { // it sees its own name
			w.declare(s.Names...)
			w.exprs(s.Exprs)
			return
		}
	}
	w.exprs(s.Exprs)
	w.declare(s.Names...)
}

func (w *walker) funcDef(s *ast.FuncDefStmt) {
	if s.Name.Receiver != nil {
		w.changed(s.Name.Receiver, s.Line())
		w.function(s.Func, "self")
		return
	}
	if id, ok := s.Name.Func.(*ast.IdentExpr); ok && w.handlers[id.Value] {
		w.answers(s.Func)
	}
	w.target(s.Name.Func, s.Line())
	w.function(s.Func)
}

// target looks at what is assigned.
func (w *walker) target(e ast.Expr, line int) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		if _, ok := w.find(e.Value); ok {
			w.changed(e, line)
			return
		}
		switch {
		case e.Value == legacyEntry && w.request == 0:
			w.out.legacy = true
		case w.request > 0:
			w.warn(line, "global %q is assigned while a request runs, which is an error then; write local %s, or use req.ctx", e.Value, e.Value)
		case !w.legacy:
			w.warn(line, "global %q is assigned; write local %s, unless another script of the tenant reads it", e.Value, e.Value)
		}
	case *ast.AttrGetExpr:
		w.expr(e.Object)
		w.expr(e.Key)
		w.changed(e, line)
	}
}

// changed looks at a variable or table that is changed: while a request runs it must not be one that outlives the request, unless
// its name says that this is meant.
func (w *walker) changed(e ast.Expr, line int) {
	for {
		inner, ok := e.(*ast.AttrGetExpr)
		if !ok {
			break
		}
		e = inner.Object
	}
	id, ok := e.(*ast.IdentExpr)
	if !ok || w.request == 0 {
		return
	}
	if v, ok := w.find(id.Value); ok && v.depth < w.request && !strings.Contains(strings.ToLower(v.name), "cache") {
		w.warn(line, "%q is changed while a request runs, but each virtual machine has its own; use req.ctx, or say that it is a cache by its name", v.name)
	}
}

func (w *walker) function(f *ast.FunctionExpr, names ...string) {
	scope, request := len(w.locals), w.request
	w.depth++
	if w.request == 0 && (w.functions[f] || len(f.ParList.Names) > 0 && f.ParList.Names[0] == "req") {
		w.request = w.depth
	}
	w.declare(names...)
	w.declare(f.ParList.Names...)
	w.stmts(f.Stmts)
	w.depth--
	w.locals, w.request = w.locals[:scope], request
}

func (w *walker) exprs(list []ast.Expr) {
	for _, e := range list {
		w.expr(e)
	}
}

func (w *walker) expr(e ast.Expr) {
	switch e := e.(type) {
	case *ast.StringExpr:
		w.out.text(e.Value)
	case *ast.AttrGetExpr:
		w.exprs([]ast.Expr{e.Object, e.Key})
	case *ast.TableExpr:
		for _, f := range e.Fields {
			w.exprs([]ast.Expr{f.Key, f.Value})
		}
	case *ast.FuncCallExpr:
		w.call(e)
	case *ast.LogicalOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.RelationalOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.StringConcatOpExpr:
		w.out.pieceOf(e.Lhs)
		w.out.pieceOf(e.Rhs)
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.ArithmeticOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.UnaryMinusOpExpr:
		w.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		w.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		w.expr(e.Expr)
	case *ast.FunctionExpr:
		w.function(e)
	}
}
