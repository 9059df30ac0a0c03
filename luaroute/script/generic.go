package script

import "github.com/yuin/gopher-lua/ast"

// forParts is how many values a generic for takes: the iterator, its state and the control variable.
const forParts = 3

// hiddenName is the name of a variable that no script can read.
const hiddenName = "(for)"

// completeFor gives a generic for all its values. The compiler of gopher-lua counts the names where it should count the
// values: in `for k, v in next, t` it leaves the control variable as the register happens to be, and `next` goes on from
// there, or panics.
func completeFor(s *ast.GenericForStmt) {
	for len(s.Names) < min(len(s.Exprs), forParts) {
		s.Names = append(s.Names, hiddenName)
	}
	if isMulti(s.Exprs[len(s.Exprs)-1]) {
		return
	}
	for len(s.Exprs) < forParts {
		s.Exprs = append(s.Exprs, at(s, &ast.NilExpr{}))
	}
}

// oneValue says that an expression has one value, in a place where it could have any number of them.
func oneValue(e expr) {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
}

// isMulti says whether an expression may have any number of values.
func isMulti(e expr) bool {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		return !e.AdjustRet
	case *ast.Comma3Expr:
		return !e.AdjustRet
	}
	return false
}
