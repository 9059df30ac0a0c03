package chiproxy

import (
	"errors"

	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

var errSlips = errors.New("the path has no route as it is written, but would have one in the form that Caddy's path matchers compare")

// slips says whether the request, which no route has taken, has a route in a form in which Caddy's path matchers or the handlers
// behind compare paths: without case, and in other readings. Were it handed on, it would pass by a guarded prefix that the
// configuration behind takes it to be under.
func (ex *Exchange) slips() bool {
	return ex.slipsPast(slipSearch{ex: ex})
}

// slipsBy says the same of a request that a route is about to hand on: whether it has one before that route.
func (ex *Exchange) slipsBy() bool {
	return ex.slipsPast(slipSearch{ex: ex, tenant: ex.tenant, layer: ex.at, entry: ex.entry})
}

// slipsPast makes the search in each form that the path has.
func (ex *Exchange) slipsPast(search slipSearch) bool {
	all := []urlpath.Reading{{Path: ex.fullPath}}
	if urlpath.IsAmbiguous(ex.spelled, ex.fullPath) {
		all = append(all, urlpath.Readings(ex.spelled, ex.fullPath)...)
	}
	for _, read := range all {
		folded := urlpath.CaddyForm(read.Path)
		if folded == ex.fullPath && !ex.table.folds {
			continue
		}
		s := search
		s.folded = folded
		if s.run() {
			return true
		}
	}
	return false
}

// slipSearch looks for the routes that a request has in the form of urlpath.CaddyForm only.
type slipSearch struct {
	ex     *Exchange
	folded string
	// tenant, layer and entry are where the request is; nil where it has left all of them. If the folded path comes
	// there too, the search is at its end.
	tenant *tenant
	layer  *layer
	entry  *entry
	// ended says that it is, beyond that the folded path has gone by: what comes then was not asked for the request.
	ended, beyond bool
}

// run says whether a tenant has more for the folded path than it had for the request's own.
func (s *slipSearch) run() bool {
	for _, c := range s.ex.table.folded.find(s.ex.host, s.folded, nil) {
		rest, ok := urlpath.Below(s.folded, c.folded)
		if !ok {
			rest = s.folded
		}
		if s.in(c.tenant, rest, s.asked(c.tenant)) {
			return true
		}
		if s.ended {
			return false
		}
		if !c.onward {
			break
		}
	}
	base := s.ex.table.base
	return s.in(base, s.folded, s.tenant == nil || s.tenant == base)
}

// asked says whether the request's own path was looked up in a tenant that is none of the base.
func (s *slipSearch) asked(t *tenant) bool {
	for _, a := range s.ex.tenants {
		if a.tenant == t {
			return !s.beyond
		}
		if !a.onward {
			break
		}
	}
	return false
}

// in says whether a tenant has more for the folded path than it had for the request's own. known says that it
// was asked for that.
func (s *slipSearch) in(t *tenant, folded string, known bool) bool {
	own := ""
	if known {
		own, _ = urlpath.Below(s.ex.fullPath, t.prefix)
	} else if t.fallbacks != nil || t.base.scope.notFound != nil {
		return true
	}
	for c := t.layers.find(s.ex.host); ; {
		l := c.next()
		if l == nil {
			break
		}
		if !l.hasHost(s.ex.host) {
			continue
		}
		if own == "" && l.scope.notFound != nil || s.inLayer(t, l, folded, own) {
			return true
		}
		if s.ended {
			return false
		}
		if s.beyond {
			own = ""
		}
	}
	if own == "" && known && (t.fallbacks != nil || t.base.scope.notFound != nil) {
		return true
	}
	return s.inLayer(t, t.base, folded, own)
}

// inLayer is in for one layer, up to where the request is.
func (s *slipSearch) inLayer(t *tenant, l *layer, folded, own string) bool {
	if t != s.tenant || l != s.layer {
		hit, _ := l.mux.CaddyHit(folded, own, nil)
		return hit
	}
	hit, ended := l.mux.CaddyHit(folded, own, s.entry)
	s.ended, s.beyond = ended, !ended
	return hit
}
