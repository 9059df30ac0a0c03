package chiproxy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// muxDraft gathers the shapes of one layer while its scopes are walked.
type muxDraft struct {
	byKey map[string]*shapeDraft
	// shapes are in the order of their first routes, and in that of chi's registration once they are finished.
	shapes []*shapeDraft
	// owners are by the key of the prefix they own; where one scope stands at another's root, the inner one.
	owners map[string]*scope
}

// shapeDraft is a shape and what stands on it.
type shapeDraft struct {
	leveled
	// pattern is the first one written for the shape, as chi gets it.
	pattern string
	routes  []routeDraft
	miss    *scope
}

// routeDraft is a candidate on one shape.
type routeDraft struct {
	candidate
	// root says that the shape is the root of an owner and the pattern its catch-all, which is
	// less specific than the owner's own "/".
	root bool
}

func newMuxDraft() *muxDraft {
	return &muxDraft{byKey: map[string]*shapeDraft{}, owners: map[string]*scope{}}
}

// shape returns the shape of a pattern, a new one if need be.
func (d *muxDraft) shape(pattern string, tokens []token) *shapeDraft {
	tokens = forChi(tokens)
	key := shapeKey(pattern, tokens)
	s := d.byKey[key]
	if s == nil {
		s = &shapeDraft{leveled: leveled{tokens: tokens, key: key}, pattern: chiPattern(pattern, tokens)}
		d.byKey[key] = s
		d.shapes = append(d.shapes, s)
	}
	return s
}

// ownerOf returns the owner whose prefix a shape lies below, the innermost one, or nil.
func (d *muxDraft) ownerOf(key string) *scope {
	if len(d.owners) == 0 {
		return nil
	}
	for end := len(key); end >= 0; end = strings.LastIndexByte(key[:end], '/') {
		if o := d.owners[key[:end]]; o != nil {
			return o
		}
	}
	return nil
}

// ordered sorts the routes of a shape into the order in which they are tried.
func (s *shapeDraft) ordered() {
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
func (d *muxDraft) finish(b *builder) *mux {
	n := 0
	for _, s := range d.shapes {
		b.checkShape(d, s)
		n += len(s.routes)
	}
	if b.failed() {
		return nil
	}
	m := &mux{all: chi.NewMux(), entries: make(map[string]*entry, len(d.shapes))}
	b.setCovers(d.shapes)
	setLevels(leveledOf(d.shapes))
	// chi keeps the order in which it gets the regexps at one place of a pattern
	slices.SortStableFunc(d.shapes, func(a, b *shapeDraft) int { return strings.Compare(a.sort, b.sort) })
	// one allocation for all entries and one for all routes: there may be a hundred thousand
	entries := make([]entry, len(d.shapes))
	routes := make([]candidate, 0, n)
	for i, s := range d.shapes {
		e := &entries[i]
		start := len(routes)
		for _, r := range s.routes {
			routes = append(routes, r.candidate)
			e.head = e.head || r.methods.namesHead()
		}
		e.routes = routes[start:len(routes):len(routes)]
		e.index = newGuardIndex(e.routes)
		e.miss, e.level = s.miss, s.level
		e.regexps, e.splits = regexpSet(s.tokens), splitsOf(s.tokens)
		m.entries[s.pattern] = e
		if err := insert(m.all, s.pattern); err != nil {
			b.add(s.origin(), err)
			return nil
		}
		if err := addLevel(&m.levels, s.level, s.pattern); err != nil {
			b.add(s.origin(), err)
			return nil
		}
	}
	m.folded = fold(b, d.shapes)
	return m
}

// origin is where the shape was written first.
func (s *shapeDraft) origin() origin.Origin {
	if len(s.routes) > 0 {
		return s.routes[0].route.Origin
	}
	return s.miss.origin
}

func leveledOf(shapes []*shapeDraft) []*leveled {
	out := make([]*leveled, len(shapes))
	for i, s := range shapes {
		out[i] = &s.leveled
	}
	return out
}
