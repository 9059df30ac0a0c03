package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// answering are the methods of routers whose functions requests call. Those of the other methods run while the script loads.
var answering = []string{
	"get", "post", "put", "patch", "delete", "head", "options", "trace", "connect", "any", "method",
	"use", "with", "not_found", "method_not_allowed", "on_error", "every", "export", "certificate",
}

// changing are the functions that change the table which is their first argument.
var changing = map[string][]string{"table": {"insert", "remove", "sort"}, "": {"rawset"}}

// callee returns the object and the name of what is called: route and get of route:get() and route.get(), and "" and f of f().
func callee(e *ast.FuncCallExpr) (object, name string) {
	owner := e.Receiver
	name = e.Method
	switch fn := e.Func.(type) {
	case *ast.IdentExpr:
		return "", fn.Value
	case *ast.AttrGetExpr:
		owner = fn.Object
		if key, ok := fn.Key.(*ast.StringExpr); ok {
			name = key.Value
		}
	}
	if id, ok := owner.(*ast.IdentExpr); ok {
		object = id.Value
	}
	return object, name
}

func (w *walker) call(e *ast.FuncCallExpr) {
	object, name := callee(e)
	args := e.Args
	if object != "" {
		w.pattern(name, args, e.Line())
	}
	switch {
	case object == "" && name == "require":
		if module, ok := first(args).(*ast.StringExpr); ok {
			w.modules = append(w.modules, module.Value)
		}
	case object != "" && slices.Contains(answering, name):
		for _, arg := range args {
			w.answers(arg)
		}
	case object != "" && name == "when":
		w.answers(first(args))
	case name == "pool" && object != "" && len(args) == 2:
		if pool, ok := args[0].(*ast.StringExpr); ok {
			w.out.pools = append(w.out.pools, Warning{w.script, e.Line(), pool.Value})
			args = args[1:] // the name that is declared names nothing
			w.answers(args[0])
		}
	case slices.Contains(changing[object], name):
		w.changed(first(args), e.Line())
	}
	w.expr(e.Func)
	w.expr(e.Receiver)
	w.exprs(args)
}

// patterned are the methods of routers whose first argument is a pattern.
var patterned = []string{"get", "post", "put", "patch", "delete", "head", "options", "trace", "connect", "any", "route", "mount"}

// foreign is how other routers write a parameter: :id, <id> and <int:id>, [id].
var foreign = regexp.MustCompile(`^(?::([A-Za-z_]\w*)\??|<(?:\w+:)?([A-Za-z_]\w*)>|\[([A-Za-z_]\w*)\])$`)

// pattern looks for parameters written as for other routers, which are text here.
func (w *walker) pattern(method string, args []ast.Expr, line int) {
	switch {
	case method == "method" && len(args) > 2:
		args = args[1:]
	case !slices.Contains(patterned, method) || len(args) < 2:
		return
	}
	text, ok := args[0].(*ast.StringExpr)
	if !ok || !strings.HasPrefix(text.Value, "/") {
		return
	}
	for segment := range strings.SplitSeq(text.Value, "/") {
		if m := foreign.FindStringSubmatch(segment); m != nil {
			w.warn(line, "%s in the pattern %s is text, which a path must have as it is; a parameter is {%s}", segment, text.Value, m[1]+m[2]+m[3])
		}
	}
}

func first(args []ast.Expr) ast.Expr {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

// answers notes the functions in a value that requests call: the value itself, its fields, or what its name stands for.
func (w *walker) answers(e ast.Expr) {
	switch e := e.(type) {
	case *ast.FunctionExpr:
		if w.functions == nil {
			w.functions = map[*ast.FunctionExpr]bool{}
		}
		w.functions[e] = true
	case *ast.IdentExpr:
		w.handlers[e.Value] = true
	case *ast.TableExpr:
		for _, field := range e.Fields {
			w.answers(field.Value)
		}
	}
}
