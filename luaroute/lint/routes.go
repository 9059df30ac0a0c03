package lint

import (
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/internal/spelling"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// patterns are the parameters that requests may have.
type patterns struct {
	names []string
	open  bool // there may be others
}

// routes knows which parameters the requests have that functions serve.
type routes struct {
	scopes map[*variable]*patterns   // of routers that are parameters
	served map[*variable][]*patterns // of requests that are parameters
	uses   map[*syntax.Name]bool     // where functions are named to serve routes
	before *routes                   // what the round before has found
}

func newRoutes() *routes {
	return &routes{scopes: map[*variable]*patterns{}, served: map[*variable][]*patterns{}, uses: map[*syntax.Name]bool{}}
}

func (r *routes) next() *routes {
	next := newRoutes()
	next.before = r
	r.before = nil
	return next
}

// declares notes what a call of a router's method declares.
func (p *pass) declares(f *file, c callee) {
	if c.of == nil || c.of.Name != p.api.Router {
		return
	}
	scope, args := p.scope(f, c.object, 0), c.args
	switch c.member {
	case "route":
		scope = scope.with(first(args))
		fallthrough
	case "group", "host", "when", "tenant":
		if len(args) > 0 {
			if fn, ok := args[len(args)-1].(*syntax.Function); ok && len(fn.Params) > 0 {
				p.routes.scopes[f.params[fn][0]] = scope
			}
		}
		return
	case "method":
		args = args[min(1, len(args)):]
	case "get", "post", "put", "patch", "delete", "head", "options", "trace", "connect", "any":
	default:
		return
	}
	if len(args) < 2 {
		return
	}
	scope = scope.with(args[0])
	for _, arg := range args[1:] {
		p.serves(f, arg, scope)
		if options, ok := arg.(*syntax.Table); ok {
			for _, field := range options.Fields {
				if key, ok := field.Key.(*syntax.String); ok && key.Value == "when" {
					p.serves(f, field.Value, scope)
				}
			}
		}
	}
}

// serves notes that a function serves requests.
func (p *pass) serves(f *file, e syntax.Expr, scope *patterns) {
	fn, ok := e.(*syntax.Function)
	if id, isName := e.(*syntax.Name); isName {
		v := f.variables[id]
		if v == nil || v.changed || v.result > 0 {
			return
		}
		if fn, ok = v.value.(*syntax.Function); ok {
			p.routes.uses[id] = true
		}
	}
	if ok && len(fn.Params) > 0 {
		v := f.params[fn][0]
		p.routes.served[v] = append(p.routes.served[v], scope)
	}
}

// scope returns the parameters of all routes of a router.
func (p *pass) scope(f *file, e syntax.Expr, depth int) *patterns {
	unknown := &patterns{open: true}
	if depth > maxDepth {
		return unknown
	}
	switch e := e.(type) {
	case *syntax.Name:
		v := f.variables[e]
		switch {
		case v == nil || v.changed:
		case v.of != nil:
			if scope := p.routes.scopes[v]; scope != nil {
				return scope
			}
		case v.value != nil && v.result == 0:
			return p.scope(f, v.value, depth+1)
		}
	case *syntax.Call:
		if module, ok := required(p, f, e); ok && module == p.api.Module {
			return &patterns{}
		}
		if c := p.callee(f, e); c.of != nil && c.of.Name == p.api.Router && c.member == "with" {
			return p.scope(f, c.object, depth+1)
		}
	}
	return unknown
}

// with returns the parameters together with those of a pattern.
func (s *patterns) with(e syntax.Expr) *patterns {
	pattern, ok := e.(*syntax.String)
	if !ok {
		return &patterns{open: true}
	}
	return &patterns{names: append(slices.Clone(s.names), parameters(pattern.Value)...), open: s.open}
}

// parameters returns the names in a pattern: /{id:[0-9]{3}}/*.
func parameters(pattern string) (names []string) {
	depth, from := 0, 0
	for i, c := range pattern {
		switch c {
		case '{':
			if depth++; depth == 1 {
				from = i + 1
			}
		case '}':
			if depth--; depth == 0 {
				name, _, _ := strings.Cut(pattern[from:i], ":")
				names = append(names, strings.TrimSuffix(name, "..."))
			}
		}
	}
	return names
}

// param checks the name of a parameter of the request: req.params.id and req:param("id").
func (p *pass) param(f *file, of syntax.Expr, name string, at syntax.Pos) {
	params, ok := of.(*syntax.Index)
	if !ok {
		return
	}
	if key, ok := params.Key.(*syntax.String); ok && key.Value == "params" {
		p.paramOf(f, params.Object, name, at)
	}
}

func (p *pass) paramOf(f *file, request syntax.Expr, name string, at syntax.Pos) {
	id, ok := request.(*syntax.Name)
	if !ok {
		return
	}
	v := f.variables[id]
	if v == nil || v.of == nil || v.changed || name == "*" {
		return
	}
	before := p.routes.before
	if before == nil || len(before.served[v]) == 0 {
		return
	}
	if holder := f.holders[v.of]; holder != nil {
		for _, use := range holder.uses {
			if !before.uses[use] {
				return
			}
		}
	}
	var names []string
	for _, scope := range before.served[v] {
		if scope.open {
			return
		}
		names = append(names, scope.names...)
	}
	if slices.Contains(names, name) {
		return
	}
	if len(names) == 0 {
		p.warn(f, "unknown-param", at, "no pattern of the function's routes has a parameter, so there is no %q", name)
		return
	}
	p.warn(f, "unknown-param", at, "no pattern of the function's routes has a parameter %q%s", name, spelling.Hint(name, names))
}
