package routing

import (
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// A browser sends a preflight before a request of another site: OPTIONS for the same URL, with the method of that request in a field of its header.
// Where no route takes OPTIONS, it goes the way of that request, as far as the middleware that answers it.

// shares reports whether middleware decides which sites may use responses.
func shares(mw chiproxy.Middleware) bool {
	_, ok := mw.(chiproxy.CrossOrigin)
	return ok
}

// preflight returns the method that a preflight asks for. It is empty for all other requests, and where nothing in the table answers any.
func (rq *request) preflight() string {
	if !rq.table.shares {
		return ""
	}
	return field.PreflightFor(rq.R)
}

// answerPreflight lets the middleware of a route for other methods answer a preflight that asks for one of them. The first such route whose guards
// allow is the one that would take the request: those behind it are not asked.
func (rq *request) answerPreflight(c *candidate, e *entry) (chiproxy.Verdict, error) {
	method := rq.preflight()
	if method == "" || rq.search.found || !c.takes(method, e) {
		return chiproxy.Declined, nil
	}
	if len(c.route.Guards) > 0 {
		rq.choose(c, e)
		if open, v, err := rq.allows(foreseen(c.route.Guards), c.scope); !open {
			return v, err
		}
	}
	rq.search.found = true
	if !c.scope.shares {
		return chiproxy.Declined, nil
	}
	if len(c.route.Guards) == 0 {
		rq.choose(c, e)
	}
	if rq.walksAround(c.scope) {
		return chiproxy.Done, errAround
	}
	return rq.perform(c.scope.middleware, chiproxy.Decline{}, c.scope, true)
}

// foreseen are guards as a preflight can be asked: those that look at what it does not have yet allow it.
func foreseen(guards []chiproxy.Guard) []chiproxy.Guard {
	asked := slices.Clone(guards)
	for i, g := range asked {
		if data, ok := g.(*chiproxy.DataGuard); ok && !data.Foresees() {
			asked[i] = unforeseen{data}
		}
	}
	return asked
}

// unforeseen is a guard that would look at what a preflight does not have.
type unforeseen struct{ *chiproxy.DataGuard }

// Allow allows: whether the guard holds shows when the request comes.
func (unforeseen) Allow(*chiproxy.Exchange) (bool, error) { return true, nil }

// share lets the middleware of a scope, which may be nil, say which sites may use the response to a request that none of it has seen.
func (rq *request) share(s *scope) {
	if s == nil {
		return
	}
	for _, mw := range s.middleware {
		if m, ok := mw.(chiproxy.CrossOrigin); ok {
			m.Share(&rq.Exchange)
		}
	}
}
