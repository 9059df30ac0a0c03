package capability

import (
	"errors"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/lifetime"
)

func init() {
	caddy.RegisterModule(new(Expressions))
}

// maxCost is what the evaluation of one expression may cost, in units of CEL. A step of a loop costs several. It is
// about ten milliseconds.
const maxCost = 100_000

type keyType struct{}

// Key is the key under which the contexts of modules that a script loads have the Set of its tenant.
var Key keyType

// Expressions bounds the expressions that scripts load, in the matcher `expression`. It matches nothing itself and
// needs no configuration.
//
// An expression may cost 100,000 units of CEL each time it is evaluated, which are about ten milliseconds; then it is an
// error, treated as the tenant's `on_error` says. Its evaluation ends with its request. Those of isolated tenants need
// permission for the matchers and placeholders that they use, and let others run after each millisecond.
type Expressions struct{}

// CaddyModule returns the Caddy module information.
func (*Expressions) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  matchers + "luaroute",
		New: func() caddy.Module { return new(Expressions) },
	}
}

// Provision refuses to be a matcher.
func (*Expressions) Provision(caddy.Context) error {
	return errors.New("luaroute is not a matcher; it only bounds expression, so write that")
}

// CELLibrary is called by Caddy for each expression. It adds no functions, but options of the program.
func (*Expressions) CELLibrary(ctx caddy.Context) (cel.Library, error) {
	if !lifetime.Inside(ctx) {
		return caddyhttp.NewMatcherCELLibrary(nil, nil), nil
	}
	var compile []cel.EnvOption
	if s, _ := ctx.Value(Key).(*Set); s != nil {
		compile = append(compile, cel.ASTValidators(expression{s}))
	}
	program := []cel.ProgramOption{cel.CostLimit(maxCost), cel.CostTracking(costs{}), interruptible()}
	return caddyhttp.NewMatcherCELLibrary(compile, program), nil
}

// matcherCost is the cost of a matcher that is called as a function. CEL does not know what it does, and would count 1.
const matcherCost = 2000

// costs knows the cost of matchers.
type costs struct{}

// isMatcher remembers of each function of expressions whether it is a matcher.
var isMatcher sync.Map

// CallCost returns the cost of a call, nil for what CEL counts by itself.
func (costs) CallCost(function, _ string, _ []ref.Val, _ ref.Val) *uint64 {
	matches, known := isMatcher.Load(function)
	if !known {
		matches = function != caddyhttp.CELPlaceholderFuncName && matcherOf(function) != ""
		isMatcher.Store(function, matches)
	}
	if matches == false {
		return nil
	}
	cost := uint64(matcherCost)
	return &cost
}

// expression checks what the expressions of a tenant use.
type expression struct{ allowed *Set }

// Name returns the name of the check.
func (expression) Name() string { return "luaroute.capabilities" }

// Validate asks for each placeholder, and for each matcher that is called as a function.
func (e expression) Validate(_ *cel.Env, _ cel.ValidatorConfig, tree *ast.AST, issues *cel.Issues) {
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() != ast.CallKind {
			return
		}
		if err := e.call(x.AsCall()); err != nil {
			issues.ReportErrorAtID(x.ID(), "%s", err)
		}
	}))
}

func (e expression) call(c ast.CallExpr) error {
	if c.FunctionName() != caddyhttp.CELPlaceholderFuncName {
		if name := matcherOf(c.FunctionName()); name != "" {
			return e.allowed.Module(matchers + name)
		}
		return nil
	}
	if args := c.Args(); len(args) == 2 && args[1].Kind() == ast.LiteralKind {
		if name, ok := args[1].AsLiteral().(types.String); ok {
			return e.allowed.Placeholder(string(name))
		}
	}
	return e.allowed.anyPlaceholder()
}

// matcherOf returns the matcher that a function of an expression is: Caddy names them file, file_request_map and the
// like. Of several candidates it is the longest.
func matcherOf(function string) (name string) {
	for _, m := range caddy.GetModules(strings.TrimSuffix(matchers, ".")) {
		if n := m.ID.Name(); len(n) > len(name) && (function == n || strings.HasPrefix(function, n+"_")) {
			name = n
		}
	}
	return name
}

// Interface guards
var (
	_ caddyhttp.CELLibraryProducer = (*Expressions)(nil)
	_ caddy.Provisioner            = (*Expressions)(nil)
)
