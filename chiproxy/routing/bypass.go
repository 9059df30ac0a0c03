package routing

import (
	"errors"
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

var errBypass = errors.New("no route matches the path as written, but one would match it as Caddy's path matchers read it")

// bypasses reports whether Caddy's path matchers or later handlers would read the path of the request, which no route took, as one that a
// route guards: they ignore case and may decode differently. Passed on, it would bypass that guard.
func (rq *request) bypasses() bool {
	return rq.bypassed(bypassSearch{rq: rq})
}

// bypassesBy reports the same for a request that a route is about to pass on: whether an earlier route guards it.
func (rq *request) bypassesBy() bool {
	return rq.bypassed(bypassSearch{rq: rq, tenant: rq.tenant, layer: rq.at, entry: rq.entry})
}

// bypassed searches in each form of the path.
func (rq *request) bypassed(search bypassSearch) bool {
	if search.reads(rq.fullPath) {
		return true
	}
	return rq.ambiguous &&
		slices.ContainsFunc(urlpath.Readings(rq.spelled, rq.fullPath), func(read urlpath.Reading) bool { return search.reads(read.Path) })
}

// bypassSearch looks for the routes that a request has only in the form of urlpath.CaddyForm. It follows the order of matching from tenant to
// tenant and layer to layer. Within a layer it compares sets of entries: they come from two muxes, the patterns as written and those in
// Caddy's form, between which chi gives no order.
type bypassSearch struct {
	rq     *request
	folded string
	// tenant, layer and entry are where the request is; nil where it has left all of them. If the folded path comes
	// there too, the search is at its end.
	tenant *tenant
	layer  *layer
	entry  *entry
	// ended says that it is, beyond that the folded path has gone by: what comes then was not asked for the request.
	ended, beyond bool
}

// reads searches for a path in the form of urlpath.CaddyForm, unless the request was routed by that.
func (s bypassSearch) reads(path string) bool {
	s.folded = urlpath.CaddyForm(path)
	return (s.folded != s.rq.fullPath || s.rq.table.folds) && s.run()
}

// run reports whether a tenant has more for the folded path than it had for the request's own.
func (s *bypassSearch) run() bool {
	t := s.rq.table
	for _, tn := range t.asks(t.caddyIndex, s.rq.host, s.folded, nil) {
		rest, ok := urlpath.Below(s.folded, tn.folded)
		if !ok {
			rest = s.folded
		}
		if s.in(tn.tenant, rest, s.asked(tn.tenant)) {
			return true
		}
		if s.ended {
			return false
		}
	}
	return false
}

// asked reports whether the request's own path was looked up in a tenant.
func (s *bypassSearch) asked(t *tenant) bool {
	if t == s.rq.table.base {
		return s.tenant == nil || s.tenant == t
	}
	return !s.beyond && slices.ContainsFunc(s.rq.tenants, func(a ranked) bool { return a.tenant == t })
}

// in reports whether a tenant has more for the folded path than it had for the request's own. known says that it
// was asked for that.
func (s *bypassSearch) in(t *tenant, folded string, known bool) bool {
	own := ""
	if known {
		own = t.within(s.rq.fullPath)
	} else if t.fallbacks != nil || t.base.scope.notFound != nil {
		return true
	}
	if !s.rq.affords(t, 2*len(folded)+2*len(own)) { // CaddyHit searches for both, and then looks at what it has found
		return true
	}
	var c cursor
	c.begin(t, s.rq.host)
	for {
		l := c.next()
		switch {
		case l == nil:
			return false
		case own == "" && (l.scope.notFound != nil || l == t.base && t.fallbacks != nil), s.inLayer(t, l, folded, own):
			return true
		case s.ended:
			return false
		case s.beyond:
			own = ""
		}
	}
}

// inLayer is in for one layer, up to where the request is.
func (s *bypassSearch) inLayer(t *tenant, l *layer, folded, own string) (hit bool) {
	failed := s.rq.searches(t, len(folded)+len(own), func() {
		if t != s.tenant || l != s.layer {
			hit, _ = l.mux.CaddyHit(folded, own, nil)
			return
		}
		hit, s.ended = l.mux.CaddyHit(folded, own, s.entry)
		s.beyond = !s.ended
	})
	return hit || failed != nil
}
