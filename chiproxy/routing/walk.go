package routing

import (
	"iter"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
)

// TurnKind is the kind of a Turn.
type TurnKind int

// Kinds of turns.
const (
	TurnRoute    TurnKind = iota // a route
	TurnGuards                   // the guards of a layer
	TurnScope                    // a scope that owns a prefix, and that no route in it answers for
	TurnMissed                   // the answer of a tenant or a layer if no route matches
	TurnFallback                 // a tenant's action if no route matches
)

// Turn is something in a table that is tried for a request. Equal turns are the same thing.
type Turn struct {
	Kind     TurnKind
	entry    *entry
	route    *candidate
	gate     *gate
	scope    *scope
	fallback *chiproxy.Action
}

// Route returns the route, nil if the turn is not that of one.
func (t Turn) Route() *chiproxy.Route {
	if t.route == nil {
		return nil
	}
	return t.route.route
}

// Pattern returns the pattern of a route, or all that a scope owns, with the prefixes of the scopes around it. It is empty for what
// has none.
func (t Turn) Pattern() string {
	switch t.Kind {
	case TurnRoute:
		return t.route.pattern()
	case TurnScope:
		return t.scope.prefix + "/*"
	}
	return ""
}

// Methods returns the names of the methods of a route. None stands for all.
func (t Turn) Methods() []string { return t.route.methods.Names() }

// Joins reports whether two routes have patterns of the same shape.
func (t Turn) Joins(other Turn) bool { return t.entry != nil && t.entry == other.entry }

// Guards returns the guards of a route or a layer.
func (t Turn) Guards() []chiproxy.Guard {
	switch t.Kind {
	case TurnRoute:
		return t.route.route.Guards
	case TurnGuards:
		return t.gate.guards
	}
	return nil
}

// Action returns the action of a route or a fallback, with its names resolved; nil for all others.
func (t Turn) Action() chiproxy.Action {
	switch t.Kind {
	case TurnRoute:
		return t.route.action
	case TurnFallback:
		return *t.fallback
	}
	return nil
}

// Origin returns the place of the route, or of the scope that is asked.
func (t Turn) Origin() origin.Origin {
	if t.route != nil {
		return t.route.route.Origin
	}
	return t.scope.origin
}

// Saying returns the answer of a scope if no route matches, and whether it has one.
func (t Turn) Saying() (Saying, bool) {
	a := t.scope.notFound
	if a == nil && t.Kind == TurnMissed {
		a = t.scope.notAllowed
	}
	if a == nil {
		return Saying{}, false
	}
	return a.saying(), true
}

// Saying is an answer of a scope if no route matches.
type Saying struct {
	// Kind is not_found or method_not_allowed.
	Kind   string
	Action chiproxy.Action
	Origin origin.Origin
}

func (a *answer) saying() Saying { return Saying{a.kind.name, a.action, a.spec.Origin} }

// Part is what of a tenant is searched as a whole: a layer, or what stands in none. Parts can be compared.
type Part struct {
	tenant *tenant
	layer  *layer
}

// Tenant returns the name of the tenant, empty for the default tenant.
func (p Part) Tenant() string { return p.tenant.name }

// Origin returns the place of the layer. What stands in none has none.
func (p Part) Origin() origin.Origin {
	if p.layer == p.tenant.base {
		return origin.Origin{}
	}
	return p.layer.scope.origin
}

// Gates returns the guards of the layer and those of the layers around it, the outermost first.
func (p Part) Gates() []Turn {
	all := make([]Turn, len(p.layer.gates))
	for i, g := range p.layer.gates {
		all[i] = g.turn()
	}
	return all
}

func (g *gate) turn() Turn { return Turn{Kind: TurnGuards, gate: g, scope: g.scope} }

// Walker is a performer that is told where in a table the request is.
type Walker interface {
	chiproxy.Performer
	// Begin is told whose turn it is. Whatever was asked before has not answered.
	Begin(*chiproxy.Exchange, Turn)
	// Says is told which answer the scope gives whose turn it is.
	Says(*chiproxy.Exchange, Saying)
	// Through is told that nothing in the table has answered.
	Through(*chiproxy.Exchange)
}

// begins tells the walker whose turn it is, if there is one.
func (rq *request) begins(t Turn) {
	if rq.walker != nil {
		rq.walker.Begin(&rq.Exchange, t)
	}
}

// Walk is a request that goes through a table with a Walker of the caller's.
type Walk struct{ rq *request }

// Walk begins a walk. The request and the writer are as those of Serve. The caller runs it once, and ends it. The error is
// ErrRetired.
func (t *Table) Walk(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, walker Walker) (Walk, error) {
	rq, err := t.begin(w, r, next, walker)
	if err != nil {
		return Walk{}, err
	}
	rq.Show()
	return Walk{rq}, nil
}

// Run answers the request, as Table.Serve does.
func (w Walk) Run() error { return w.rq.serve() }

// End releases what the walk holds.
func (w Walk) End() { w.rq.end() }

// Takes reports whether a route is for the method of the request. The walk was run before.
func (w Walk) Takes(t Turn) bool { return t.route.takes(w.rq.method, t.entry) }

// Turns returns all turns of the request, also those that something before them has answered, in order, but those of the guards of
// layers. The walk was run before. Where the request itself was refused, there are those of the default tenant.
func (w Walk) Turns() iter.Seq2[Part, Turn] {
	rq := w.rq
	tenants := rq.tenants
	if len(tenants) == 0 {
		tenants = []ranked{{tenant: rq.table.base}}
	}
	return func(yield func(Part, Turn) bool) {
		var at pathmux.Match
		for _, t := range tenants {
			if t.tenant == rq.unsearched || !rq.turns(t.tenant, &at, yield) {
				return
			}
		}
	}
}

// turns yields the turns in one tenant, until yield returns false; then it does, too.
func (rq *request) turns(t *tenant, at *pathmux.Match, yield func(Part, Turn) bool) bool {
	var s steps
	s.begin(t, rq.host, t.within(rq.fullPath), at)
	for s.next() {
		for turn := range s.turns(t) {
			if !yield(Part{t, s.layer}, turn) {
				return false
			}
		}
	}
	return true
}

// turns returns the turns of one step in a tenant.
func (s *steps) turns(t *tenant) iter.Seq[Turn] {
	return func(yield func(Turn) bool) {
		if e := s.entry; e != nil {
			for i := range e.routes {
				if !yield(e.turn(&e.routes[i])) {
					return
				}
			}
			if e.miss != nil {
				yield(Turn{Kind: TurnScope, scope: e.miss})
			}
			return
		}
		if s.layer == t.base {
			for i := range t.fallbacks {
				if !yield(t.turn(&t.fallbacks[i])) {
					return
				}
			}
		}
		yield(Turn{Kind: TurnMissed, scope: s.layer.scope})
	}
}

func (e *entry) turn(c *candidate) Turn { return Turn{Kind: TurnRoute, entry: e, route: c} }

func (t *tenant) turn(fallback *chiproxy.Action) Turn {
	return Turn{Kind: TurnFallback, scope: t.base.scope, fallback: fallback}
}
