package routing

import (
	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// The order of matching is written here and nowhere else: Table.asks gives the tenants, steps what each of them has. Serving takes the
// steps, explaining lists them, and the searches for other spellings of a path follow them.

// asks appends the tenants to try for a host and path, in order: up to the first one that does not fall through, and then the default
// tenant.
func (t *Table) asks(x *tenantIndex, name, path string, into []ranked) []ranked {
	into = x.find(name, path, into)
	for i, tn := range into {
		if !tn.onward {
			into = into[:i+1]
			break
		}
	}
	return append(into, ranked{tenant: t.base})
}

// within returns the part of a path below the tenant's prefix.
func (t *tenant) within(path string) string {
	if t.prefix == "" {
		return path
	}
	path, _ = urlpath.Below(path, t.prefix)
	return path
}

// affords counts a search in a tenant for paths of so many bytes, and reports whether the request may cost so much. What it may not is
// refused: as one that nothing matches it would be led around what guards it.
func (rq *request) affords(t *tenant, bytes int) bool {
	if t.steps == 0 {
		return true
	}
	rq.steps += t.steps * int64(bytes)
	return rq.steps <= t.spec.Patterns.Steps
}

// searches calls a function that searches a tenant for paths of so many bytes, on the time of the tenant where that may take long.
func (rq *request) searches(t *tenant, bytes int, search func()) error {
	if t.costs(bytes) {
		return rq.Metered(t.spec.Patterns.Meter, chiproxy.Work{Origin: t.spec.Origin}, t, search)
	}
	search()
	return nil
}

// costs reports whether a search for paths of so many bytes may take so long that somebody counts it.
func (t *tenant) costs(bytes int) bool {
	return t.steps*int64(bytes) > chiproxy.FreeSteps && t.spec.Patterns.Meter != nil
}

// Describe says where the tenant was declared.
func (t *tenant) Describe() origin.Origin { return t.spec.Origin }

// steps walks what a tenant has for a path that lies in it, in the order in which it is asked: the layers of the host and then the base,
// and in each the entries of the patterns that match, the most specific one first, up to that of an owner. Each layer has one
// more step at its end, for what it says where no route answers. The zero value is ready to begin, and nothing is allocated.
type steps struct {
	layers cursor
	path   string
	match  *pathmux.Match
	// layer is the one of this step, and first says that it is the first step of it.
	layer *layer
	first bool
	// entry is the one of this step, nil at the end of the layer.
	entry *entry
	// over says that no more entries of the layer are wanted.
	over bool
}

// begin starts a walk of a tenant's steps for a host and a path. The values of parameters are in match.
func (s *steps) begin(t *tenant, name, path string, match *pathmux.Match) {
	s.layers.begin(t, name)
	s.path, s.match = path, match
}

// next goes to the next step, or returns false where there is none.
func (s *steps) next() bool {
	s.first = s.layer == nil || s.entry == nil
	switch {
	case s.first:
		if s.layer = s.layers.next(); s.layer == nil {
			return false
		}
		s.over = false
		s.entry = s.layer.mux.First(s.match, s.path)
	case s.over, s.entry.miss != nil:
		s.entry = nil
	default:
		s.entry = s.layer.mux.Next(s.match)
	}
	return true
}

// skip leaves out the entries of the layer that are left.
func (s *steps) skip() { s.over = true }
