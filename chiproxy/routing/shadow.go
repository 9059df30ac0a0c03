package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// checkHosts reports what is certain never to be reached because of the hosts of layers: hosts that the tenant or a layer
// around has not, and routes of which layers for the same hosts take all requests before.
func (w *scopeWalk) checkHosts(hosts []string, base *layerDraft) {
	if len(w.layers) == 0 {
		return
	}
	var tenant []string
	for _, h := range hosts {
		if key, err := host.Key(h); err == nil { // the others are reported with the tenant
			tenant = append(tenant, key)
		}
	}
	for _, l := range w.layers {
		w.checkReach(tenant, l)
	}
	if w.b.failed() {
		return
	}
	ordered := slices.Clone(w.layers)
	slices.SortFunc(ordered, func(a, b *layerDraft) int { return compareLayers(a.layer, b.layer) })
	earlier := earlierLayers{}
	for _, l := range ordered {
		w.checkTaken(earlier, l.keys, l)
		if len(l.gates) == 0 { // where guards decide, nothing is certain
			for _, k := range l.served() {
				earlier[k] = append(earlier[k], l)
			}
		}
	}
	w.checkTaken(earlier, tenant, base)
}

// checkReach reports the hosts of a layer that are none of those around it.
func (w *scopeWalk) checkReach(tenant []string, l *layerDraft) {
	if len(l.around) == 0 {
		return
	}
	own := l.around[len(l.around)-1]
	for i, around := range append([][]string{tenant}, l.around[:len(l.around)-1]...) {
		if len(around) == 0 {
			continue
		}
		set := host.NewSet(around)
		never := slices.DeleteFunc(slices.Clone(own), set.Meets)
		if len(never) == 0 {
			continue
		}
		what := "the tenant"
		if i > 0 {
			what = "a layer around it"
		}
		w.b.add(l.scope.origin, fmt.Errorf("the layer for %s can never be tried: %s is for %s only",
			strings.Join(never, ", "), what, strings.Join(around, ", ")))
		return
	}
}

// earlierLayers are the layers without guards that come before others, in order, by a host that they have.
type earlierLayers map[string][]*layerDraft

// before calls f with those that are tried before a layer for all requests of a host, or of all hosts of a wildcard, until it
// returns true.
func (e earlierLayers) before(key string, l *layerDraft, f func(*layerDraft) bool) bool {
	if strings.HasPrefix(key, "*.") {
		return slices.ContainsFunc(e[key], f)
	}
	return slices.ContainsFunc(e[key], func(a *layerDraft) bool { return (a.names(key) || compareRanks(a.layer, l.layer) < 0) && f(a) }) ||
		slices.ContainsFunc(e[host.Wildcard(key)], func(a *layerDraft) bool { return compareRanks(a.layer, l.layer) < 0 && f(a) })
}

// checkTaken reports the routes of a layer for some hosts of which earlier layers take all requests.
func (w *scopeWalk) checkTaken(earlier earlierLayers, hosts []string, l *layerDraft) {
	if len(hosts) == 0 || len(earlier) == 0 {
		return
	}
	type standing struct { // a route stands on several shapes, and a scope may be mounted several times
		*chiproxy.Route
		*scope
	}
	reached, taken := map[standing]bool{}, map[standing]string{}
	var order []routeDraft
	for _, s := range l.draft.Shapes() {
		head := s.Draft.namesHead()
		for _, r := range s.Draft.routes {
			at := standing{r.route, r.scope}
			var want pathmux.Cover
			want.Add(r.methods, head)
			by := w.takenBy(earlier, hosts, l, s, &want)
			switch {
			case by == "":
				reached[at] = true
			case taken[at] == "":
				taken[at] = by
				order = append(order, r)
			}
		}
	}
	for _, r := range order {
		if at := (standing{r.route, r.scope}); !reached[at] {
			w.b.add(r.route.Origin, fmt.Errorf("route %s %s can never be reached: %s takes it first, in a layer for its hosts", r.methods, r.pattern(), taken[at]))
		}
	}
}

// takenBy names what in earlier layers takes all requests for a shape of a layer with the methods given. It is empty if one of the hosts is
// left to the layer.
func (w *scopeWalk) takenBy(earlier earlierLayers, hosts []string, l *layerDraft, s *shape, want *pathmux.Cover) string {
	first := ""
	for _, h := range hosts {
		by := ""
		earlier.before(h, l, func(a *layerDraft) bool {
			by = w.taker(a, s, want)
			return by != ""
		})
		if by == "" {
			return ""
		}
		first = cmp.Or(first, by)
	}
	return first
}

// taker names what in a layer takes all requests for a shape with the methods given, if it is certain that something does.
func (w *scopeWalk) taker(l *layerDraft, s *shape, want *pathmux.Cover) string {
	if w.ends(l, l.scope) {
		return describeAnswer(l.scope.notFound)
	}
	lead := s.Lead()
	keys := []string{s.Key()}
	for i := range lead {
		keys = append(keys, lead[:i+1]+"*")
	}
	for _, key := range keys {
		by := l.draft.Find(key)
		if by == nil || !by.Draft.serving().Covers(want) {
			continue
		}
		r := by.Draft.server(want)
		if key == s.Key() && s.IsStatic() || l.keeps(s, r.scope) {
			return describeRoute(r.route)
		}
	}
	for _, o := range l.draft.owners {
		if !strings.Contains(o.prefix, "{") && strings.HasPrefix(lead, o.prefix+"/") && w.ends(l, o) && l.keeps(s, o) {
			return describeAnswer(o.notFound)
		}
	}
	return ""
}

// ends reports whether what a scope of a layer says is the end of all requests that it has.
func (w *scopeWalk) ends(l *layerDraft, scope *scope) bool {
	end, known := w.endings[scope]
	if !known {
		end = scope.notFound != nil && w.final(scope.notFound) && w.final(scope.notAllowed) && !slices.ContainsFunc(l.draft.Shapes(), func(s *shape) bool {
			return slices.ContainsFunc(s.Draft.routes, func(r routeDraft) bool { return r.scope.within(scope) && !w.refuses(r.scope) })
		})
		w.endings[scope] = end
	}
	return end
}

// refuses reports whether no scope around a route declines a request for another method.
func (w *scopeWalk) refuses(s *scope) bool {
	for ; s != nil; s = s.outer {
		if !w.final(s.notAllowed) {
			return false
		}
	}
	return true
}

// final reports whether an answer, if there is one, never declines.
func (w *scopeWalk) final(a *answer) bool {
	return a == nil || len(a.middleware) == 0 && chiproxy.TraitsOf(a.action).NeverDeclines(w.policy)
}

// keeps reports whether no request for a shape leaves the layer by the end of an owner, but of those around a scope in it.
func (l *layerDraft) keeps(s *shape, by *scope) bool {
	lead := s.Lead()
	for _, o := range l.draft.owners {
		_, owned := urlpath.Below(lead, o.prefix)
		if !by.inside(o) && (owned || strings.Contains(o.prefix, "{") || !s.IsStatic() && strings.HasPrefix(o.prefix+"/", lead)) {
			return false
		}
	}
	return true
}

// describeAnswer names an answer and its place in an error.
func describeAnswer(a *answer) string { return a.kind.name + whereElse(a.spec.Origin) }
