package routing

import (
	"cmp"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
)

// muxBuilder gathers the routes of one layer by their patterns while its scopes are walked.
type muxBuilder struct {
	pathmux.Builder[standing]
	// owners are by the key of the prefix they own; where one scope stands at another's root, the inner one.
	owners map[string]*scope
}

// shape is what matches the same paths in a layer, with what stands there.
type shape = pathmux.Shape[standing]

// standing is what stands on a shape.
type standing struct {
	routes []routeDraft
	miss   *scope
}

// routeDraft is a candidate on one shape.
type routeDraft struct {
	candidate
	// root says that the shape is the root of an owner and the pattern its catch-all, which is
	// less specific than the owner's own "/".
	root bool
}

func newMuxBuilder() *muxBuilder { return &muxBuilder{owners: map[string]*scope{}} }

// ownerOf returns the owner whose prefix a shape lies below, the innermost one, or nil.
func (d *muxBuilder) ownerOf(s *shape) *scope {
	if len(d.owners) == 0 {
		return nil
	}
	key := s.Pattern().Key()
	for end := len(key); end >= 0; end = strings.LastIndexByte(key[:end], '/') {
		if o := d.owners[key[:end]]; o != nil {
			return o
		}
	}
	return nil
}

// ordered sorts the routes of a shape into the order in which they are tried.
func (s *standing) ordered() {
	slices.SortStableFunc(s.routes, func(a, b routeDraft) int {
		return cmp.Or(compareBool(a.root, b.root), cmp.Compare(b.route.Priority, a.route.Priority))
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// finish checks the shapes and makes the mux. Problems go to the builder.
func (d *muxBuilder) finish(b *builder) *pathmux.Mux[entry] {
	n := 0
	for _, s := range d.Shapes() {
		b.work.Step()
		b.checkShape(d, s)
		n += len(s.Draft.routes)
	}
	if b.failed() {
		return nil
	}
	b.setCovers(d.Shapes())
	routes := make([]candidate, 0, n) // one allocation for all: there may be a hundred thousand
	var last *standing
	m, err := pathmux.Build(&d.Builder, func(s *shape, e *entry) {
		b.work.Step()
		last = &s.Draft
		start := len(routes)
		for _, r := range last.routes {
			routes = append(routes, r.candidate)
			e.head = e.head || r.methods.NamesHead()
		}
		e.routes = routes[start:len(routes):len(routes)]
		e.index = newGuardIndex(e.routes)
		e.miss = last.miss
	})
	if err != nil {
		b.add(last.origin(), err)
	}
	return m
}

// origin is where the shape was written first.
func (s *standing) origin() origin.Origin {
	if len(s.routes) > 0 {
		return s.routes[0].route.Origin
	}
	return s.miss.origin
}
