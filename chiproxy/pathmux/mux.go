// Package pathmux finds the patterns that match a path, all of them, from the most to the least specific, in the order of a chi
// router. A Builder gathers patterns and makes a Mux of them; First and Next walk what it finds.
//
// chi finds the first. chi's public interface does not tell what comes after it, so the shapes that
// others may pass a request on to are also held in level muxes: of two shapes that match one path, the
// later one is on a higher level. What comes after a shape is what the muxes of the levels above its
// own find first.
//
// chi holds each shape once and does not know our methods: it is always asked for GET.
package pathmux

import (
	"fmt"
	"iter"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Mux holds an entry of type E for each shape: for all patterns that match the same paths. Any number of goroutines may use it.
type Mux[E any] struct {
	all *chi.Mux
	// levels holds the shapes of level 1 and up, at their level less one.
	levels []*chi.Mux
	// leaves are by chi's pattern.
	leaves map[string]*leaf[E]
	// caddy finds the patterns, as chi has them, of the shapes that urlpath.CaddyForm changes; nil if it changes none.
	caddy *Mux[[]string]
}

// leaf is a shape of a mux.
type leaf[E any] struct {
	entry E
	level int32
	// regexps has a bit for each of chi's parameters that is a regexp.
	regexps uint32
	// splits are the values of chi's that stand for several parts, the last one first.
	splits []split
}

// Match is where a search stands. The zero value is ready, and may be used again for another search: that costs no allocation.
type Match struct {
	rctx  chi.Context
	path  string
	level int32
	// used says that there was a search since the last Reset.
	used bool
}

// Values returns the values of the parameters of the pattern found, in its order. They are valid until the next search.
func (at *Match) Values() []string { return at.rctx.URLParams.Values }

// Pattern returns the pattern found, as chi has it: one that matches the same paths as what was parsed.
func (at *Match) Pattern() string { return at.rctx.RoutePatterns[0] }

// Reset forgets the search.
func (at *Match) Reset() {
	at.rctx.Reset()
	at.path, at.used = "", false
}

// First returns the entry of the most specific pattern that matches a path, or nil.
func (m *Mux[E]) First(at *Match, path string) *E {
	if at.used {
		at.rctx.Reset()
	}
	at.path, at.used = path, true
	pattern := m.all.Find(&at.rctx, http.MethodGet, path)
	if pattern == "" {
		return nil
	}
	l := m.leaves[pattern]
	at.level = l.level
	if l.regexps != 0 && stray(&at.rctx, l.regexps) {
		return m.Next(at)
	}
	if l.splits != nil {
		spread(l.splits, &at.rctx)
	}
	return &l.entry
}

// Next returns the entry of the next less specific pattern that matches the path of First, or nil.
func (m *Mux[E]) Next(at *Match) *E {
	for level := int(at.level); level < len(m.levels); level++ {
		at.rctx.Reset()
		pattern := m.levels[level].Find(&at.rctx, http.MethodGet, at.path)
		if pattern == "" {
			continue
		}
		l := m.leaves[pattern]
		if l.regexps != 0 && stray(&at.rctx, l.regexps) {
			continue
		}
		at.level = l.level
		if l.splits != nil {
			spread(l.splits, &at.rctx)
		}
		return &l.entry
	}
	return nil
}

// Entries are the entries of all shapes, in no order.
func (m *Mux[E]) Entries() iter.Seq[*E] {
	return func(yield func(*E) bool) {
		for _, l := range m.leaves {
			if !yield(&l.entry) {
				return
			}
		}
	}
}

// stray says that chi gave a regexp parameter an empty value, which it does not check: /a{x:[0-9]+}/b finds /a/b.
func stray(rctx *chi.Context, regexps uint32) bool {
	for i, v := range rctx.URLParams.Values {
		if regexps&(1<<i) != 0 && v == "" {
			return true
		}
	}
	return false
}

// newMux makes the mux of shapes. fill sets the entry of each.
func newMux[E any](shapes []*shape, fill func(i int, l *leaf[E])) (*Mux[E], error) {
	// chi keeps the order in which it gets the regexps at one place of a pattern
	order := setLevels(shapes)
	m := &Mux[E]{all: chi.NewMux(), leaves: make(map[string]*leaf[E], len(shapes))}
	leaves := make([]leaf[E], len(shapes)) // one allocation for all: there may be a hundred thousand
	for n, i := range order {
		s, l := shapes[i], &leaves[n]
		fill(i, l)
		l.level, l.regexps = s.level, regexpSet(s.tokens)
		m.leaves[s.pattern] = l
		if err := insert(m.all, s.pattern); err != nil {
			return nil, err
		}
		if err := m.addLevel(s.level, s.pattern); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// nothing is the handler of every shape: chi wants one, and never calls it.
var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// insert adds a pattern to a chi mux. chi panics on an invalid pattern.
func insert(m *chi.Mux, pattern string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("pattern %q: %v", pattern, p)
		}
	}()
	m.Method(http.MethodGet, pattern, nothing)
	return nil
}

// addLevel puts a pattern into the mux of its level, and grows the list up to there.
func (m *Mux[E]) addLevel(level int32, pattern string) error {
	if level == 0 {
		return nil
	}
	for len(m.levels) < int(level) {
		m.levels = append(m.levels, chi.NewMux())
	}
	return insert(m.levels[level-1], pattern)
}
