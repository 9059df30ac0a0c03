package chiproxy

import (
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
)

// maxUnasked is how many candidates of one shape are listed that were not asked.
const maxUnasked = 20

// candidateList lists the candidates of a request in the order in which serving tries them, and tells what came of each.
type candidateList struct {
	*trace
	ex     *Exchange
	at     pathmux.Match
	tenant *tenant
	layer  *layer // nil for the base
	// over says that what follows was not reached, shut that a guard of the layer that is listed said no.
	over, shut bool
	gates      []explain.Check
}

// list adds the candidates to the decision.
func (t *trace) list(ex *Exchange) {
	l := &candidateList{trace: t, ex: ex}
	if len(ex.tenants) == 0 { // the request was refused before
		ex.tenants = append(ex.tenants, ranked{tenant: ex.table.base})
	}
	for _, tn := range ex.tenants {
		l.ask(tn.tenant)
	}
}

func (l *candidateList) ask(t *tenant) {
	l.tenant = t
	for s := t.steps(l.ex.host, t.within(l.ex.fullPath), &l.at); s.next(); {
		if s.first {
			l.enter(s.layer)
		}
		switch {
		case s.entry != nil:
			l.entry(s.entry)
		case s.layer != t.base:
			l.missed(s.layer.scope)
			l.leave()
		default:
			for i, fallback := range t.fallbacks {
				at := originOf(fallback, t.base.scope.origin)
				l.scopeAnswer(explain.Candidate{Kind: fallbackKind(fallback), At: at.String(), Action: describe(fallback)}, l.attempts[scopeAnswer{t.base.scope, fallbackKind(fallback), i}])
			}
			l.missed(t.base.scope)
		}
	}
}

// enter gathers what the guards of a layer have said.
func (l *candidateList) enter(layer *layer) {
	l.layer, l.gates, l.shut = layer, nil, false
	if layer == l.tenant.base {
		l.layer = nil
	}
	for _, g := range layer.gates {
		a := l.attempts[g]
		checks := checksOf(g.guards, a)
		for i := range checks {
			checks[i].Layer = true
		}
		l.gates = append(l.gates, checks...)
		l.shut = l.shut || a != nil && a.denied
	}
}

// leave notes that a guard of the layer has ended the search.
func (l *candidateList) leave() {
	for _, g := range l.layer.gates {
		l.over = l.over || l.last != nil && l.attempts[g] == l.last
	}
	l.shut = false
}

// entry lists the routes of an entry, and the answer of the owner that the search ends in.
func (l *candidateList) entry(e *entry) {
	unasked := 0
	for i := range e.routes {
		c := &e.routes[i]
		if l.attempts[c] == nil {
			if unasked++; unasked > maxUnasked {
				l.decision.Omitted++
				continue
			}
		}
		l.route(c, e)
	}
	if e.miss != nil {
		l.answer(scopeAnswer{e.miss, explain.KindScope, 0}, e.miss.prefix+"/*", e.miss.notFound)
	}
}

// route lists a route.
func (l *candidateList) route(c *candidate, e *entry) {
	a := l.attempts[c]
	out := explain.Candidate{
		Kind: explain.KindRoute, Route: c.route.Name, Pattern: c.pattern(), At: c.route.Origin.String(),
		Guards: slices.Concat(l.gates, checksOf(c.route.Guards, a)), Action: describe(c.action),
	}
	out.Methods = c.methods.Names()
	switch {
	case a != nil || l.over || l.shut:
		l.add(out, a)
		return
	case !c.takes(l.ex.method, e):
		out.Fate = explain.FateMethod
	default: // the index of data guards has left it out
		out.Fate = explain.FateGuard
		if own := out.Guards[len(l.gates):]; len(own) > 0 {
			own[0].Verdict = explain.CheckNo
		}
	}
	l.add(out, nil)
}

// missed lists what a scope says where no route answers, if it was asked or may say something.
func (l *candidateList) missed(p *scope) {
	if p.notFound == nil && p.notAllowed == nil && l.attempts[scopeAnswer{p, explain.KindMissed, 0}] == nil {
		return
	}
	a := p.notFound
	if a == nil {
		a = p.notAllowed
	}
	l.answer(scopeAnswer{p, explain.KindMissed, 0}, "", a)
}

// answer lists a scope that may say something where no route does. Where the search has passed it by, it had nothing to say.
func (l *candidateList) answer(o scopeAnswer, pattern string, may *answer) {
	c := explain.Candidate{Kind: o.kind, Pattern: pattern, At: o.scope.origin.String()}
	a := l.attempts[o]
	switch {
	case a != nil:
		c.Says = a.says
	case may != nil:
		c.Says, c.At, c.Action = may.kind.name, originOf(may.action, may.spec.Origin).String(), describe(may.action)
	}
	l.scopeAnswer(c, a)
}

// scopeAnswer lists what answers where no route does.
func (l *candidateList) scopeAnswer(c explain.Candidate, a *attempt) {
	if a == nil && !l.over {
		return
	}
	c.Guards = l.gates
	if a != nil && (a.action != "" || a.says != "") {
		c.At, c.Action = a.at.String(), a.action
	}
	l.add(c, a)
}

// add finds out what became of a candidate, and adds it.
func (l *candidateList) add(c explain.Candidate, a *attempt) {
	c.Tenant = l.tenant.name
	if l.layer != nil {
		c.Layer = l.layer.scope.origin.String()
	}
	switch {
	case a != nil:
		a.listed = true
		c.Middleware = a.steps
		c.Fate = l.fate(a)
		l.over = l.over || a == l.last
	case l.over:
		c.Fate = explain.FateUnasked
	case l.shut:
		c.Fate = explain.FateLayer
	}
	l.decision.Candidates = append(l.decision.Candidates, c)
}

// fate is what became of a candidate that was asked.
func (l *candidateList) fate(a *attempt) string {
	switch {
	case a == l.last && l.waits:
		return explain.FateDecides
	case a == l.last && l.decision.Err != nil:
		return explain.FateFailed
	case a == l.last:
		return explain.FateTaken
	case a.denied:
		return explain.FateGuard
	}
	return explain.FateDecline
}

// checksOf are what guards said, with those that were not asked.
func checksOf(guards []Guard, a *attempt) []explain.Check {
	var all []explain.Check
	if a != nil {
		all = slices.Clone(a.checks)
	}
	for _, g := range guards[len(all):] {
		all = append(all, checkOf(g, explain.CheckUnasked))
	}
	return all
}
