package chiproxy

import (
	"errors"

	"github.com/go-chi/chi/v5"
)

var errSlips = errors.New("the path has no route as it is written, but would have one in the form that Caddy's path matchers compare")

// slips says whether the request, which no route has taken, has a route in the form in which Caddy's path matchers
// compare paths: without case, and with an escaped slash for a slash. Were it handed on, it would pass by a guarded
// prefix that the configuration behind takes it to be under.
func (ex *Exchange) slips() bool {
	q, differs := ex.slipSearch(&ex.rctx)
	return differs && q.among(nil, nil, nil)
}

// slipsBy says the same of a request that a route is about to hand on: whether it has one before that route.
func (ex *Exchange) slipsBy() bool {
	q, differs := ex.slipSearch(nil)
	if !differs {
		return false
	}
	q.rctx = chi.NewRouteContext() // the exchange's own holds the params
	return q.among(ex.tenant, ex.at, ex.entry)
}

// slipSearch looks for the routes that a request has in the form of caddyPath only.
type slipSearch struct {
	ex     *Exchange
	rctx   *chi.Context
	folded string
}

// slipSearch begins the search, unless it would find what the request was matched against already.
func (ex *Exchange) slipSearch(rctx *chi.Context) (q slipSearch, differs bool) {
	folded := caddyPath(ex.asked)
	return slipSearch{ex, rctx, folded}, folded != ex.fullPath || ex.table.folds
}

// among says whether a tenant has more for the folded path than it had for the request's own. The search ends at a
// tenant, and there at a layer and a shape, if they are given.
func (q *slipSearch) among(end *tenant, at *layer, entry *entry) bool {
	asked := q.ex.tenants
	for _, c := range q.ex.table.folded.find(q.ex.host, q.folded, nil) {
		rest, ok := below(q.folded, c.folded)
		if !ok {
			rest = q.folded
		}
		if c.tenant == end {
			return q.upTo(end, rest, at, entry)
		}
		known := false
		for _, a := range asked {
			known = known || a.tenant == c.tenant
			if !a.onward {
				break
			}
		}
		if q.in(c.tenant, rest, known) {
			return true
		}
		if !c.onward {
			break
		}
	}
	base := q.ex.table.base
	if base == end {
		return q.upTo(base, q.folded, at, entry)
	}
	return q.in(base, q.folded, end == nil)
}

// in says whether a tenant has more for the folded path than it had for the request's own. known says that it
// was asked for that.
func (q *slipSearch) in(t *tenant, folded string, known bool) bool {
	own := ""
	if known {
		own, _ = below(q.ex.fullPath, t.prefix)
	} else if t.rest != nil || t.base.place.notFound != nil {
		return true
	}
	for c := t.layers.find(q.ex.host); ; {
		l := c.next()
		if l == nil {
			break
		}
		if l.hasHost(q.ex.host) && (l.mux.foldedHit(q.rctx, folded, own, nil) || !known && l.place.notFound != nil) {
			return true
		}
	}
	return t.base.mux.foldedHit(q.rctx, folded, own, nil)
}

// upTo is in for the tenant, layer and shape whose turn it is: what comes after them would not have been asked.
func (q *slipSearch) upTo(t *tenant, folded string, at *layer, entry *entry) bool {
	own, _ := below(q.ex.fullPath, t.prefix)
	for c := t.layers.find(q.ex.host); ; {
		l := c.next()
		if l == nil || l == at {
			return at.mux.foldedHit(q.rctx, folded, own, entry)
		}
		if l.hasHost(q.ex.host) && l.mux.foldedHit(q.rctx, folded, own, nil) {
			return true
		}
	}
}
