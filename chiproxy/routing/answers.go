package routing

import (
	"fmt"
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// answerKind is a kind of answers that scopes give if no route matches.
type answerKind struct {
	name string
	// outcome is what became of a request that it answers.
	outcome telemetry.Outcome
	of      func(*chiproxy.Scope) *chiproxy.Answer
	in      func(*scope) **answer
}

var (
	notFoundKind = &answerKind{
		"not_found", telemetry.NotFound,
		func(s *chiproxy.Scope) *chiproxy.Answer { return s.NotFound },
		func(s *scope) **answer { return &s.notFound },
	}
	notAllowedKind = &answerKind{
		"method_not_allowed", telemetry.Method,
		func(s *chiproxy.Scope) *chiproxy.Answer { return s.MethodNotAllowed },
		func(s *scope) **answer { return &s.notAllowed },
	}
)

// answerBuilder finds the answers of a tenant's scopes for requests that no route matches. Each is for the paths of its scope. Owners,
// layers and the root of the tenant have paths. A group has none of its own: its answer is for the owners in it and, as in chi, for the
// scope around it if that has none.
type answerBuilder struct {
	b     *builder
	pools *chiproxy.PoolScope
	// said are those that scopes declare, in order, and used those that may come to answer.
	said []*answer
	used map[*chiproxy.Answer]bool
	// around are the answers that stand in the way of those of groups, by the latter.
	around map[*chiproxy.Answer]*answer
}

// declare notes what a scope says itself.
func (x *answerBuilder) declare(s *scope, from *chiproxy.Scope, k *answerKind) {
	spec := k.of(from)
	if spec == nil {
		return
	}
	a := &answer{s.middleware, x.b.bind(spec.Action, nil, x.pools, spec.Origin), s, spec, k}
	*k.in(s) = a
	x.said = append(x.said, a)
}

// settle gives a scope that owns paths its answer of a kind, and the groups in it theirs. Inherited is what it says otherwise.
func (x *answerBuilder) settle(w *walked, k *answerKind, inherited *answer) {
	own := *k.in(w.scope)
	if own == nil {
		own = x.ofGroups(w, k)
	}
	if own == nil {
		own = inherited
	}
	x.give(w, k, own)
	x.use(*k.in(w.scope))
}

// ofGroups returns what the groups in a scope say for it.
func (x *answerBuilder) ofGroups(w *walked, k *answerKind) (found *answer) {
	for _, g := range w.groups {
		a := *k.in(g.scope)
		if a == nil {
			a = x.ofGroups(g, k)
		}
		switch {
		case a == nil:
		case found == nil:
			found = a
		default:
			x.use(a) // one error is enough
			x.b.add(a.spec.Origin, fmt.Errorf("%s is ambiguous: two groups of one scope have one, and a group owns no paths%s; declare it on the scope around them",
				k.name, found.spec.Origin.Earlier()))
		}
	}
	return found
}

// give sets what a scope says, and the groups in it if they say nothing themselves.
func (x *answerBuilder) give(w *walked, k *answerKind, a *answer) {
	own := k.in(w.scope)
	if *own == nil && a != nil {
		*own = a.from(w.scope)
	}
	for _, g := range w.groups {
		if said := *k.in(g.scope); said != nil && *own != nil {
			x.around[said.spec] = *own
		}
		x.give(g, k, *own)
	}
}

// from is the answer when another scope gives it. What stands around its declaration and not around that scope comes innermost.
func (a *answer) from(s *scope) *answer {
	extra := a.by.middleware[len(a.by.common(s).middleware):]
	own := *a
	own.middleware = s.middleware
	if len(extra) > 0 {
		own.middleware = slices.Concat(s.middleware, extra)
	}
	return &own
}

// use notes that an answer may come to be given.
func (x *answerBuilder) use(a *answer) {
	if a != nil {
		x.used[a.spec] = true
	}
}

// refuse gives a scope the 405 that it answers if it has only a notFound.
func (s *scope) refuse() {
	if s.notFound != nil {
		own := *s.notFound
		own.action = refuse{}
		s.refused = &own
	}
}

// check reports answers that are never given. Other errors may cause that.
func (x *answerBuilder) check() {
	if x.b.failed() {
		return
	}
	for _, a := range x.said {
		if x.used[a.spec] {
			continue
		}
		x.used[a.spec] = true // it may be mounted several times
		what := "a group owns no paths"
		if a.kind == notAllowedKind {
			what = "the group has no routes"
		}
		if by := x.around[a.spec]; by != nil {
			what += fmt.Sprintf(", and the scope around it has its own%s", whereElse(by.spec.Origin))
		}
		x.b.add(a.spec.Origin, fmt.Errorf("%s can never answer: %s", a.kind.name, what))
	}
}

// whereElse writes another place into an error.
func whereElse(o origin.Origin) string {
	if at := o.String(); at != "" {
		return " at " + at
	}
	return ""
}
