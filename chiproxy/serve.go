package chiproxy

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/expansion"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// search is what one request has found out while it was looking for its route.
type search struct {
	// allow are the methods of the routes that had the path for another method, in all tenants asked.
	allow pathmux.Allowed
	// here is the innermost scope that all such routes of one shape stand in: of the most specific shape in the layer that is
	// being searched, in its innermost owner.
	here  *scope
	shape *entry
	// path says that the tenant had such a route.
	path bool
}

// gateVerdict is what the guards of a layer said.
type gateVerdict struct {
	*gate
	open bool
}

// serve asks the tenants in order, and at last Caddy's next handler.
func (ex *Exchange) serve() error {
	t, r := ex.table, ex.R
	w := ex.W
	if err := checkTarget(r); err != nil {
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	if isServerWide(r.URL) {
		return ex.onward()
	}
	ex.method = routeMethod(r)
	ex.spelled = urlpath.Spelled(r.URL)
	ex.fullPath = urlpath.Clean(urlpath.Resolved(ex.spelled))
	ex.ambiguous = t.guards && urlpath.IsAmbiguous(ex.spelled, ex.fullPath)
	if t.hosts {
		if ex.host = host.Name(r.Host); ex.host == "" && r.Host != "" {
			return caddyhttp.Error(http.StatusBadRequest, fmt.Errorf("host %s: expected a name or an IP address, alone or with a port", field.Quote(r.Host)))
		}
	}
	ex.tenants = t.asks(t.index, ex.host, ex.fullPath, ex.tenants[:0])
	for _, tn := range ex.tenants {
		if v, err := ex.ask(tn.tenant); err != nil || v == Done {
			return err
		}
	}
	ex.tenant, ex.W, ex.R = nil, w, r
	ex.performer.Through(ex)
	if !ex.search.allow.Empty() && t.mismatch == AnswerMismatch {
		return ex.answer405()
	}
	if ex.bypasses() {
		return caddyhttp.Error(http.StatusNotFound, errBypass)
	}
	return ex.onward()
}

// answer405 answers that the path is known for other methods.
func (ex *Exchange) answer405() error {
	ex.W.Header().Set("Allow", ex.search.allow.String())
	return caddyhttp.Error(http.StatusMethodNotAllowed, fmt.Errorf("no route for method %s; the path has %s", ex.R.Method, &ex.search.allow))
}

// ask looks for the request's route in one tenant and performs it.
func (ex *Exchange) ask(t *tenant) (v Verdict, err error) {
	ex.tenant, ex.pools = t, t.pools
	if t.spec.BoundPlaceholders {
		expansion.Bound(ex.R)
	}
	ex.path = t.within(ex.fullPath)
	ex.search.path = false
	ex.gates = ex.gates[:0]
	v = Declined
	for s := t.steps(ex.host, ex.path, &ex.match); err == nil && v == Declined && s.next(); {
		v, err = ex.take(&s)
	}
	ex.finish(err)
	ex.chosen = nil
	ex.release()
	return v, err
}

// take takes one step: it tries the routes of an entry, or what the layer says when none of its routes takes the request.
func (ex *Exchange) take(s *steps) (Verdict, error) {
	if s.first {
		ex.search.here, ex.at, ex.entry = nil, s.layer, nil
		if s.entry != nil { // the path is looked up before guards are asked
			if open, v, err := ex.pass(s.layer); !open {
				s.skip()
				return v, err
			}
		}
	}
	switch {
	case s.entry == nil && s.layer == ex.tenant.base:
		return ex.fallBack()
	case s.entry == nil:
		return ex.missedLayer(s.layer)
	}
	ex.entry = s.entry
	if v, err := ex.tryEntry(s.entry); err != nil || v == Done || s.entry.miss == nil {
		return v, err
	}
	return ex.leave(s.entry.miss)
}

// fallBack tries what the tenant has for requests that no route takes.
func (ex *Exchange) fallBack() (Verdict, error) {
	t := ex.tenant
	if (*pathmux.Methods)(nil).Has(ex.method) {
		for i, fallback := range t.fallbacks {
			ex.chosen, ex.entry = nil, nil
			if ex.walksAround(t.base.scope) {
				return Done, errAround
			}
			ex.performer.Begin(ex, t.turn(&t.fallbacks[i]))
			if v, err := ex.perform(t.base.scope.middleware, fallback, t.base.scope, true); err != nil || v == Done {
				return v, err
			}
		}
	}
	return ex.missed(t.base.scope, ex.search.path)
}

// missedLayer says what a layer says when none of its routes takes the request.
func (ex *Exchange) missedLayer(l *layer) (Verdict, error) {
	known := ex.search.here != nil
	if l.scope.notFound == nil && (l.scope.notAllowed == nil || !known) {
		return Declined, nil
	}
	if open, v, err := ex.pass(l); !open {
		return v, err
	}
	return ex.missed(l.scope, known)
}

// missed says what a scope says when none of its routes takes the request. known says that one has the path for
// another method. A scope that would say "not found" says "method not allowed" then.
func (ex *Exchange) missed(p *scope, known bool) (Verdict, error) {
	ex.chosen, ex.entry = nil, nil
	if !known || ex.table.mismatch == DeclineMismatch {
		return ex.say(p, p.notFound)
	}
	a := p.notAllowed
	if here := ex.search.here; here != nil && here.owner == p.owner {
		a = here.notAllowed // a group's
	}
	if a != nil {
		ex.W.Header().Set("Allow", ex.search.allow.String())
		return ex.say(p, a)
	}
	return ex.say(p, p.refused)
}

// say performs the answer of a scope, which may be nil.
func (ex *Exchange) say(p *scope, a *answer) (Verdict, error) {
	if a == nil {
		return Declined, nil
	}
	ex.performer.Begin(ex, Turn{Kind: TurnMissed, scope: p})
	ex.performer.Says(ex, a.saying())
	if ex.walksAround(p) {
		return Done, errAround
	}
	return ex.perform(a.middleware, a.action, a.at(p), true)
}

// leave ends the search in an owner: its middleware runs, and then its answer, if it has one.
func (ex *Exchange) leave(owner *scope) (Verdict, error) {
	known := ex.search.here != nil && ex.search.here.inside(owner)
	ex.chosen = nil
	ex.performer.Begin(ex, Turn{Kind: TurnScope, scope: owner})
	a := owner.notFound
	if known && ex.table.mismatch == AnswerMismatch {
		a = owner.notAllowed
		if ex.search.here.owner == owner {
			a = ex.search.here.notAllowed // a group's
		}
		if a != nil {
			ex.W.Header().Set("Allow", ex.search.allow.String())
		} else {
			a = owner.refused
		}
	}
	switch {
	case a != nil:
		ex.performer.Says(ex, a.saying())
		if ex.walksAround(owner) {
			return Done, errAround
		}
		return ex.perform(a.middleware, a.action, a.at(owner), true)
	case len(owner.middleware) > 0:
		if ex.walksAround(owner) {
			return Done, errAround
		}
		return ex.perform(owner.middleware, Decline{}, owner, true)
	}
	return Declined, nil
}

// refuse answers 405 inside the middleware of an owner.
type refuse struct{}

// Describe says that it is an answer.
func (refuse) Describe() origin.Origin { return origin.Origin{Kind: "answer", Text: "405"} }

// Traits are those of an answer.
func (refuse) Traits() Traits {
	return Traits{Changes: true, Pure: true, Status: http.StatusMethodNotAllowed}
}

func (refuse) Do(ex *Exchange) (Verdict, error) { return Done, ex.answer405() }

// pass asks the guards of a layer and of those around it, each once per request.
func (ex *Exchange) pass(l *layer) (open bool, v Verdict, err error) {
	for _, g := range l.gates {
		open, v, err := ex.openGate(g)
		if !open {
			return false, v, err
		}
	}
	return true, Declined, nil
}

// openGate asks the guards of one layer, unless they were asked before.
func (ex *Exchange) openGate(g *gate) (open bool, v Verdict, err error) {
	for _, known := range ex.gates {
		if known.gate == g {
			return known.open, Declined, nil
		}
	}
	ex.chosen = nil
	ex.performer.Begin(ex, g.turn())
	open, v, err = ex.allows(g.guards, g.scope)
	ex.gates = append(ex.gates, gateVerdict{g, open})
	return open, v, err
}

// tryEntry tries the routes of one shape.
func (ex *Exchange) tryEntry(e *entry) (Verdict, error) {
	if e.index != nil {
		return ex.tryIndexed(e)
	}
	for i := range e.routes {
		if v, err := ex.try(&e.routes[i], e); err != nil || v == Done {
			return v, err
		}
	}
	return Declined, nil
}

// try takes the route if it has the method and its guards allow.
func (ex *Exchange) try(c *candidate, e *entry) (Verdict, error) {
	if !c.takes(ex.method, e) {
		ex.mismatched(c.methods, c.scope)
		return Declined, nil
	}
	ex.chosen = c
	ex.performer.Begin(ex, e.turn(c))
	if len(c.route.Guards) > 0 {
		if open, v, err := ex.allows(c.route.Guards, c.scope); !open {
			return v, err
		}
	}
	if ex.walksAround(c.scope) {
		return Done, errAround
	}
	if !c.restores && c.scope.failed == nil {
		v, err := ex.performer.Action(ex, c.action).Do(ex)
		if err == nil {
			return v, nil
		}
		if v, err = ex.settle(v, err); err != nil {
			return ex.failed(v, err, c.scope)
		}
		return v, nil
	}
	return ex.perform(c.scope.middleware, c.action, c.scope, c.restores)
}

// mismatched notes routes that stand in p and have the path, but not the method.
func (ex *Exchange) mismatched(methods *pathmux.Methods, p *scope) {
	s := &ex.search
	s.allow.Add(methods)
	s.path = true
	if s.here == nil || s.here.owner != p.owner {
		s.here, s.shape = p, ex.entry
	} else if s.shape == ex.entry {
		s.here = s.here.common(p)
	}
}
