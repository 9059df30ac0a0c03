package routing

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// refRun is one request on its way through the model.
type refRun struct {
	spec       *chiproxy.Spec
	world      *world
	host, path string
	folded     string
	method     string
	allow      map[string]bool
	gates      map[*chiproxy.Scope]bool
	here       *refScope
	shape      string // of the route that here was found by
	known      bool
	base       *refTenant
	tenants    []*refTenant
	tenant     *refTenant
	// at and form are where the request is in the tenant; without a form, it is behind all forms of the layer.
	at   *refLayer
	form *refForm
	// handedOn says that a route or a scope's answer has handed the request on.
	handedOn bool
	// tried, if it is set, is told each route that has the request's path and method, and its layer.
	tried func(*refLayer, *chiproxy.Route)
}

// refHostFits says how a host list fits: 0 exactly, 1 by wildcard, 2 for all hosts, -1 not at all.
func refHostFits(hosts []string, host string) int {
	if len(hosts) == 0 {
		return 2
	}
	fit := -1
	for _, h := range hosts {
		if h == host {
			return 0
		}
		if rest, ok := strings.CutPrefix(h, "*"); ok && strings.HasSuffix(host, rest) && !strings.Contains(strings.TrimSuffix(host, rest), ".") && len(host) > len(rest) {
			fit = 1
		}
	}
	return fit
}

func refBelow(path, prefix string) (string, bool) {
	switch {
	case prefix == "":
		return path, true
	case path == prefix:
		return "/", true
	case strings.HasPrefix(path, prefix+"/"):
		return path[len(prefix):], true
	}
	return "", false
}

// candidates are the tenants asked for a path, in order, without the default tenant.
func (r *refRun) candidates(tenants []*refTenant, path string, folded bool) []*refTenant {
	var fit []*refTenant
	for _, t := range tenants {
		if _, ok := refBelow(path, refPrefix(t.spec, folded)); ok && refHostFits(t.spec.Hosts, r.host) >= 0 {
			fit = append(fit, t)
		}
	}
	kind := func(t *chiproxy.Tenant) int {
		switch {
		case len(t.Hosts) > 0 && t.PathPrefix != "":
			return 0
		case len(t.Hosts) > 0:
			return 1
		case t.PathPrefix != "":
			return 2
		}
		return 3
	}
	slices.SortStableFunc(fit, func(a, b *refTenant) int {
		return cmp.Or(
			cmp.Compare(b.spec.Priority, a.spec.Priority),
			cmp.Compare(kind(a.spec), kind(b.spec)),
			cmp.Compare(refHostFits(a.spec.Hosts, r.host), refHostFits(b.spec.Hosts, r.host)),
			cmp.Compare(len(b.spec.PathPrefix), len(a.spec.PathPrefix)),
		)
	})
	for i, t := range fit {
		if !t.spec.Fallthrough {
			return fit[:i+1]
		}
	}
	return fit
}

func refPrefix(t *chiproxy.Tenant, folded bool) string {
	if folded {
		return strings.ToLower(t.PathPrefix)
	}
	return t.PathPrefix
}

// serve returns what becomes of the request: done, next, 404, or 405 with the methods.
func (r *refRun) serve(base *refTenant, tenants []*refTenant) string {
	r.base, r.tenants = base, tenants
	for _, t := range append(r.candidates(tenants, r.path, false), base) {
		path, _ := refBelow(r.path, t.spec.PathPrefix)
		if out := r.ask(t, path); out != "" {
			return out
		}
	}
	if len(r.allow) > 0 && r.spec.MethodMismatch == chiproxy.AnswerMismatch {
		return r.refused()
	}
	r.tenant = nil
	return r.next()
}

// next hands the request on, unless another spelling of it would be taken before.
func (r *refRun) next() string {
	for _, form := range []string{r.path, refSlashes(r.path)} {
		r.folded = strings.ReplaceAll(strings.ToLower(form), "%2f", "%2F")
		if r.slipsAnywhere() {
			return "404"
		}
	}
	r.handedOn = r.tenant != nil
	return "next"
}

func (r *refRun) slipsAnywhere() bool {
	asked := append(r.candidates(r.tenants, r.path, false), r.base)
	beyond := false
	for _, t := range append(r.candidates(r.tenants, r.folded, true), r.base) {
		known := slices.Contains(asked, t) && !beyond && (t != r.base || r.tenant == nil || r.tenant == r.base)
		hit, ended := r.slips(t, known)
		if hit || ended {
			return hit
		}
		beyond = beyond || t == r.tenant
	}
	return false
}

// slips reports whether a tenant has more for the folded path than for the request's own, and whether the folded path comes
// to where the request is, which ends the search.
func (r *refRun) slips(t *refTenant, known bool) (hit, ended bool) {
	folded, _ := refBelow(r.folded, refPrefix(t.spec, true))
	own := ""
	if known {
		own, _ = refBelow(r.path, t.spec.PathPrefix)
	} else if t.layers[len(t.layers)-1].scope.answer(refNotFound) != nil {
		return true, false
	}
	either := func(pattern string) bool {
		_, plain := refMatch(pattern, folded, false)
		_, other := refMatch(pattern, folded, true)
		return plain || other
	}
	for _, l := range t.ordered(r.host) {
		if !r.hostIn(l) {
			continue
		}
		if !known && l.scope.answer(refNotFound) != nil {
			return true, false
		}
		here := t == r.tenant && l == r.at
		ended = here && (r.form == nil || either(r.form.pattern))
		for _, f := range l.forms {
			before := false
			if known {
				_, before = refMatch(f.pattern, own, false)
			}
			behind := ended && r.form != nil && !refBeats(f.pattern, r.form.pattern)
			if either(f.pattern) && !before && !behind {
				return true, false
			}
		}
		if ended {
			return false, true
		}
		known = known && !here
	}
	return false, false
}

// refBeats reports whether a pattern is more specific than another one that matches the same path, where case does not
// count. Of different regexps, each beats the other.
func refBeats(p, q string) bool {
	a, b := strings.Split(refShape(p), "/"), strings.Split(refShape(q), "/")
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		x, y := refPieces(a[i]), refPieces(b[i])
		if len(x) == 1 && len(y) == 1 && !x[0].param && !y[0].param && !strings.HasSuffix(a[i]+b[i], "*") {
			continue // they differ in case
		}
		if c := refCompare(a[i], b[i]); c != 0 && !(refExpr(x) && refExpr(y)) {
			return c < 0
		}
		return true
	}
	return false
}

// refExpr reports whether chi has a regexp for a segment.
func refExpr(pieces []refPiece) bool {
	i := slices.IndexFunc(pieces, func(p refPiece) bool { return p.param })
	return i >= 0 && (pieces[i].expr != "" || i < len(pieces)-1)
}

func (r *refRun) refused() string {
	var names []string
	for n := range r.allow {
		names = append(names, n)
	}
	slices.Sort(names)
	return "405 " + strings.Join(names, ", ")
}

func (r *refRun) hostIn(l *refLayer) bool {
	for ; l.around != nil; l = l.around {
		if refHostFits(l.spec.Hosts, r.host) < 0 {
			return false
		}
	}
	return true
}

// ask returns what becomes of the request in a tenant, empty if it leaves it.
func (r *refRun) ask(t *refTenant, path string) string {
	r.tenant, r.gates, r.known = t, map[*chiproxy.Scope]bool{}, false
	for _, l := range t.ordered(r.host) {
		base := l.around == nil
		if !r.hostIn(l) {
			continue
		}
		r.here, r.at = nil, l
		if out := r.search(l, path); out != "" {
			return out
		}
		r.form = nil
		known := r.here != nil
		says := l.scope.answer(refNotFound) != nil || known && l.scope.answer(refNotAllowed) != nil
		if base {
			known, says = r.known, true
		}
		if says && r.open(l) {
			if out := r.missed(l.scope, known); out != "" {
				return out
			}
		}
	}
	return ""
}

// missed is what a scope says when no route in it takes the request. Where all routes of the most specific shape that has the path
// stand in one group, that is what the group says.
func (r *refRun) missed(s *refScope, known bool) string {
	notFound := s.answer(refNotFound)
	if !known || r.spec.MethodMismatch == chiproxy.DeclineMismatch {
		return r.answer(s, notFound)
	}
	at := s
	if r.here != nil && r.here.owner == s.owner {
		at = r.here
	}
	if a := at.answer(refNotAllowed); a != nil {
		return r.answer(s, a)
	}
	if notFound != nil {
		if r.walksAround(s) {
			return "404"
		}
		return r.chain(notFound.middleware, r.refused)
	}
	return ""
}

func (r *refRun) answer(s *refScope, a *refAnswer) string {
	if a == nil {
		return ""
	}
	if r.walksAround(s) {
		return "404"
	}
	return r.chain(a.middleware, func() string { return r.act(a.action) })
}

// open asks the guards of a layer and those around it, each once.
func (r *refRun) open(l *refLayer) bool {
	if l.around == nil {
		return true
	}
	if !r.open(l.around) {
		return false
	}
	if _, known := r.gates[l.spec]; !known {
		r.gates[l.spec] = r.allowed(l.spec.Guards)
	}
	return r.gates[l.spec]
}

func (r *refRun) allowed(guards []chiproxy.Guard) bool {
	for _, g := range guards {
		if d, ok := g.(*chiproxy.DataGuard); ok {
			if !r.world.holds(d) {
				return false
			}
			continue
		}
		if !r.world.guard(g.(*worldHook).id) {
			return false
		}
	}
	return true
}

func (r *refRun) search(l *refLayer, path string) string {
	shapes := l.found(path, false)
	if len(shapes) == 0 || !r.open(l) {
		return ""
	}
	for _, forms := range shapes {
		for _, f := range forms {
			r.form = &f
			if f.route == nil {
				return r.leave(f.scope)
			}
			if !r.takes(f.route, forms) {
				r.mismatch(f)
				continue
			}
			if r.tried != nil {
				r.tried(l, f.route)
			}
			if !r.allowed(f.route.Guards) {
				continue
			}
			if r.walksAround(f.scope) {
				return "404"
			}
			values, _ := refMatch(f.pattern, path, false)
			for i, v := range values {
				values[i] = urlpath.Decode(v)
			}
			if strings.HasSuffix(f.route.Pattern, "*") && !strings.HasSuffix(f.pattern, "*") { // at the root of an owner
				values = append(values, "")
			}
			act := func() string {
				r.world.params = f.route.Pattern + fmt.Sprintf("%q", values)
				return r.act(f.route.Action)
			}
			if out := r.chain(f.scope.middleware, act); out != "" {
				return out
			}
		}
	}
	return ""
}

func (r *refRun) takes(route *chiproxy.Route, forms []refForm) bool {
	has := func(route *chiproxy.Route, m string) bool {
		if len(route.Methods) == 0 {
			return m != http.MethodConnect
		}
		return slices.Contains(route.Methods, m)
	}
	if has(route, r.method) {
		return true
	}
	if r.method != http.MethodHead || !has(route, http.MethodGet) {
		return false
	}
	for _, f := range forms {
		if f.route != nil && slices.Contains(f.route.Methods, http.MethodHead) {
			return false
		}
	}
	return true
}

func (r *refRun) mismatch(f refForm) {
	methods := f.route.Methods
	if len(methods) == 0 {
		methods = strings.Fields("DELETE GET HEAD OPTIONS PATCH POST PUT TRACE")
	}
	for _, m := range methods {
		r.allow[m] = true
		if m == http.MethodGet {
			r.allow[http.MethodHead] = true
		}
	}
	r.known = true
	if r.here == nil || r.here.owner != f.scope.owner {
		r.here, r.shape = f.scope, refShape(f.pattern)
	}
	for r.shape == refShape(f.pattern) && !f.scope.in(r.here.spec) {
		r.here = r.here.outer
	}
}

// leave is what happens in an owner of which no route takes the request.
func (r *refRun) leave(o *refScope) string {
	inside := false
	for s := r.here; s != nil; s = s.outer {
		inside = inside || s == o
		if s.spec.Kind == chiproxy.Layer {
			break
		}
	}
	if out := r.missed(o, inside); out != "" || o.answer(refNotFound) != nil || inside && r.spec.MethodMismatch == chiproxy.AnswerMismatch && o.answer(refNotAllowed) != nil {
		return out
	}
	if len(o.middleware) > 0 && r.walksAround(o) {
		return "404"
	}
	return r.chain(o.middleware, func() string { return "" })
}

func (r *refRun) chain(mw []chiproxy.Middleware, end func() string) string {
	if len(mw) == 0 {
		return end()
	}
	switch r.world.middleware(mw[0].(*worldHook).id) {
	case blocks:
		return "done"
	case skips:
		return ""
	}
	return r.chain(mw[1:], end)
}

func (r *refRun) act(a chiproxy.Action) string {
	if _, ok := a.(chiproxy.Next); ok {
		return r.next()
	}
	if m, ok := a.(chiproxy.Module); ok {
		r.world.note("module %d", m.Handler.(*worldModule).id)
		return "done"
	}
	if r.world.action(a.(*worldHook).id) {
		return "done"
	}
	return ""
}
