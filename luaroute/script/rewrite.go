package script

import (
	"fmt"
	"slices"

	"github.com/yuin/gopher-lua/ast"
)

type (
	stmt = ast.Stmt
	expr = ast.Expr
)

// Names of globals that compiled scripts use. No script can write them, so none can read or replace them.
const (
	// GlobalsName is the table whose fields a script assigns when it assigns globals.
	GlobalsName = "(globals)"
	// ConcatName is the function that joins strings. It takes all operands of a chain of `..`.
	ConcatName = "(concat)"
)

// maxNesting is how deep blocks, functions and expressions may stand in one another. The compiler recurses over
// them, so without a limit a hostile text could exhaust the stack of the process.
const maxNesting = 1000

// maxName is the length of the longest name, in bytes.
const maxName = 1000

// rewrite walks over a chunk once and returns it with these changes:
//
//   - `x = v` and `function x() end`, where x is a global, assign a field of GlobalsName. So the environment itself can be
//     read at full speed and still be guarded.
//   - `a .. b .. c` calls ConcatName, because the instruction of gopher-lua has no limit: thirty doublings of a string
//     would take all memory within microseconds.
//   - `x = a and b`, where x is a local, goes through a new local (gopher-lua 490: x may keep its old value when a is
//     false). So does `x, y = y, x`: gopher-lua assigns x before it reads it for y.
//   - `a:b()`, where a is a local, is `a.b(a)`: see keepNames.
//   - `for k, v in next, t` is `for k, v in next, t, nil`: see completeFor.
//   - A branch or loop whose condition is a constant false is dropped (gopher-lua 540: with one in it, a function may
//     return nothing, run for ever or panic).
func rewrite(chunk []stmt, most int) (out []stmt, err error) {
	defer func() {
		if r := recover(); r != nil {
			place, ok := r.(*placeError)
			if !ok {
				panic(r)
			}
			err = place
		}
	}()
	w := &rewriter{consts: newConstants(most)}
	return w.block(chunk), nil
}

type rewriter struct {
	locals []string // the names in scope, innermost last
	depth  int
	consts constants // of the function around
}

func (w *rewriter) enter(at ast.PositionHolder) {
	if w.depth++; w.depth > maxNesting {
		panic(&placeError{at.Line(), "the code is nested too deeply"})
	}
}

func (w *rewriter) leave() { w.depth-- }

func (w *rewriter) declare(names ...string) { w.locals = append(w.locals, names...) }

func (w *rewriter) isLocal(name string) bool {
	for i := len(w.locals) - 1; i >= 0; i-- {
		if w.locals[i] == name {
			return true
		}
	}
	return false
}

// block rewrites statements in a scope of their own.
func (w *rewriter) block(stmts []stmt, names ...string) []stmt {
	scope := len(w.locals)
	w.declare(names...)
	w.stmts(stmts)
	w.locals = w.locals[:scope]
	return stmts
}

func (w *rewriter) stmts(stmts []stmt) {
	for i := range stmts {
		stmts[i] = w.stmt(stmts[i])
	}
}

func (w *rewriter) stmt(s stmt) stmt {
	w.enter(s)
	defer w.leave()
	switch s := s.(type) {
	case *ast.AssignStmt:
		w.exprs(s.Rhs)
		for i := range s.Lhs {
			s.Lhs[i] = w.target(s.Lhs[i])
		}
		return throughLocals(s)
	case *ast.LocalAssignStmt:
		w.localAssign(s)
	case *ast.FuncCallStmt:
		s.Expr = w.expr(s.Expr)
	case *ast.DoBlockStmt:
		w.block(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = w.expr(s.Condition)
		w.block(s.Stmts)
		if isFalse(s.Condition) {
			return at(s, &ast.DoBlockStmt{})
		}
	case *ast.RepeatStmt: // the condition sees the locals of the block
		scope := len(w.locals)
		w.stmts(s.Stmts)
		s.Condition = w.expr(s.Condition)
		w.locals = w.locals[:scope]
	case *ast.IfStmt:
		return w.ifStmt(s)
	case *ast.NumberForStmt:
		s.Init, s.Limit, s.Step = w.expr(s.Init), w.expr(s.Limit), w.expr(s.Step)
		w.block(s.Stmts, s.Name)
	case *ast.GenericForStmt:
		w.exprs(s.Exprs)
		completeFor(s)
		w.block(s.Stmts, s.Names...)
	case *ast.FuncDefStmt:
		w.funcDef(s)
	case *ast.ReturnStmt:
		w.exprs(s.Exprs)
	}
	return s
}

// localAssign declares names. A function that is the only value sees its own name: the parser of gopher-lua gives
// `local function f` and `local f = function` the same node, and its compiler does as we do.
func (w *rewriter) localAssign(s *ast.LocalAssignStmt) {
	if len(s.Names) == 1 && len(s.Exprs) == 1 {
		if _, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
			w.declare(s.Names...)
			w.exprs(s.Exprs)
			return
		}
	}
	w.exprs(s.Exprs)
	w.declare(s.Names...)
}

func (w *rewriter) ifStmt(s *ast.IfStmt) stmt {
	s.Condition = w.expr(s.Condition)
	w.block(s.Then)
	w.block(s.Else)
	if !isFalse(s.Condition) {
		return s
	}
	return at(s, &ast.DoBlockStmt{Stmts: s.Else})
}

func (w *rewriter) funcDef(s *ast.FuncDefStmt) {
	if s.Name.Func != nil {
		s.Name.Func = w.target(s.Name.Func)
	}
	if s.Name.Receiver != nil {
		s.Name.Receiver = w.expr(s.Name.Receiver)
		w.function(s.Func, "self")
		return
	}
	w.function(s.Func)
}

// target rewrites the left side of an assignment.
func (w *rewriter) target(e expr) expr {
	id, ok := e.(*ast.IdentExpr)
	if !ok {
		return w.expr(e)
	}
	if w.isLocal(id.Value) {
		return e
	}
	return at(id, &ast.AttrGetExpr{
		Object: at(id, &ast.IdentExpr{Value: GlobalsName}),
		Key:    at(id, &ast.StringExpr{Value: id.Value}),
	})
}

// throughLocals evaluates the right side into new locals if a variable would get its value too early, or not at all. Fields
// are assigned before variables, which their objects and keys may be read from.
func throughLocals(s *ast.AssignStmt) stmt {
	isLogical := func(e expr) bool { _, ok := e.(*ast.LogicalOpExpr); return ok }
	isName := func(e expr) bool { _, ok := e.(*ast.IdentExpr); return ok }
	if len(s.Lhs) == 1 && !slices.ContainsFunc(s.Rhs, isLogical) || !slices.ContainsFunc(s.Lhs, isName) {
		return s
	}
	values := at(s, &ast.LocalAssignStmt{Exprs: s.Rhs})
	fields := at(s, &ast.AssignStmt{})
	block := []stmt{values}
	for i, target := range s.Lhs {
		name := fmt.Sprintf("(value %d)", i+1)
		values.Names = append(values.Names, name)
		value := at(s, &ast.IdentExpr{Value: name})
		if isName(target) {
			block = append(block, at(s, &ast.AssignStmt{Lhs: []expr{target}, Rhs: []expr{value}}))
			continue
		}
		fields.Lhs, fields.Rhs = append(fields.Lhs, target), append(fields.Rhs, value)
	}
	slices.Reverse(block[1:]) // as in Lua, where the first of two equal variables counts
	if len(fields.Lhs) > 0 {
		block = slices.Insert(block, 1, stmt(fields))
	}
	return at(s, &ast.DoBlockStmt{Stmts: block})
}

func (w *rewriter) function(f *ast.FunctionExpr, names ...string) {
	w.enter(f)
	defer w.leave()
	outer := w.consts
	w.consts = w.consts.inner()
	defer func() { w.consts = outer }()
	scope := len(w.locals)
	w.declare(names...)
	w.declare(f.ParList.Names...)
	if f.ParList.HasVargs {
		w.declare("arg")
	}
	w.stmts(f.Stmts)
	w.locals = w.locals[:scope]
}

func (w *rewriter) exprs(list []expr) {
	for i := range list {
		list[i] = w.expr(list[i])
	}
}

// expr rewrites an expression and what is in it.
func (w *rewriter) expr(e expr) expr {
	if e == nil {
		return nil
	}
	w.enter(e)
	defer w.leave()
	switch e := e.(type) {
	case *ast.IdentExpr:
		checkName(e, e.Value)
		w.consts.use(e, e.Value)
	case *ast.StringExpr:
		w.consts.use(e, e.Value)
	case *ast.NumberExpr:
		w.consts.use(e, e.Value)
	case *ast.AttrGetExpr:
		checkKey(e.Key)
		e.Object, e.Key = w.expr(e.Object), w.expr(e.Key)
	case *ast.TableExpr:
		for _, f := range e.Fields {
			checkKey(f.Key)
			f.Key, f.Value = w.expr(f.Key), w.expr(f.Value)
		}
	case *ast.FuncCallExpr:
		checkName(e, e.Method)
		if e.Method != "" {
			w.consts.use(e, e.Method)
		}
		e.Func, e.Receiver = w.expr(e.Func), w.expr(e.Receiver)
		w.exprs(e.Args)
		w.methodCall(e)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = w.expr(e.Lhs), w.expr(e.Rhs)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = w.expr(e.Lhs), w.expr(e.Rhs)
	case *ast.StringConcatOpExpr:
		return w.concat(e)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = w.expr(e.Lhs), w.expr(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		e.Expr = w.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = w.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		e.Expr = w.expr(e.Expr)
	case *ast.FunctionExpr:
		w.function(e)
	}
	return e
}

// checkName refuses the name of a global or method that is so long that looking for it takes longer than an instruction may.
func checkName(at ast.PositionHolder, name string) {
	if len(name) > maxName {
		panic(&placeError{at.Line(), fmt.Sprintf("a name has %d bytes; allowed are %d", len(name), maxName)})
	}
}

// checkKey does the same for a constant key.
func checkKey(e expr) {
	if s, ok := e.(*ast.StringExpr); ok {
		checkName(s, s.Value)
	}
}

// concat turns a chain of `..` into one call.
func (w *rewriter) concat(e *ast.StringConcatOpExpr) expr {
	call := at(e, &ast.FuncCallExpr{Func: at(e, &ast.IdentExpr{Value: ConcatName}), AdjustRet: true})
	var rest expr = e
	for {
		more, ok := rest.(*ast.StringConcatOpExpr)
		if !ok {
			break
		}
		call.Args = append(call.Args, w.expr(more.Lhs))
		rest = more.Rhs
	}
	last := w.expr(rest)
	oneValue(last)
	call.Args = append(call.Args, last)
	return call
}

// isFalse says whether a condition is false whatever the script does.
func isFalse(e expr) bool {
	switch e := e.(type) {
	case *ast.FalseExpr, *ast.NilExpr:
		return true
	case *ast.UnaryNotOpExpr:
		switch e.Expr.(type) {
		case *ast.TrueExpr, *ast.NumberExpr, *ast.StringExpr:
			return true
		}
	case *ast.LogicalOpExpr:
		return e.Operator == "and" && isFalse(e.Lhs)
	}
	return false
}

// at gives a new node the place of an old one.
func at[N ast.PositionHolder](from ast.PositionHolder, node N) N {
	node.SetLine(from.Line())
	node.SetLastLine(from.LastLine())
	return node
}
