package chiproxy

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// mux finds the shapes that match a path, from the most to the least specific, in chi's own order.
//
// chi finds the first. Of what comes after it, chi's public interface tells nothing, so the shapes that others
// may pass a request on to are held once more, in level muxes: of two shapes that match one path, the later one is
// on a higher level. What comes after a shape is what the muxes of the levels above its own find first.
//
// chi holds each shape once and knows no methods of ours: it is asked for GET always.
type mux struct {
	all *chi.Mux
	// levels holds the shapes of level 1 and up, at their level less one.
	levels []*chi.Mux
	// entries are by chi's pattern.
	entries map[string]*entry
	// folded holds the shapes that differ in the form of urlpath.CaddyForm; nil when none does.
	folded *foldedMux
}

// entry is a shape of a mux.
type entry struct {
	// routes are in the order they are tried.
	routes []candidate
	// index narrows the routes of a long entry by their data guards; nil when it has none.
	index *guardIndex
	// miss is the owner whose request this is when no route takes it; nil outside owners.
	miss  *scope
	level int32
	// regexps has a bit for each of chi's parameters that is a regexp.
	regexps uint32
	// splits are the values of chi's that stand for several parts, the last one first.
	splits []split
	// head says that a route names HEAD, so that those for GET do not answer it.
	head bool
}

// candidate is one route of an entry.
type candidate struct {
	route *Route
	// action is the route's, with its names resolved.
	action Action
	scope  *scope
	*common
}

// common are what many candidates have in common; equal ones share them.
type common struct {
	methods *methodSet
	text    *text
	// restores says that the route may change the request and decline afterwards, so that it must be restored then.
	restores bool
}

// text is what a route's pattern says. Routes outside owners with the same names share one.
type text struct {
	// prefix is what the owners around the route own.
	prefix string
	// names are those of the parameters, in the order of their values.
	names []string
}

// takes says whether the candidate serves the method.
func (c *candidate) takes(method string, e *entry) bool {
	if c.methods.has(method) {
		return true
	}
	return method == http.MethodHead && !e.head && c.methods.has(http.MethodGet)
}

// first returns the most specific entry for a path, or nil. The values of its parameters are in rctx.
func (m *mux) first(rctx *chi.Context, path string) *entry {
	rctx.Reset()
	pattern := m.all.Find(rctx, http.MethodGet, path)
	if pattern == "" {
		return nil
	}
	e := m.entries[pattern]
	if e.regexps != 0 && stray(rctx, e.regexps) {
		return m.after(rctx, path, e)
	}
	if e.splits != nil {
		e.spread(rctx)
	}
	return e
}

// after returns the next less specific entry for a path that e matched, or nil.
func (m *mux) after(rctx *chi.Context, path string, e *entry) *entry {
	for level := int(e.level); level < len(m.levels); level++ {
		rctx.Reset()
		pattern := m.levels[level].Find(rctx, http.MethodGet, path)
		if pattern == "" {
			continue
		}
		if next := m.entries[pattern]; next.regexps == 0 || !stray(rctx, next.regexps) {
			if next.splits != nil {
				next.spread(rctx)
			}
			return next
		}
	}
	return nil
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

// nothing is the handler of every shape: chi wants one, and never calls it.
var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// insert adds a pattern to a chi mux. chi panics on a pattern it does not like.
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
func addLevel(levels *[]*chi.Mux, level int32, pattern string) error {
	if level == 0 {
		return nil
	}
	for len(*levels) < int(level) {
		*levels = append(*levels, chi.NewMux())
	}
	return insert((*levels)[level-1], pattern)
}
