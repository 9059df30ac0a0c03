package explain

import (
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
)

// maxUnasked is how many candidates of one shape are listed that were not asked.
const maxUnasked = 20

// candidateList lists the candidates of a request, in the order in which serving tries them, with the fate of each.
type candidateList struct {
	*trace
	walk routing.Walk
	part routing.Part
	// over says that what follows was not reached, shut that a guard of the part that is listed said no.
	over, shut bool
	gates      []Check
	// shape is the route that was listed last, and unasked how many of its shape were not asked.
	shape   routing.Turn
	unasked int
}

// list adds the candidates to the decision.
func (t *trace) list(walk routing.Walk) {
	l := &candidateList{trace: t, walk: walk}
	for part, turn := range walk.Turns() {
		if part != l.part {
			l.enter(part)
		}
		switch turn.Kind {
		case routing.TurnRoute:
			l.route(turn)
		case routing.TurnFallback:
			l.fallback(turn)
		default:
			l.answer(turn)
		}
	}
}

// enter goes on to the next part: it notes whether a guard of the one before has ended the search, and gathers what those of the next
// one have said.
func (l *candidateList) enter(part routing.Part) {
	if l.part != (routing.Part{}) {
		for _, g := range l.part.Gates() {
			l.over = l.over || l.last != nil && l.attempts[g] == l.last
		}
	}
	l.part, l.gates, l.shut = part, nil, false
	for _, g := range part.Gates() {
		a := l.attempts[g]
		checks := checksOf(g.Guards(), a)
		for i := range checks {
			checks[i].Layer = true
		}
		l.gates = append(l.gates, checks...)
		l.shut = l.shut || a != nil && a.denied
	}
}

// route lists a route, unless there are too many of its shape that were not asked.
func (l *candidateList) route(turn routing.Turn) {
	if !turn.Joins(l.shape) {
		l.shape, l.unasked = turn, 0
	}
	a := l.attempts[turn]
	if a == nil {
		if l.unasked++; l.unasked > maxUnasked {
			l.decision.Omitted++
			return
		}
	}
	out := Candidate{
		Kind: KindRoute, Route: turn.Route().Name, Pattern: turn.Pattern(), Methods: turn.Methods(), At: turn.Origin().String(),
		Guards: slices.Concat(l.gates, checksOf(turn.Guards(), a)), Action: describe(turn.Action()),
	}
	switch {
	case a != nil || l.over || l.shut:
	case !l.walk.Takes(turn):
		out.Fate = FateMethod
	default: // the index of data guards has left it out
		out.Fate = FateGuard
		if own := out.Guards[len(l.gates):]; len(own) > 0 {
			own[0].Verdict = CheckNo
		}
	}
	l.add(out, a)
}

// fallback lists a tenant's action for requests that no route matches.
func (l *candidateList) fallback(turn routing.Turn) {
	a := turn.Action()
	kind := KindFallback
	if a.Traits().Forwards {
		kind = KindUsePool
	}
	l.scopeAnswer(Candidate{Kind: kind, At: originOf(a, turn.Origin()).String(), Action: describe(a)}, l.attempts[turn])
}

// answer lists a scope that may answer where no route matches.
func (l *candidateList) answer(turn routing.Turn) {
	c := Candidate{Kind: KindScope, Pattern: turn.Pattern(), At: turn.Origin().String()}
	a := l.attempts[turn]
	may, ok := turn.Saying()
	if turn.Kind == routing.TurnMissed {
		c.Kind = KindMissed
		if a == nil && !ok {
			return
		}
	}
	switch {
	case a != nil:
		c.Says = a.says
	case ok:
		c.Says, c.At, c.Action = may.Kind, originOf(may.Action, may.Origin).String(), describe(may.Action)
	}
	l.scopeAnswer(c, a)
}

// scopeAnswer lists an answer for requests that no route matches.
func (l *candidateList) scopeAnswer(c Candidate, a *attempt) {
	if a == nil && !l.over {
		return
	}
	c.Guards = l.gates
	if a != nil && (a.action != "" || a.says != "") {
		c.At, c.Action = a.at.String(), a.action
	}
	l.add(c, a)
}

// add finds the fate of a candidate, and adds it.
func (l *candidateList) add(c Candidate, a *attempt) {
	c.Tenant, c.Layer = l.part.Tenant(), l.part.Origin().String()
	switch {
	case a != nil:
		c.Middleware = a.all()
		c.Fate = l.fate(a)
		l.over = l.over || a == l.last
	case l.over:
		c.Fate = FateUnasked
	case l.shut:
		c.Fate = FateLayer
	}
	l.decision.Candidates = append(l.decision.Candidates, c)
}

// fate is the fate of a candidate that was tried.
func (l *candidateList) fate(a *attempt) string {
	switch {
	case a == l.last && l.waits:
		return FateDecides
	case a == l.last && l.decision.Err != nil:
		return FateFailed
	case a == l.last:
		return FateTaken
	case a.denied:
		return FateGuard
	}
	return FateDecline
}

// checksOf are what guards said, with those that were not asked.
func checksOf(guards []chiproxy.Guard, a *attempt) []Check {
	var all []Check
	if a != nil {
		all = slices.Clone(a.checks)
	}
	for _, g := range guards[len(all):] {
		all = append(all, checkOf(g, CheckUnasked))
	}
	return all
}
