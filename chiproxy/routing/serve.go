package routing

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/expansion"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// search is what one request has learned while looking for its route.
type search struct {
	// allow are the methods of the routes that had the path for another method, in all tenants asked.
	allow pathmux.Allowed
	// here is the innermost scope that all such routes of one shape stand in: of the most specific shape in the layer that is
	// being searched, in its innermost owner.
	here  *scope
	shape *entry
	// path says that the tenant had such a route.
	path bool
	// shares is the scope of the first of them whose middleware decides which sites may use responses, and found says that a preflight has come
	// to the route of the request that it asks for.
	shares *scope
	found  bool
}

// gateVerdict is what the guards of a layer said.
type gateVerdict struct {
	*gate
	open bool
}

// serve tries the tenants in order, finally Caddy's next handler.
func (rq *request) serve() error {
	t, r := rq.table, rq.R
	w := rq.W
	if err := checkTarget(r); err != nil {
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	if isServerWide(r.URL) {
		return rq.Onward()
	}
	rq.method = routeMethod(r)
	rq.fullPath, rq.spelled, rq.ambiguous = urlpath.Read(r.URL)
	if t.hosts {
		if rq.host = host.Name(r.Host); rq.host == "" && r.Host != "" {
			return caddyhttp.Error(http.StatusBadRequest, fmt.Errorf("host %s: expected a name or an IP address, alone or with a port", field.Quote(r.Host)))
		}
	}
	if rq.tenants = rq.tenants[:0]; len(t.tenants) > 0 {
		rq.tenants = t.asks(t.index, rq.host, rq.fullPath, rq.tenants)
	} else {
		rq.tenants = append(rq.tenants, ranked{tenant: t.base})
	}
	for _, tn := range rq.tenants {
		if v, err := rq.ask(tn.tenant); err != nil || v == chiproxy.Done {
			return err
		}
	}
	rq.tenant, rq.W, rq.R = nil, w, r
	rq.passed()
	if rq.walker != nil {
		rq.walker.Through(&rq.Exchange)
	}
	if !rq.search.allow.Empty() && t.mismatch == chiproxy.AnswerMismatch {
		return rq.answer405()
	}
	if rq.bypasses() {
		rq.Becomes(telemetry.NotFound)
		return caddyhttp.Error(http.StatusNotFound, errBypass)
	}
	return rq.Onward()
}

// answer405 answers 405 for a path that is known for other methods.
func (rq *request) answer405() error {
	rq.Becomes(telemetry.Method)
	rq.share(rq.search.shares)
	rq.W.Header().Set("Allow", rq.search.allow.String())
	return caddyhttp.Error(http.StatusMethodNotAllowed, fmt.Errorf("no route for method %s; the path has %s", rq.R.Method, &rq.search.allow))
}

// ask looks for the request's route in one tenant and performs it.
func (rq *request) ask(t *tenant) (v chiproxy.Verdict, err error) {
	rq.tenant = t
	if t.spec.BoundPlaceholders {
		expansion.Bound(rq.R)
	}
	rq.path = t.within(rq.fullPath)
	if !rq.affords(t, len(rq.path)) {
		return chiproxy.Done, rq.tooLong(t)
	}
	rq.search.path = false
	rq.gates = rq.gates[:0]
	v = chiproxy.Declined
	var s steps // not in the head of the loop, which would copy it at each turn
	s.begin(t, rq.host, rq.path, &rq.match)
	for err == nil && v == chiproxy.Declined {
		more, failed := rq.next(t, &s)
		if failed != nil {
			v, err = rq.settled(chiproxy.Done, failed, t.base.scope)
			break
		}
		if !more {
			break
		}
		v, err = rq.take(&s)
	}
	if rq.Held() {
		rq.Leave(err)
	}
	if v == chiproxy.Done || err != nil {
		rq.taken(t)
	}
	rq.chosen = nil
	return v, err
}

// next goes to the next step in a tenant.
func (rq *request) next(t *tenant, s *steps) (more bool, err error) {
	if !t.costs(len(rq.path)) { // mostly: no function is made
		return s.next(), nil
	}
	err = rq.searches(t, len(rq.path), func() { more = s.next() })
	return more, err
}

// tooLong is the error for a request with a path that a tenant cannot search for.
func (rq *request) tooLong(t *tenant) error {
	rq.unsearched = t
	return caddyhttp.Error(http.StatusRequestURITooLong, fmt.Errorf("the path has %d bytes, and the regular expressions in the patterns of tenant %q %d instructions: "+
		"the request would cost %d steps; expected at most %d", len(rq.path), t.name, t.steps, rq.steps, t.spec.Patterns.Steps))
}

// take takes one step: it tries the routes of an entry, or what the layer says when none of its routes takes the request.
func (rq *request) take(s *steps) (chiproxy.Verdict, error) {
	if s.first {
		rq.search.here, rq.at, rq.entry = nil, s.layer, nil
		if s.entry != nil { // the path is looked up before guards are asked
			if open, v, err := rq.pass(s.layer); !open {
				s.skip()
				return v, err
			}
		}
	}
	switch {
	case s.entry == nil && s.layer == rq.tenant.base:
		return rq.fallBack()
	case s.entry == nil:
		return rq.missedLayer(s.layer)
	}
	rq.entry = s.entry
	if v, err := rq.tryEntry(s.entry); err != nil || v == chiproxy.Done || s.entry.miss == nil {
		return v, err
	}
	return rq.leave(s.entry.miss)
}

// fallBack tries the tenant's actions for requests that no route matches.
func (rq *request) fallBack() (chiproxy.Verdict, error) {
	t := rq.tenant
	if (*pathmux.Methods)(nil).Has(rq.method) {
		for i, fallback := range t.fallbacks {
			rq.chosen, rq.entry = nil, nil
			if rq.walksAround(t.base.scope) {
				return chiproxy.Done, errAround
			}
			rq.begins(t.turn(&t.fallbacks[i]))
			if v, err := rq.perform(t.base.scope.middleware, fallback, t.base.scope, true); err != nil || v == chiproxy.Done {
				return v, err
			}
		}
	}
	return rq.missed(t.base.scope, rq.search.path)
}

// missedLayer answers if no route of a layer took the request.
func (rq *request) missedLayer(l *layer) (chiproxy.Verdict, error) {
	known := rq.search.here != nil
	if l.scope.notFound == nil && (l.scope.notAllowed == nil || !known) {
		return chiproxy.Declined, nil
	}
	if open, v, err := rq.pass(l); !open {
		return v, err
	}
	return rq.missed(l.scope, known)
}

// missed answers if no route of a scope took the request: with its not_found or, if known says that one has the path for another method,
// method_not_allowed.
func (rq *request) missed(s *scope, known bool) (chiproxy.Verdict, error) {
	rq.chosen, rq.entry = nil, nil
	if !known || rq.table.mismatch == chiproxy.DeclineMismatch {
		return rq.say(s, s.notFound)
	}
	a := s.notAllowed
	if here := rq.search.here; here != nil && here.owner == s.owner {
		a = here.notAllowed // a group's
	}
	if a != nil {
		rq.W.Header().Set("Allow", rq.search.allow.String())
		return rq.say(s, a)
	}
	return rq.say(s, s.refused)
}

// say performs the answer of a scope, which may be nil.
func (rq *request) say(s *scope, a *answer) (chiproxy.Verdict, error) {
	if a == nil {
		return chiproxy.Declined, nil
	}
	rq.begins(Turn{Kind: TurnMissed, scope: s})
	return rq.give(s, a)
}

// give performs an answer of a scope.
func (rq *request) give(s *scope, a *answer) (chiproxy.Verdict, error) {
	if rq.walker != nil {
		rq.walker.Says(&rq.Exchange, a.saying())
	}
	if a.kind != nil {
		rq.Becomes(a.kind.outcome)
	}
	if rq.walksAround(s) {
		return chiproxy.Done, errAround
	}
	action := a.action
	if a == s.refused {
		action = refuse{rq}
	}
	return rq.perform(a.middleware, action, a.at(s), true)
}

// leave ends the search in an owner: its middleware runs, and then its answer, if it has one.
func (rq *request) leave(owner *scope) (chiproxy.Verdict, error) {
	known := rq.search.here != nil && rq.search.here.inside(owner)
	rq.chosen = nil
	rq.begins(Turn{Kind: TurnScope, scope: owner})
	a := owner.notFound
	if known && rq.table.mismatch == chiproxy.AnswerMismatch {
		a = owner.notAllowed
		if rq.search.here.owner == owner {
			a = rq.search.here.notAllowed // a group's
		}
		if a != nil {
			rq.W.Header().Set("Allow", rq.search.allow.String())
		} else {
			a = owner.refused
		}
	}
	switch {
	case a != nil:
		return rq.give(owner, a)
	case len(owner.middleware) > 0:
		if rq.walksAround(owner) {
			return chiproxy.Done, errAround
		}
		return rq.perform(owner.middleware, chiproxy.Decline{}, owner, true)
	}
	return chiproxy.Declined, nil
}

// refuse answers 405 inside the middleware of a scope. Those of a table are for no request yet.
type refuse struct{ rq *request }

// Describe says that it is an answer.
func (refuse) Describe() origin.Origin { return origin.Origin{Kind: "answer", Text: "405"} }

// Traits are those of an answer.
func (refuse) Traits() chiproxy.Traits {
	return chiproxy.Traits{Changes: true, Pure: true, Status: http.StatusMethodNotAllowed}
}

// Do answers with the methods that the request has met.
func (a refuse) Do(*chiproxy.Exchange) (chiproxy.Verdict, error) {
	return chiproxy.Done, a.rq.answer405()
}

// pass asks the guards of a layer and of those around it, each once per request.
func (rq *request) pass(l *layer) (open bool, v chiproxy.Verdict, err error) {
	for _, g := range l.gates {
		open, v, err := rq.openGate(g)
		if !open {
			return false, v, err
		}
	}
	return true, chiproxy.Declined, nil
}

// openGate asks the guards of one layer, unless they were asked before.
func (rq *request) openGate(g *gate) (open bool, v chiproxy.Verdict, err error) {
	for _, known := range rq.gates {
		if known.gate == g {
			return known.open, chiproxy.Declined, nil
		}
	}
	rq.chosen = nil
	rq.begins(g.turn())
	open, v, err = rq.allows(g.guards, g.scope)
	rq.gates = append(rq.gates, gateVerdict{g, open})
	return open, v, err
}

// tryEntry tries the routes of one shape.
func (rq *request) tryEntry(e *entry) (chiproxy.Verdict, error) {
	if e.index != nil && rq.preflight() == "" {
		return rq.tryIndexed(e)
	}
	for i := range e.routes {
		if v, err := rq.try(&e.routes[i], e); err != nil || v == chiproxy.Done {
			return v, err
		}
	}
	return chiproxy.Declined, nil
}

// try takes the route if it has the method and its guards allow.
func (rq *request) try(c *candidate, e *entry) (chiproxy.Verdict, error) {
	if !c.takes(rq.method, e) {
		rq.mismatched(c.methods, c.scope)
		return rq.answerPreflight(c, e)
	}
	rq.choose(c, e)
	if len(c.route.Guards) > 0 {
		if open, v, err := rq.allows(c.route.Guards, c.scope); !open {
			return v, err
		}
	}
	if rq.walksAround(c.scope) {
		return chiproxy.Done, errAround
	}
	if !c.restores && c.scope.failed == nil {
		action := c.action
		if rq.walker != nil {
			action = rq.walker.Action(&rq.Exchange, action)
		}
		v, err := action.Do(&rq.Exchange)
		if err == nil {
			return v, nil
		}
		v, err = rq.Settle(v, err)
		return rq.settled(v, err, c.scope)
	}
	return rq.perform(c.scope.middleware, c.action, c.scope, c.restores)
}

// choose makes a route the one that is tried.
func (rq *request) choose(c *candidate, e *entry) {
	rq.chosen = c
	rq.Anew()
	if rq.report != nil {
		rq.report.Tries(place{rq})
	}
	rq.begins(e.turn(c))
}

// mismatched notes routes that are in the scope and have the path, but not the method.
func (rq *request) mismatched(methods *pathmux.Methods, scope *scope) {
	s := &rq.search
	s.allow.Add(methods)
	s.path = true
	if s.shares == nil && scope.shares {
		s.shares = scope
	}
	if s.here == nil || s.here.owner != scope.owner {
		s.here, s.shape = scope, rq.entry
	} else if s.shape == rq.entry {
		s.here = s.here.common(scope)
	}
}
