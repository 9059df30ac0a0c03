package routing

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

var errAround = caddyhttp.Error(http.StatusNotFound,
	errors.New("a server may read the path as one that something else guards, for example %2F as a slash"))

// walksAround reports whether another reading of the path would lead the request, which something in the scope is about to take, to something
// guarded that was not asked. An upstream may read it so.
func (rq *request) walksAround(scope *scope) bool {
	return rq.ambiguous && rq.table.guards && rq.readsAround(scope)
}

// readsAround is walksAround for a path that others may read differently.
func (rq *request) readsAround(scope *scope) bool {
	if len(rq.spelled) > urlpath.MaxAmbiguous {
		return true
	}
	if rq.readings == nil {
		rq.readings = urlpath.Readings(rq.spelled, rq.fullPath)
	}
	s := aroundSearch{rq: rq, taker: scope}
	if rq.entry != nil {
		s.pattern = rq.tenant.prefix + rq.match.Pattern()
	}
	return slices.ContainsFunc(rq.readings, func(read urlpath.Reading) bool {
		s.path, s.strict = read.Path, read.Dots
		return s.run() == atGuard
	})
}

// aroundSearch follows another reading of a path through the table, up to where the request is.
type aroundSearch struct {
	rq   *request
	at   pathmux.Match
	path string
	// strict says that dot segments have led to the path, and may have led past anything.
	strict bool
	// taker is the scope of what is about to take the request, pattern its pattern with the prefix of the tenant, empty where it
	// has none.
	taker   *scope
	pattern string
}

// arrival is where a path leads.
type arrival int

const (
	nowhere arrival = iota
	// atGuard is something that is guarded and that the request has not been to.
	atGuard
	// atOpen is where the request is, or something that takes it and is not guarded.
	atOpen
)

func (s *aroundSearch) run() arrival {
	t := s.rq.table
	for _, tn := range t.asks(t.index, s.rq.host, s.path, nil) {
		if a := s.tenant(tn.tenant); a != nowhere {
			return a
		}
	}
	return nowhere
}

// tenant follows the path through a tenant: its layers, its routes, and what answers where it has none.
func (s *aroundSearch) tenant(t *tenant) arrival {
	path := t.within(s.path)
	if !s.rq.affords(t, len(path)) {
		return atGuard
	}
	var at steps
	at.begin(t, s.rq.host, path, &s.at)
	for {
		more := false
		if s.rq.searches(t, len(path), func() { more = at.next() }) != nil {
			return atGuard
		}
		if !more {
			return nowhere
		}
		if a := s.step(t, &at); a != nowhere {
			return a
		}
	}
}

// step looks at one step.
func (s *aroundSearch) step(t *tenant, at *steps) arrival {
	here := t == s.rq.tenant && at.layer == s.rq.at && at.entry == s.rq.entry
	switch {
	case here:
		return atOpen
	case at.entry != nil && !s.rq.affords(t, len(s.rq.fullPath)): // for asked
		return atGuard
	case at.entry != nil && s.asked(t, at.layer, at.entry):
		return nowhere
	case at.entry != nil:
		return s.entry(at.entry, t.prefix+s.at.Pattern())
	case at.layer == t.base:
		for _, fallback := range t.fallbacks {
			if s.counts(t.base.scope, fallback, t.prefix+"/*") {
				return atGuard
			}
			if chiproxy.TraitsOf(fallback).Open() {
				return atOpen
			}
		}
	}
	return s.answer(t, at.layer.scope)
}

// entry looks at the routes of a shape.
func (s *aroundSearch) entry(e *entry, pattern string) arrival {
	for i := range e.routes {
		c := &e.routes[i]
		if !c.takes(s.rq.method, e) {
			continue
		}
		if len(c.route.Guards) > 0 {
			if s.counts(c.scope, nil, pattern) {
				return atGuard
			}
			continue
		}
		if _, declines := c.action.(chiproxy.Decline); declines {
			continue
		}
		if s.counts(c.scope, c.action, pattern) {
			return atGuard
		}
		if !chiproxy.TraitsOf(c.action).Declines {
			return atOpen
		}
	}
	if e.miss != nil && !s.taker.within(e.miss) && s.counts(e.miss, nil, pattern) {
		return atGuard
	}
	return nowhere
}

// answer looks at what a scope says where no route does.
func (s *aroundSearch) answer(t *tenant, scope *scope) arrival {
	switch {
	case scope.notFound == nil:
		return nowhere
	case s.counts(scope.notFound.at(scope), scope.notFound.action, t.prefix+"/*"):
		return atGuard
	}
	return atOpen
}

// counts reports whether something that is in the scope and does a (nil for what is not known) guards what the taker does not. What
// runs middleware that the taker does not run, or refuses, always does. What may be a guard, as all that is not open,
// does where dot segments lead to it, where it is more specific than the taker, or where the path has left the ground of the taker.
func (s *aroundSearch) counts(scope *scope, a chiproxy.Action, pattern string) bool {
	if g := scope.guarded(len(s.rq.R.Header["Origin"]) > 0); g != nil && !s.taker.within(g) || chiproxy.TraitsOf(a).Refuses() {
		return true
	}
	if chiproxy.TraitsOf(a).Open() {
		return false
	}
	if s.strict || s.pattern == "" {
		return true
	}
	taker, err := pathmux.Parse(s.pattern)
	if err != nil || !strings.HasPrefix(s.path+"/", taker.Lead()) {
		return true
	}
	other, err := pathmux.Parse(pattern)
	return err != nil || other.Beats(taker)
}

// asked reports whether an entry had its turn already, with the path as we read it.
func (s *aroundSearch) asked(t *tenant, l *layer, e *entry) (asked bool) {
	if !s.rq.cameBy(t, l) {
		return false
	}
	own := t.within(s.rq.fullPath)
	failed := s.rq.searches(t, len(own), func() { asked = s.wasAsked(t, l, e, own) })
	return asked && failed == nil
}

func (s *aroundSearch) wasAsked(t *tenant, l *layer, e *entry, own string) bool {
	rq := s.rq
	here := t == rq.tenant && l == rq.at
	var at pathmux.Match
	for o := l.mux.First(&at, own); o != nil; o = l.mux.Next(&at) {
		if here && o == rq.entry {
			return false
		}
		if o == e {
			return true
		}
	}
	return false
}

// cameBy reports whether a layer is the one that is being searched, or was searched before.
func (rq *request) cameBy(t *tenant, l *layer) bool {
	if t == rq.tenant {
		if l == rq.at || rq.at == t.base {
			return true
		}
		var c cursor
		c.begin(t, rq.host)
		for { // the order depends on the host
			if next := c.next(); next == l {
				return true
			} else if next == nil || next == rq.at {
				return false
			}
		}
	}
	if t == rq.table.base {
		return false
	}
	for _, r := range rq.tenants {
		if r.tenant == rq.tenant {
			return false
		}
		if r.tenant == t {
			return true
		}
	}
	return false
}

// guarded returns the innermost scope around s, or s itself, that has middleware of its own which may guard something, or nil. Site says whether
// the request comes from a site.
func (s *scope) guarded(site bool) *scope {
	for ; s != nil; s = s.outer {
		around := 0
		if s.outer != nil {
			around = len(s.outer.middleware)
		}
		if len(s.middleware) > around && slices.ContainsFunc(s.middleware[around:], func(mw chiproxy.Middleware) bool { return mayGuard(mw, site) }) {
			return s
		}
	}
	return nil
}

// mayGuard reports whether middleware may keep something from a client.
func mayGuard(mw chiproxy.Middleware, site bool) bool {
	switch mw.Traits().Admits {
	case chiproxy.AdmitsAll:
		return false
	case chiproxy.AdmitsAllButSites:
		return site
	}
	return true
}

// guards reports whether something in the layer may be walked around.
func (l *layer) guards() bool {
	if l.mux == nil { // it failed to build
		return false
	}
	if l.scope.notFound != nil {
		return true
	}
	for e := range l.mux.Entries() {
		if e.miss != nil || slices.ContainsFunc(e.routes, func(c candidate) bool {
			return len(c.route.Guards) > 0 || !chiproxy.TraitsOf(c.action).Open() || c.scope.guarded(true) != nil
		}) {
			return true
		}
	}
	return false
}

// guards reports whether something in the tenant may be walked around.
func (t *tenant) guards() bool {
	return t.base.guards() || slices.ContainsFunc(t.layers.all, (*layer).guards) ||
		slices.ContainsFunc(t.fallbacks, func(a chiproxy.Action) bool { return !chiproxy.TraitsOf(a).Open() })
}
