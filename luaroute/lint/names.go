package lint

import (
	"fmt"
	"maps"
	"slices"

	"github.com/luaroute/caddy-luaroute/internal/spelling"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// names returns the names of the API with those that the scripts declare themselves, perhaps under conditions that do not hold now.
func (s *Scripts) names() map[string]Names {
	all := maps.Clone(s.API.Names)
	s.declare(all, s.API.Pools, s.pools)
	s.declare(all, s.API.Metrics, s.metrics)
	if tenants, ok := all[s.API.Tenants]; ok {
		tenants.All = slices.Concat(tenants.All, s.tenants)
		all[s.API.Tenants] = tenants
		if tenants.Open && s.open["tenant"] {
			delete(all, s.API.Tenants)
		}
	}
	return all
}

// declare adds what the scripts declare to the names of an alias.
func (s *Scripts) declare(all map[string]Names, alias string, more []declared) {
	names, ok := all[alias]
	if !ok {
		return
	}
	names.All, names.Of = slices.Clip(names.All), maps.Clone(names.Of)
	for _, one := range more {
		if f := s.file(one.Script); f != nil { // else the API knows it
			names.add(one, f.tenants)
		}
	}
	all[alias] = names
	if names.Open && s.open[names.What] {
		delete(all, alias)
	}
}

func (s *Scripts) file(script string) *file {
	if i := slices.IndexFunc(s.files, func(f *file) bool { return f.name == script }); i >= 0 {
		return s.files[i]
	}
	return nil
}

// add adds what a script of some tenants declares.
func (n *Names) add(one declared, tenants []string) {
	if one.within {
		tenants = []string{one.tenant}
	}
	if len(tenants) == 0 || n.Of == nil || n.Open && slices.Contains(tenants, "") {
		n.All = append(n.All, one.Message)
		return
	}
	for _, tenant := range tenants {
		n.Of[tenant] = append(slices.Clip(n.Of[tenant]), one.Message)
	}
}

// nameOf checks a string that can only be a name, such as that of a pool. It reports whether there is none of it.
func (p *pass) nameOf(f *file, e syntax.Expr, name string, want *signature.Type) bool {
	names, ok := p.names(want)
	if !ok || name == "" {
		return false
	}
	tenants, all := p.tenants(f, e, names)
	if slices.Contains(names.All, name) || slices.ContainsFunc(tenants, func(of string) bool { return slices.Contains(names.Of[of], name) }) {
		return false
	}
	seen := names.All
	for _, of := range tenants {
		seen = append(slices.Clip(seen), names.Of[of]...)
	}
	why := spelling.Hint(name, seen)
	if !all && why == "" {
		why = names.elsewhere(name)
	}
	p.warn(f, names.Kind, e.Range().Start, "there is no %s %q%s", names.What, name, why)
	return true
}

// elsewhere says which tenant has a name that is not seen.
func (n Names) elsewhere(name string) string {
	for _, of := range slices.Sorted(maps.Keys(n.Of)) {
		switch {
		case !slices.Contains(n.Of[of], name):
		case of == "":
			return " here; the default tenant has one"
		default:
			return fmt.Sprintf(" here; tenant %q has one", of)
		}
	}
	return ""
}

// tenants returns those whose names can be meant where an expression stands, and whether these are all there are.
func (p *pass) tenants(f *file, e syntax.Expr, names Names) (seen []string, all bool) {
	if tenant, ok := p.within(f, e); ok {
		return []string{tenant, ""}, false
	}
	if len(f.tenants) == 0 || names.Open && slices.Contains(f.tenants, "") {
		return slices.Collect(maps.Keys(names.Of)), true
	}
	return f.tenants, false
}

// within returns the tenant in whose function an expression stands: route:tenant("acme", {…}, function(r) … end).
func (p *pass) within(f *file, e syntax.Expr) (tenant string, ok bool) {
	for n := syntax.Node(e); n != nil; n = f.parents[n] {
		fn, isFunction := n.(*syntax.Function)
		call, isArgument := f.parents[n].(*syntax.Call)
		if !isFunction || !isArgument {
			continue
		}
		if name, ok := tenantOf(call, fn); ok {
			if c := p.callee(f, call); c.of != nil && c.of.Name == p.api.Router {
				return name, true
			}
		}
	}
	return "", false
}

// tenantOf returns the name of the tenant that a call declares with a function.
func tenantOf(call *syntax.Call, fn *syntax.Function) (tenant string, ok bool) {
	object, method := calledName(call)
	if method != "tenant" || object == "" || len(call.Args) < 2 || call.Args[len(call.Args)-1] != syntax.Expr(fn) {
		return "", false
	}
	name, ok := call.Args[0].(*syntax.String)
	if !ok {
		return "", false
	}
	return name.Value, true
}

// names returns what the strings of a type name; ok is false if they may be anything.
func (p *pass) names(t *signature.Type) (names Names, ok bool) {
	var visit func(t *signature.Type, depth int) bool
	visit = func(t *signature.Type, depth int) bool {
		switch {
		case t == nil || depth > maxDepth || is(t, "any") || is(t, "string") || t.Kind == signature.Text:
			return false
		case t.Kind == signature.Union:
			for _, one := range t.Of {
				if !visit(one, depth+1) {
					return false
				}
			}
		case t.Kind == signature.Named:
			if known, found := p.api.Names[t.Name]; found {
				names, ok = known, true
				return true
			}
			if c := p.api.classes[t.Name]; c != nil && c.Alias != nil {
				return visit(c.Alias, depth+1)
			}
		}
		return true
	}
	return names, visit(t, 0) && ok
}
