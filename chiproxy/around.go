package chiproxy

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

var errAround = caddyhttp.Error(http.StatusNotFound,
	errors.New("a server may read the path as one that something else in the table guards, such as an escaped slash as a slash"))

var errClimbs = caddyhttp.Error(http.StatusNotFound, errors.New("a server may read the path as one above the prefix that is taken off it"))

// walksAround reports whether the request, which something that stands in p is about to take, would come to something that is
// guarded and has not been asked, were its path read in another way. Who takes it may read it so.
func (ex *Exchange) walksAround(p *scope) bool {
	if !ex.ambiguous {
		return false
	}
	if len(ex.spelled) > urlpath.MaxAmbiguous {
		return true
	}
	if ex.readings == nil {
		ex.readings = urlpath.Readings(ex.spelled, ex.fullPath)
	}
	s := aroundSearch{ex: ex, taker: p}
	if ex.entry != nil {
		s.pattern = ex.tenant.prefix + ex.match.Pattern()
	}
	return slices.ContainsFunc(ex.readings, func(read urlpath.Reading) bool {
		s.path, s.strict = read.Path, read.Dots
		return s.run() == atGuard
	})
}

// aroundSearch follows another reading of a path through the table, up to where the request is.
type aroundSearch struct {
	ex   *Exchange
	at   pathmux.Match
	path string
	// strict says that dot segments have led to the path, and may have led past anything.
	strict bool
	// taker is the scope of what is about to take the request, pattern its pattern with the prefix of the tenant, empty where it
	// has none.
	taker   *scope
	pattern string
}

// arrival is where a path comes to.
type arrival int

const (
	nowhere arrival = iota
	// atGuard is something that is guarded and that the request has not been to.
	atGuard
	// atOpen is where the request is, or something that takes it and is not guarded.
	atOpen
)

func (s *aroundSearch) run() arrival {
	t := s.ex.table
	for _, tn := range t.asks(t.index, s.ex.host, s.path, nil) {
		if a := s.tenant(tn.tenant); a != nowhere {
			return a
		}
	}
	return nowhere
}

// tenant follows the path through a tenant: its layers, its routes, and what answers where it has none.
func (s *aroundSearch) tenant(t *tenant) arrival {
	for at := t.steps(s.ex.host, t.within(s.path), &s.at); at.next(); {
		if a := s.step(t, &at); a != nowhere {
			return a
		}
	}
	return nowhere
}

// step looks at one step.
func (s *aroundSearch) step(t *tenant, at *steps) arrival {
	here := t == s.ex.tenant && at.layer == s.ex.at && at.entry == s.ex.entry
	switch {
	case here:
		return atOpen
	case at.entry != nil && s.asked(t, at.layer, at.entry):
		return nowhere
	case at.entry != nil:
		return s.entry(at.entry, t.prefix+s.at.Pattern())
	case at.layer == t.base:
		for _, fallback := range t.fallbacks {
			if s.counts(t.base.scope, fallback, t.prefix+"/*") {
				return atGuard
			}
			if traitsOf(fallback).open() {
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
		if !c.takes(s.ex.method, e) {
			continue
		}
		if len(c.route.Guards) > 0 {
			if s.counts(c.scope, nil, pattern) {
				return atGuard
			}
			continue
		}
		if _, declines := c.action.(Decline); declines {
			continue
		}
		if s.counts(c.scope, c.action, pattern) {
			return atGuard
		}
		if !traitsOf(c.action).Declines {
			return atOpen
		}
	}
	if e.miss != nil && !s.taker.within(e.miss) && s.counts(e.miss, nil, pattern) {
		return atGuard
	}
	return nowhere
}

// answer looks at what a scope says where no route does.
func (s *aroundSearch) answer(t *tenant, p *scope) arrival {
	switch {
	case p.notFound == nil:
		return nowhere
	case s.counts(p.notFound.at(p), p.notFound.action, t.prefix+"/*"):
		return atGuard
	}
	return atOpen
}

// counts reports whether something that stands in p and does a (nil for what is not known) guards what the taker does not. What
// runs middleware that the taker does not run, or refuses, always does. What may be a guard, as all that is not open,
// does where dot segments lead to it, where it is more specific than the taker, or where the path has left the ground of the taker.
func (s *aroundSearch) counts(p *scope, a Action, pattern string) bool {
	if g := p.guarded(); g != nil && !s.taker.within(g) || traitsOf(a).refuses() {
		return true
	}
	if traitsOf(a).open() {
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
func (s *aroundSearch) asked(t *tenant, l *layer, e *entry) bool {
	ex := s.ex
	if !ex.cameBy(t, l) {
		return false
	}
	own := t.within(ex.fullPath)
	here := t == ex.tenant && l == ex.at
	var at pathmux.Match
	for o := l.mux.First(&at, own); o != nil; o = l.mux.Next(&at) {
		if here && o == ex.entry {
			return false
		}
		if o == e {
			return true
		}
	}
	return false
}

// cameBy reports whether a layer is the one that is being searched, or was searched before.
func (ex *Exchange) cameBy(t *tenant, l *layer) bool {
	if t == ex.tenant {
		if l == ex.at || ex.at == t.base {
			return true
		}
		for c := t.layersOf(ex.host); ; { // the order depends on the host
			if next := c.next(); next == l {
				return true
			} else if next == nil || next == ex.at {
				return false
			}
		}
	}
	if t == ex.table.base {
		return false
	}
	for _, r := range ex.tenants {
		if r.tenant == ex.tenant {
			return false
		}
		if r.tenant == t {
			return true
		}
	}
	return false
}

// guarded returns the innermost scope around p, or p itself, that has middleware of its own, or nil.
func (p *scope) guarded() *scope {
	for ; p != nil; p = p.outer {
		around := 0
		if p.outer != nil {
			around = len(p.outer.middleware)
		}
		if len(p.middleware) > around {
			return p
		}
	}
	return nil
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
			return len(c.route.Guards) > 0 || !traitsOf(c.action).open() || c.scope.guarded() != nil
		}) {
			return true
		}
	}
	return false
}

// guards reports whether something in the tenant may be walked around.
func (t *tenant) guards() bool {
	return t.base.guards() || slices.ContainsFunc(t.layers.all, (*layer).guards) ||
		slices.ContainsFunc(t.fallbacks, func(a Action) bool { return !traitsOf(a).open() })
}
