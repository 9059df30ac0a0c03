package chiproxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// scopeWalk flattens the scopes of one tenant into its layers.
type scopeWalk struct {
	b      *builder
	pools  *poolScope
	policy *ErrorPolicy
	// strip is the prefix that is taken off what is forwarded, if any.
	strip  string
	layers []*layerDraft
}

// layerDraft is a layer whose routes are still being gathered.
type layerDraft struct {
	*layer // by pointer, as it outlives the draft
	draft  *muxDraft
	// around are the hosts of the layers around it and its own, the outermost first.
	around [][]string
}

func newLayerDraft() *layerDraft { return &layerDraft{layer: &layer{}, draft: newMuxDraft()} }

func newScopeWalk(b *builder, pools *poolScope) *scopeWalk { return &scopeWalk{b: b, pools: pools} }

// tenant walks the root scope of a tenant and sets the tenant's layers.
func (w *scopeWalk) tenant(t *tenant, root *Scope) {
	w.policy = t.policy
	if t.strip {
		w.strip = t.prefix
	}
	base := newLayerDraft()
	base.place = w.place(nil, root)
	base.place.origin = t.spec.Origin
	w.answers(base.place, root)
	w.items(root, base.place, base)
	w.checkHosts(t.spec.Hosts, base)
	base.mux = base.draft.finish(w.b)
	t.base = base.layer
	layers := make([]*layer, len(w.layers))
	for i, l := range w.layers {
		l.mux = l.draft.finish(w.b)
		layers[i] = l.layer
	}
	t.layers = newLayerIndex(layers)
}

// place makes the place of a scope that stands in outer, with nothing of its own answers.
func (w *scopeWalk) place(outer *place, s *Scope) *place {
	p := &place{outer: outer, origin: s.Origin, failed: w.b.bind(s.Failed, w.pools, s.Origin)}
	if outer != nil {
		p.middleware, p.owner, p.prefix = outer.middleware, outer.owner, outer.prefix
		p.notFound, p.notAllowed = outer.notFound, outer.notAllowed
		if p.failed == nil {
			p.failed = outer.failed
		}
	}
	if len(s.Middleware) > 0 {
		p.middleware = slices.Concat(p.middleware, s.Middleware)
	}
	return p
}

// answers sets what a scope that has a path of its own, or a layer, answers itself: what it says, else what a group
// in it says, else what the scope around it says.
func (w *scopeWalk) answers(p *place, s *Scope) {
	if a := w.answer(p, s, func(s *Scope) Action { return s.NotFound }); a != nil {
		p.notFound = a
	} else if p.notFound != nil {
		p.notFound = &answer{p.middleware, p.notFound.action}
	}
	if a := w.answer(p, s, func(s *Scope) Action { return s.MethodNotAllowed }); a != nil {
		p.notAllowed = a
	} else if p.notAllowed != nil {
		p.notAllowed = &answer{p.middleware, p.notAllowed.action}
	}
}

// answer looks for an answer in a scope and in the groups in it.
func (w *scopeWalk) answer(p *place, s *Scope, own func(*Scope) Action) *answer {
	if a := own(s); a != nil {
		return &answer{p.middleware, w.b.bind(a, w.pools, s.Origin)}
	}
	for _, item := range s.Items {
		if g := item.Scope; g != nil && g.Kind == Group {
			inner := &place{middleware: slices.Concat(p.middleware, g.Middleware)}
			if a := w.answer(inner, g, own); a != nil {
				return a
			}
		}
	}
	return nil
}

func (w *scopeWalk) items(s *Scope, p *place, l *layerDraft) {
	for _, item := range s.Items {
		switch {
		case item.Route != nil:
			w.route(item.Route, p, l)
		case item.Scope == nil:
		case item.Scope.Kind == Owner:
			w.owner(item.Scope, p, l)
		case item.Scope.Kind == Layer:
			w.layer(item.Scope, p, l)
		default:
			w.items(item.Scope, w.place(p, item.Scope), l)
		}
	}
}

// route puts a route on its shape, or at the root of an owner on those of both forms of the root.
func (w *scopeWalk) route(r *Route, p *place, l *layerDraft) {
	methods, err := w.b.methodSet(r.Methods)
	if err != nil {
		w.b.add(r.Origin, err)
		return
	}
	if r.Action == nil {
		w.b.add(r.Origin, errNoAction)
		return
	}
	if !strings.HasPrefix(r.Pattern, "/") {
		w.b.add(r.Origin, fmt.Errorf("pattern %q must begin with a slash", r.Pattern))
		return
	}
	pattern := p.prefix + r.Pattern
	tokens, err := parsePattern(pattern)
	if err != nil {
		w.b.add(r.Origin, err)
		return
	}
	w.b.checkPolicy(r.OnError, w.pools, r.Origin)
	d := routeDraft{candidate: candidate{
		route: r, place: p, action: w.action(r),
	}}
	policy := r.OnError
	if policy == nil {
		policy = w.policy
	}
	d.traits = w.b.traits(traits{methods, w.b.text(p.prefix, tokens), d.mayChange(policy)})
	put := func(pattern string, tokens []token, d routeDraft) {
		s := l.draft.shape(pattern, tokens)
		s.routes = append(s.routes, d)
	}
	put(pattern, tokens, d)
	if p.prefix == "" {
		return
	}
	switch r.Pattern {
	case "/":
		w.root(p.prefix, func(pattern string, tokens []token) { put(pattern, tokens, d) }, false)
	case "/*":
		d.root = true
		w.root(p.prefix, func(pattern string, tokens []token) { put(pattern, tokens, d) }, true)
	}
}

// action resolves the names in a route's action.
func (w *scopeWalk) action(r *Route) Action {
	a := w.b.bind(r.Action, w.pools, r.Origin)
	if w.strip != "" {
		return stripping(a, w.strip)
	}
	return a
}

// root calls f with the forms of the root of an owner: without the slash at the end, and with it if both.
func (w *scopeWalk) root(prefix string, f func(string, []token), both bool) {
	forms := []string{prefix, prefix + "/"}
	if !both {
		forms = forms[:1]
	}
	for _, form := range forms {
		tokens, err := parsePattern(form)
		if err == nil { // the prefix was checked with its scope
			f(form, tokens)
		}
	}
}

var errOwnAll = errors.New("a scope's pattern must not have a *; it owns all below it anyway")

// owner walks a scope that owns its prefix.
func (w *scopeWalk) owner(s *Scope, outer *place, l *layerDraft) {
	if strings.HasSuffix(s.Pattern, "*") {
		w.b.add(s.Origin, errOwnAll)
		return
	}
	if !strings.HasPrefix(s.Pattern, "/") {
		w.b.add(s.Origin, fmt.Errorf("pattern %q must begin with a slash", s.Pattern))
		return
	}
	prefix := outer.prefix + strings.TrimSuffix(s.Pattern, "/")
	key := ""
	if prefix != "" {
		tokens, err := parsePattern(prefix)
		if err != nil {
			w.b.add(s.Origin, err)
			return
		}
		key = shapeKey(prefix, tokens)
	}
	p := w.place(outer, s)
	p.prefix = prefix
	if other := l.draft.owners[key]; other != nil && !outer.inside(other) {
		w.b.add(s.Origin, fmt.Errorf("the prefix %s is owned by another scope already%s", prefix+"/", alsoAt(other.origin)))
		return
	}
	p.owner = p
	l.draft.owners[key] = p
	w.answers(p, s)
	w.items(s, p, l)
	if prefix != "" {
		w.root(prefix, func(pattern string, tokens []token) { w.miss(l, pattern, tokens, p) }, true)
	} else {
		w.miss(l, "/", []token{{text: "/"}}, p)
	}
	rest := prefix + "/*"
	if tokens, err := parsePattern(rest); err == nil {
		w.miss(l, rest, tokens, p)
	}
}

// miss makes the owner answer for a shape of which no route takes a request.
func (w *scopeWalk) miss(l *layerDraft, pattern string, tokens []token, owner *place) {
	if s := l.draft.shape(pattern, tokens); s.miss == nil {
		s.miss = owner
	}
}

// layer walks a scope that is tried before the unlayered routes.
func (w *scopeWalk) layer(s *Scope, outer *place, around *layerDraft) {
	p := w.place(outer, s)
	// what is outside is tried after the layer, so its answers are not the layer's
	p.notFound, p.notAllowed = nil, nil
	w.answers(p, s)
	l := newLayerDraft()
	l.place, l.priority, l.order = p, s.Priority, len(w.layers)
	l.gates, l.hosts, l.keys, l.around = around.gates, around.hosts, around.keys, around.around
	l.depth = around.depth + 1
	if len(s.Guards) > 0 {
		l.gates = append(slices.Clip(l.gates), &gate{s.Guards, p})
	}
	if keys := w.b.hosts(s.Hosts, s.Origin); len(keys) > 0 {
		l.hosts = append(slices.Clip(l.hosts), newHostSet(keys))
		l.keys = keys
		l.around = append(slices.Clip(l.around), keys)
	}
	w.layers = append(w.layers, l)
	w.items(s, p, l)
}

var errNoAction = errors.New("the route has no action")
