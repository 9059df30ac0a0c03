package routing

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// This file is section 4 of the design, written down slowly and plainly: it reads the specification itself, matches
// patterns segment by segment, and sorts everything anew for each request. The tests compare the table with it.

// refLayer is the base of a tenant or one of its layers.
type refLayer struct {
	around   *refLayer
	spec     *chiproxy.Scope
	scope    *refScope
	depth    int
	order    int
	forms    []refForm
	patterns []string // of all forms, in the order of their declaration
}

// refForm is a pattern under which a route, or the end of an owner, is found.
type refForm struct {
	pattern string
	route   *chiproxy.Route
	scope   *refScope
	root    bool // the catch-all of an owner at the owner's root
}

type refScope struct {
	outer      *refScope
	spec       *chiproxy.Scope
	prefix     string
	middleware []chiproxy.Middleware
	owner      *refScope
}

type refAnswer struct {
	middleware []chiproxy.Middleware
	action     chiproxy.Action
}

type refTenant struct {
	spec   *chiproxy.Tenant
	layers []*refLayer
}

func newRefTenant(spec *chiproxy.Tenant) *refTenant {
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

// ordered returns the layers as they are tried for a host: of one depth and priority, those that have it by name before those
// that have it by wildcard, and those without hosts where they are written.
func (t *refTenant) ordered(host string) (out []*refLayer) {
	for rest := t.layers; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].around != nil && rest[n].depth == rest[0].depth && rest[n].spec.Priority == rest[0].spec.Priority {
			n++
		}
		var named, free []*refLayer
		for fit := range 2 {
			for _, l := range rest[:n] {
				if hosts := refLayerHosts(l); len(hosts) > 0 && refHostFits(hosts, host) == fit {
					named = append(named, l)
				}
			}
		}
		for _, l := range rest[:n] {
			if len(refLayerHosts(l)) == 0 {
				free = append(free, l)
			}
		}
		for len(named)+len(free) > 0 {
			if len(named) == 0 || len(free) > 0 && free[0].order < named[0].order {
				out, free = append(out, free[0]), free[1:]
			} else {
				out, named = append(out, named[0]), named[1:]
			}
		}
		rest = rest[n:]
	}
	return out
}

// refLayerHosts are the hosts of a layer, or of the innermost one around it that has some.
func refLayerHosts(l *refLayer) []string {
	for ; l.around != nil; l = l.around {
		if len(l.spec.Hosts) > 0 {
			return l.spec.Hosts
		}
	}
	return nil
}

func newRefScope(outer *refScope, spec *chiproxy.Scope) *refScope {
	s := &refScope{outer: outer, spec: spec, middleware: spec.Middleware}
	if outer != nil {
		s.prefix, s.owner = outer.prefix, outer.owner
		s.middleware = slices.Concat(outer.middleware, spec.Middleware)
	}
	return s
}

func refNotFound(s *chiproxy.Scope) *chiproxy.Answer   { return s.NotFound }
func refNotAllowed(s *chiproxy.Scope) *chiproxy.Answer { return s.MethodNotAllowed }

// answer returns what is said for what stands in a scope: by the scope, or else by the first around it that says something, itself
// or, if it has paths of its own, by one of its groups. What is outside of a layer is not for what stands in it.
func (s *refScope) answer(of func(*chiproxy.Scope) *chiproxy.Answer) *refAnswer {
	for at := s; at != nil; at = at.outer {
		if a := of(at.spec); a != nil {
			return &refAnswer{s.middleware, a.Action}
		}
		if at.spec.Kind != chiproxy.Group || at.outer == nil {
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
		if at.spec.Kind == chiproxy.Layer {
			break
		}
	}
	return nil
}

// refGroups returns the group in a scope that says something, behind those that it stands in.
func refGroups(s *chiproxy.Scope, of func(*chiproxy.Scope) *chiproxy.Answer) []*chiproxy.Scope {
	for _, i := range s.Items {
		g := i.Scope
		if g == nil || g.Kind != chiproxy.Group {
			continue
		}
		if of(g) != nil {
			return []*chiproxy.Scope{g}
		}
		if inner := refGroups(g, of); inner != nil {
			return append([]*chiproxy.Scope{g}, inner...)
		}
	}
	return nil
}

// in reports whether a scope is the one given or stands in it.
func (s *refScope) in(spec *chiproxy.Scope) bool {
	for ; s != nil; s = s.outer {
		if s.spec == spec {
			return true
		}
	}
	return false
}

func (t *refTenant) items(s *chiproxy.Scope, at *refScope, l *refLayer) {
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
		case i.Scope.Kind == chiproxy.Group:
			t.items(i.Scope, newRefScope(at, i.Scope), l)
		case i.Scope.Kind == chiproxy.Owner:
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

func (l *refLayer) add(pattern string, r *chiproxy.Route, s *refScope, root bool) {
	l.forms = append(l.forms, refForm{pattern, r, s, root})
	l.patterns = append(l.patterns, pattern)
}

// refPiece is a piece of a segment: text, or a parameter with its expression.
type refPiece struct {
	text, expr string
	param      bool
}

var refParam = regexp.MustCompile(`\{[^:{}]*(?::((?:[^{}]|\{[^{}]*\})*))?\}`)

// memo remembers what a function that is slow and pure has returned: the model asks for the same few patterns again and again.
type memo[V any] struct {
	of    func(string) V
	known sync.Map
}

func (m *memo[V]) get(key string) V {
	v, ok := m.known.Load(key)
	if !ok {
		v, _ = m.known.LoadOrStore(key, m.of(key))
	}
	return v.(V)
}

var (
	refSplits   = memo[[]refPiece]{of: refSplit}
	refRegexps  = memo[*regexp.Regexp]{of: regexp.MustCompile}
	refSegments = memo[[]string]{of: func(path string) []string { return strings.Split(path[1:], "/") }}
	refShapes   = memo[string]{of: func(p string) string { return refName.ReplaceAllString(p, "{") }}
)

// refPieces returns the pieces of a segment of a pattern, which nobody may change.
func refPieces(segment string) []refPiece { return refSplits.get(segment) }

func refSplit(segment string) (pieces []refPiece) {
	for segment != "" {
		at := refParam.FindStringSubmatchIndex(segment)
		if at == nil {
			return append(pieces, refPiece{text: segment})
		}
		if at[0] > 0 {
			pieces = append(pieces, refPiece{text: segment[:at[0]]})
		}
		p := refPiece{param: true}
		if at[2] >= 0 {
			p.expr = segment[at[2]:at[3]]
		}
		pieces = append(pieces, p)
		segment = segment[at[1]:]
	}
	return pieces
}

// refFilling is how the pieces of a segment are filled.
type refFilling struct {
	// beside says that there is text in the segment behind its first parameter, before that there is some before it.
	beside, before bool
	// more says that other segments follow, folded that case does not count.
	more, folded bool
}

// fill fills pieces with a text: each parameter with as much as lets the rest fit.
func (f refFilling) fill(pieces []refPiece, text string) ([]string, bool) {
	if len(pieces) == 0 {
		return nil, text == ""
	}
	p := pieces[0]
	if !p.param {
		rest, ok := strings.CutPrefix(text, p.text)
		if !ok {
			return nil, false
		}
		return f.fill(pieces[1:], rest)
	}
	for n := len(text); n >= 0; n-- {
		if n == 0 && !f.empty(p, len(pieces) == 1) {
			break
		}
		if p.expr != "" {
			expr := p.expr
			if f.folded {
				expr = "(?i:" + expr + ")"
			}
			if !refRegexps.get("^(?:" + expr + ")$").MatchString(text[:n]) {
				continue
			}
		}
		if values, ok := f.fill(pieces[1:], text[n:]); ok {
			return append([]string{text[:n]}, values...), true
		}
	}
	return nil, false
}

// empty reports whether a parameter may be empty: with text behind one of the segment, or, as for chi, before it, but not at the
// end of a path.
func (f refFilling) empty(p refPiece, last bool) bool {
	if p.expr != "" || !last {
		return f.beside
	}
	return f.more && (f.beside || f.before)
}

// refSegment matches one segment. more says that others follow.
func refSegment(segment, text string, more, folded bool) ([]string, bool) {
	if folded {
		segment = strings.ReplaceAll(segment, "%2F", "/")
	}
	pieces := refPieces(segment)
	first := slices.IndexFunc(pieces, func(p refPiece) bool { return p.param })
	if folded {
		pieces = slices.Clone(pieces)
		for i := range pieces {
			pieces[i].text = strings.ToLower(pieces[i].text)
		}
	}
	return refFilling{first >= 0 && first < len(pieces)-1, first > 0, more, folded}.fill(pieces, text)
}

// refCompare orders two segments that match one text: text before regexps before parameters before the catch-all. Of those with
// parameters, the one with more text behind its first parameter comes first, then the one with fewer parameters, then the one in
// which regexps come earlier.
func refCompare(a, b string) int {
	x, y := refPieces(a), refPieces(b)
	head := func(pieces []refPiece) string {
		if len(pieces) > 0 && !pieces[0].param {
			return strings.TrimSuffix(pieces[0].text, "*")
		}
		return ""
	}
	class := func(s string, pieces []refPiece) int {
		i := slices.IndexFunc(pieces, func(p refPiece) bool { return p.param })
		switch {
		case i < 0 && strings.HasSuffix(s, "*"):
			return 4
		case i < 0:
			return 0
		case pieces[i].expr != "":
			return 1
		case len(pieces) > i+1:
			return 2
		}
		return 3
	}
	text, params, kinds := func(pieces []refPiece) (n int) {
		for i, p := range pieces {
			if i > 0 {
				n += len(p.text)
			}
		}
		return n
	}, func(pieces []refPiece) (n int) {
		for _, p := range pieces {
			if p.param {
				n++
			}
		}
		return n
	}, func(pieces []refPiece) (s string) {
		for _, p := range pieces {
			if p.param && p.expr != "" {
				s += "a"
			} else if p.param {
				s += "b"
			}
		}
		return s
	}
	return cmp.Or(
		cmp.Compare(len(head(y)), len(head(x))),
		cmp.Compare(class(a, x), class(b, y)),
		cmp.Compare(text(y), text(x)),
		cmp.Compare(params(x), params(y)),
		cmp.Compare(kinds(x), kinds(y)),
	)
}

var refName = regexp.MustCompile(`\{[a-z0-9]+`)

// refShape is a pattern without the names of its parameters.
func refShape(p string) string { return refShapes.get(p) }

// refMatch matches a path; folded asks for the form of Caddy's path matchers.
func refMatch(pattern, path string, folded bool) ([]string, bool) {
	p, have := refSegments.get(pattern), refSegments.get(path)
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
		if head, ok := strings.CutSuffix(seg, "*"); ok && i == len(p)-1 {
			rest, ok := strings.CutPrefix(strings.Join(have[i:], "/"), head)
			return append(values, rest), ok
		}
		more, ok := refSegment(seg, have[i], i < len(p)-1, folded)
		if !ok {
			return nil, false
		}
		values = append(values, more...)
	}
	return values, len(p) == len(have)
}

// compare orders two shapes that match one path.
func (l *refLayer) compare(p, q string) int {
	a, b := strings.Split(refShape(p), "/"), strings.Split(refShape(q), "/")
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		return cmp.Or(refCompare(a[i], b[i]), cmp.Compare(l.firstWith(a[:i+1]), l.firstWith(b[:i+1])))
	}
	return cmp.Compare(len(a), len(b))
}

// firstWith is the number of the first pattern that begins with some segments.
func (l *refLayer) firstWith(segments []string) int {
	prefix := strings.Join(segments, "/")
	return slices.IndexFunc(l.patterns, func(p string) bool {
		rest, ok := strings.CutPrefix(refShape(p), prefix)
		return ok && (rest == "" || rest[0] == '/')
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
