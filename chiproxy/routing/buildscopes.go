package routing

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// scopeWalk flattens the scopes of one tenant into its layers.
type scopeWalk struct {
	b      *builder
	pools  *chiproxy.PoolScope
	policy *chiproxy.ErrorPolicy
	// prefix is that of the tenant.
	prefix  string
	layers  []*layerDraft
	answers answerBuilder
	// endings are what ends has found.
	endings map[*scope]bool
}

// layerDraft is a layer whose routes are still being gathered.
type layerDraft struct {
	*layer // by pointer, as it outlives the draft
	draft  *muxBuilder
	// around are the hosts of the layers around it and its own, the outermost first.
	around [][]string
}

func newLayerDraft() *layerDraft { return &layerDraft{layer: &layer{}, draft: newMuxBuilder()} }

func newScopeWalk(b *builder, pools *chiproxy.PoolScope) *scopeWalk {
	return &scopeWalk{b: b, pools: pools, endings: map[*scope]bool{}, answers: answerBuilder{b: b, pools: pools, used: map[*chiproxy.Answer]bool{}, around: map[*chiproxy.Answer]*answer{}}}
}

// tenant walks the root scope of a tenant and sets the tenant's layers.
func (w *scopeWalk) tenant(t *tenant, root *chiproxy.Scope) {
	w.policy, w.prefix = t.policy, t.prefix
	base := newLayerDraft()
	in := w.enter(nil, root)
	base.scope = in.scope
	base.scope.origin = t.spec.Origin
	w.settle(in, nil)
	w.items(in, base)
	w.answers.check()
	w.checkHosts(t.spec.Hosts, base)
	base.mux = base.draft.finish(w.b)
	t.base = base.layer
	layers := make([]*layer, len(w.layers))
	for i, l := range w.layers {
		l.mux = l.draft.finish(w.b)
		layers[i] = l.layer
	}
	t.layers = newLayerIndex(layers)
	if t.spec.Patterns != nil && !w.b.failed() {
		t.steps = w.steps(t, base)
	}
}

// steps returns how many instructions of regular expressions a search in a tenant may cost for each byte of a path.
func (w *scopeWalk) steps(t *tenant, base *layerDraft) int64 {
	n, last := 0, t.spec.Origin
	for _, l := range append(w.layers, base) {
		n += pathmux.Steps(&l.draft.Builder)
		for _, s := range l.draft.Shapes() {
			if s.IsSlow() {
				last = s.Draft.origin()
			}
		}
	}
	if err := t.spec.Patterns.Allow(n); err != nil {
		w.b.add(last, err)
	}
	return int64(n)
}

// walked is a scope whose answers are known before its items are looked at.
type walked struct {
	*scope
	spec   *chiproxy.Scope
	groups []*walked
}

// enter makes a scope that stands in outer, and those of the groups in it, which say nothing but what they
// declare.
func (w *scopeWalk) enter(outer *scope, s *chiproxy.Scope) *walked {
	in := &scope{outer: outer, origin: s.Origin}
	if outer != nil {
		in.middleware, in.owner, in.prefix, in.failed, in.shares = outer.middleware, outer.owner, outer.prefix, outer.failed, outer.shares
	}
	if s.Failed != nil {
		in.failed = w.b.bind(s.Failed.Action, nil, w.pools, s.Failed.Origin)
		if s.Kind == chiproxy.Group && outer != nil && !says(s) {
			w.b.add(s.Failed.Origin, errors.New("on_error can never answer: the group has no routes"))
		}
	}
	if len(s.Middleware) > 0 {
		own := w.b.bindMiddleware(s.Middleware, w.pools)
		in.middleware = slices.Concat(in.middleware, own)
		in.shares = in.shares || slices.ContainsFunc(own, shares)
		w.b.shares = w.b.shares || in.shares
	}
	w.answers.declare(in, s, notFoundKind)
	w.answers.declare(in, s, notAllowedKind)
	return &walked{scope: in, spec: s}
}

// says reports whether something in a scope may fail.
func says(s *chiproxy.Scope) bool {
	return len(s.Items) > 0 || s.NotFound != nil || s.MethodNotAllowed != nil
}

// settle finds what a scope that has paths of its own answers, and the groups in it. Around is what it inherits from.
func (w *scopeWalk) settle(s *walked, around *scope) {
	w.enterGroups(s)
	if around == nil {
		around = &scope{}
	}
	w.answers.settle(s, notFoundKind, around.notFound)
	w.answers.settle(s, notAllowedKind, around.notAllowed)
	s.refuse()
}

// enterGroups enters the groups in a scope.
func (w *scopeWalk) enterGroups(s *walked) {
	for _, item := range s.spec.Items {
		if g := item.Scope; g != nil && g.Kind == chiproxy.Group {
			in := w.enter(s.scope, g)
			w.enterGroups(in)
			s.groups = append(s.groups, in)
		}
	}
}

// items puts what stands in a scope into its layer.
func (w *scopeWalk) items(s *walked, l *layerDraft) {
	groups := s.groups
	for _, item := range s.spec.Items {
		switch {
		case item.Route != nil:
			w.answers.use(s.notAllowed)
			w.route(item.Route, s.scope, l)
		case item.Scope == nil:
		case item.Scope.Kind == chiproxy.Owner:
			w.owner(item.Scope, s.scope, l)
		case item.Scope.Kind == chiproxy.Layer:
			w.layer(item.Scope, s.scope, l)
		default:
			w.items(groups[0], l)
			groups = groups[1:]
		}
	}
}

// route puts a route on its shape, or at the root of an owner on those of both forms of the root.
func (w *scopeWalk) route(r *chiproxy.Route, scope *scope, l *layerDraft) {
	w.b.work.Step()
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
	pattern, err := pathmux.Parse(scope.prefix + r.Pattern)
	if err != nil {
		w.b.add(r.Origin, err)
		return
	}
	w.b.checkPolicy(r.OnError, w.pools, r.Origin)
	w.checkStrip(r, scope, pattern)
	text := w.b.text(scope.prefix, pattern)
	d := routeDraft{candidate: candidate{
		route: r, scope: scope, action: w.b.bind(r.Action, text.names, w.pools, r.Origin),
	}}
	for _, mw := range scope.middleware {
		w.b.checkParams(mw, text.names, r.Origin)
	}
	policy := r.OnError
	if policy == nil {
		policy = w.policy
	}
	d.common = w.b.common(common{methods, text, len(scope.middleware) > 0 || !chiproxy.TraitsOf(d.action).NeverDeclines(policy)})
	put := func(p pathmux.Pattern) {
		s := &l.draft.Shape(p).Draft
		s.routes = append(s.routes, d)
	}
	put(pattern)
	if scope.prefix == "" {
		return
	}
	switch r.Pattern {
	case "/":
		w.root(scope.prefix, put, false)
	case "/*":
		d.root = true
		w.root(scope.prefix, put, true)
	}
}

// root calls f with the forms of the root of an owner: without the slash at the end, and with it if both.
func (w *scopeWalk) root(prefix string, f func(pathmux.Pattern), both bool) {
	forms := []string{prefix, prefix + "/"}
	if !both {
		forms = forms[:1]
	}
	for _, form := range forms {
		if p, err := pathmux.Parse(form); err == nil { // the prefix was checked with its scope, and may be empty
			f(p)
		}
	}
}

// checkStrip reports a prefix to strip that no path of the route begins with. Middleware may rewrite the path.
func (w *scopeWalk) checkStrip(r *chiproxy.Route, s *scope, pattern pathmux.Pattern) {
	proxy, ok := r.Action.(chiproxy.Proxy)
	if !ok || proxy.StripPrefix == "" || len(s.middleware) > 0 {
		return
	}
	prefix := strings.TrimRight(urlpath.DecodeOnce(proxy.StripPrefix), "/")
	for _, before := range []string{"", w.prefix} {
		text := before + pattern.Lead()
		if _, owned := urlpath.Below(text, prefix); owned || !pattern.IsStatic() && strings.HasPrefix(prefix, text) {
			return
		}
	}
	w.b.add(r.Origin, fmt.Errorf("strip_prefix %q can never be stripped: no path of %s begins with it", proxy.StripPrefix, s.prefix+r.Pattern))
}

var errOwnAll = errors.New("a scope's pattern must not have a *; it owns everything below it anyway")

// owner walks a scope that owns its prefix.
func (w *scopeWalk) owner(s *chiproxy.Scope, outer *scope, l *layerDraft) {
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
		p, err := pathmux.Parse(prefix)
		if err != nil {
			w.b.add(s.Origin, err)
			return
		}
		key = p.Key()
	}
	in := w.enter(outer, s)
	own := in.scope
	own.prefix = prefix
	if other := l.draft.owners[key]; other != nil && !outer.inside(other) {
		w.b.add(s.Origin, fmt.Errorf("the prefix %s is owned by another scope already%s", prefix+"/", other.origin.Earlier()))
		return
	}
	own.owner = own
	l.draft.owners[key] = own
	w.settle(in, outer)
	w.items(in, l)
	miss := func(pattern pathmux.Pattern) {
		if s := &l.draft.Shape(pattern).Draft; s.miss == nil {
			s.miss = own
		}
	}
	w.root(prefix, miss, true)
	if rest, err := pathmux.Parse(prefix + "/*"); err == nil {
		miss(rest)
	}
}

// layer walks a scope that is tried before the unlayered routes.
func (w *scopeWalk) layer(s *chiproxy.Scope, outer *scope, around *layerDraft) {
	in := w.enter(outer, s)
	w.settle(in, nil) // what is outside is tried after the layer, so its answers are not the layer's
	l := newLayerDraft()
	l.scope, l.priority, l.order = in.scope, s.Priority, len(w.layers)
	l.gates, l.hosts, l.keys, l.around = around.gates, around.hosts, around.keys, around.around
	l.depth = around.depth + 1
	if len(s.Guards) > 0 {
		l.gates = append(slices.Clip(l.gates), &gate{s.Guards, in.scope})
	}
	if keys := w.b.hosts(s.Hosts, s.Origin); len(keys) > 0 {
		l.hosts = append(slices.Clip(l.hosts), host.NewSet(keys))
		l.keys = keys
		l.around = append(slices.Clip(l.around), keys)
	}
	w.layers = append(w.layers, l)
	w.items(in, l)
}

var errNoAction = errors.New("the route has no action")
