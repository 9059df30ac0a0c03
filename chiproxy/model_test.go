package chiproxy

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// This file is section 4 of the design, written down slowly and plainly: it reads the specification itself, matches
// patterns segment by segment, and sorts everything anew for each request. The tests compare the table with it.

// refLayer is the base of a tenant or one of its layers.
type refLayer struct {
	around   *refLayer
	spec     *Scope
	scope    *refScope
	depth    int
	order    int
	forms    []refForm
	patterns []string // of all forms, in the order of their declaration
}

// refForm is a pattern under which a route, or the end of an owner, is found.
type refForm struct {
	pattern string
	route   *Route
	scope   *refScope
	root    bool // the catch-all of an owner at the owner's root
}

type refScope struct {
	outer      *refScope
	spec       *Scope
	prefix     string
	middleware []Middleware
	owner      *refScope
}

type refAnswer struct {
	middleware []Middleware
	action     Action
}

type refTenant struct {
	spec   *Tenant
	layers []*refLayer
}

func newRefTenant(spec *Tenant) *refTenant {
	t := &refTenant{spec: spec}
	base := &refLayer{spec: &spec.Root}
	base.scope = newRefScope(nil, &spec.Root)
	t.items(&spec.Root, base.scope, base)
	slices.SortFunc(t.layers, func(a, b *refLayer) int {
		return cmp.Or(cmp.Compare(b.depth, a.depth), cmp.Compare(b.spec.Priority, a.spec.Priority), cmp.Compare(a.order, b.order))
	})
	t.layers = append(t.layers, base)
	return t
}

func newRefScope(outer *refScope, spec *Scope) *refScope {
	s := &refScope{outer: outer, spec: spec, middleware: spec.Middleware}
	if outer != nil {
		s.prefix, s.owner = outer.prefix, outer.owner
		s.middleware = slices.Concat(outer.middleware, spec.Middleware)
	}
	return s
}

func refNotFound(s *Scope) *Answer   { return s.NotFound }
func refNotAllowed(s *Scope) *Answer { return s.MethodNotAllowed }

// answer returns what is said for what stands in a scope: by the scope, or else by the first around it that says something, itself
// or, if it has paths of its own, by one of its groups. What is outside of a layer is not for what stands in it.
func (s *refScope) answer(of func(*Scope) *Answer) *refAnswer {
	for at := s; at != nil; at = at.outer {
		if a := of(at.spec); a != nil {
			return &refAnswer{s.middleware, a.Action}
		}
		if at.spec.Kind != Group || at.outer == nil {
			if groups := refGroups(at.spec, of); groups != nil {
				mw := s.middleware
				for _, g := range groups {
					if !s.in(g) {
						mw = slices.Concat(mw, g.Middleware)
					}
				}
				return &refAnswer{mw, of(groups[len(groups)-1]).Action}
			}
		}
		if at.spec.Kind == Layer {
			break
		}
	}
	return nil
}

// refGroups returns the group in a scope that says something, behind those that it stands in.
func refGroups(s *Scope, of func(*Scope) *Answer) []*Scope {
	for _, i := range s.Items {
		g := i.Scope
		if g == nil || g.Kind != Group {
			continue
		}
		if of(g) != nil {
			return []*Scope{g}
		}
		if inner := refGroups(g, of); inner != nil {
			return append([]*Scope{g}, inner...)
		}
	}
	return nil
}

// in reports whether a scope is the one given or stands in it.
func (s *refScope) in(spec *Scope) bool {
	for ; s != nil; s = s.outer {
		if s.spec == spec {
			return true
		}
	}
	return false
}

func (t *refTenant) items(s *Scope, at *refScope, l *refLayer) {
	for _, i := range s.Items {
		switch {
		case i.Route != nil:
			l.add(at.prefix+i.Route.Pattern, i.Route, at, false)
			if at.prefix != "" && i.Route.Pattern == "/" {
				l.add(at.prefix, i.Route, at, false)
			}
			if at.prefix != "" && i.Route.Pattern == "/*" {
				l.add(at.prefix, i.Route, at, true)
				l.add(at.prefix+"/", i.Route, at, true)
			}
		case i.Scope.Kind == Group:
			t.items(i.Scope, newRefScope(at, i.Scope), l)
		case i.Scope.Kind == Owner:
			o := newRefScope(at, i.Scope)
			o.prefix += strings.TrimSuffix(i.Scope.Pattern, "/")
			o.owner = o
			t.items(i.Scope, o, l)
			if o.prefix != "" {
				l.add(o.prefix, nil, o, false)
			}
			l.add(o.prefix+"/", nil, o, false)
			l.add(o.prefix+"/*", nil, o, false)
		default:
			inner := &refLayer{around: l, spec: i.Scope, depth: l.depth + 1, order: len(t.layers)}
			inner.scope = newRefScope(at, i.Scope)
			inner.scope.owner = nil
			t.layers = append(t.layers, inner)
			t.items(i.Scope, inner.scope, inner)
		}
	}
}

func (l *refLayer) add(pattern string, r *Route, s *refScope, root bool) {
	l.forms = append(l.forms, refForm{pattern, r, s, root})
	l.patterns = append(l.patterns, pattern)
}

// refClass orders segments: static text, regexp, parameter, catch-all.
func refClass(segment string) int {
	switch {
	case segment == "*":
		return 3
	case strings.HasPrefix(segment, "{") && strings.Contains(segment, ":"):
		return 1
	case strings.HasPrefix(segment, "{"):
		return 2
	}
	return 0
}

var refName = regexp.MustCompile(`\{[a-z0-9]+`)

// refShape is a pattern without the names of its parameters.
func refShape(p string) string { return refName.ReplaceAllString(p, "{") }

// refMatch matches a path; folded asks for the form of Caddy's path matchers.
func refMatch(pattern, path string, folded bool) ([]string, bool) {
	p, have := strings.Split(pattern[1:], "/"), strings.Split(path[1:], "/")
	var values []string
	for i, seg := range p {
		if seg == "*" {
			if len(have) <= i {
				return nil, false
			}
			return append(values, strings.Join(have[i:], "/")), true
		}
		if i >= len(have) {
			return nil, false
		}
		switch refClass(seg) {
		case 0:
			if folded {
				seg = strings.ToLower(strings.ReplaceAll(seg, "%2F", "/"))
			}
			if seg != have[i] {
				return nil, false
			}
			continue
		case 1:
			_, expr, _ := strings.Cut(strings.TrimSuffix(seg, "}"), ":")
			if folded {
				expr = "(?i:" + expr + ")"
			}
			if !refRegexp("^(?:" + expr + ")$").MatchString(have[i]) {
				return nil, false
			}
		}
		if have[i] == "" {
			return nil, false
		}
		values = append(values, have[i])
	}
	return values, len(p) == len(have)
}

var refRegexps = map[string]*regexp.Regexp{}

func refRegexp(s string) *regexp.Regexp {
	if refRegexps[s] == nil {
		refRegexps[s] = regexp.MustCompile(s)
	}
	return refRegexps[s]
}

// compare orders two shapes that match one path.
func (l *refLayer) compare(p, q string) int {
	a, b := strings.Split(refShape(p), "/"), strings.Split(refShape(q), "/")
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		if refClass(a[i]) == 1 && refClass(b[i]) == 1 {
			return cmp.Compare(l.firstWith(a[:i+1]), l.firstWith(b[:i+1]))
		}
		return cmp.Compare(refClass(a[i]), refClass(b[i]))
	}
	return cmp.Compare(len(a), len(b))
}

// firstWith is the number of the first pattern that begins with some segments.
func (l *refLayer) firstWith(segments []string) int {
	return slices.IndexFunc(l.patterns, func(p string) bool {
		s := strings.Split(refShape(p), "/")
		return len(s) >= len(segments) && slices.Equal(s[:len(segments)], segments)
	})
}

// found returns the shapes that match a path, the most specific first, each with its forms as they are tried.
func (l *refLayer) found(path string, folded bool) [][]refForm {
	byShape := map[string][]refForm{}
	var shapes []string
	for _, f := range l.forms {
		if _, ok := refMatch(f.pattern, path, folded); !ok {
			continue
		}
		shape := refShape(f.pattern)
		if byShape[shape] == nil {
			shapes = append(shapes, shape)
		}
		byShape[shape] = append(byShape[shape], f)
	}
	slices.SortFunc(shapes, l.compare)
	var out [][]refForm
	for _, s := range shapes {
		forms := byShape[s]
		slices.SortStableFunc(forms, func(a, b refForm) int {
			if c := cmp.Compare(a.rank(), b.rank()); c != 0 || a.route == nil {
				return c
			}
			return cmp.Compare(b.route.Priority, a.route.Priority)
		})
		out = append(out, forms)
	}
	return out
}

// rank orders the routes of a shape, then the catch-alls of an owner at its root, then the end of the owner.
func (f refForm) rank() int {
	switch {
	case f.route == nil:
		return 2
	case f.root:
		return 1
	}
	return 0
}
