package pathmux

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// muxOf makes the mux of patterns each of which may pass a request on.
func muxOf(t testing.TB, patterns ...string) *Mux[string] {
	t.Helper()
	return buildOf(t, patterns, func(*Shape[string]) {})
}

// buildOf makes the mux of patterns, with what set says of the methods of each.
func buildOf(t testing.TB, patterns []string, set func(*Shape[string])) *Mux[string] {
	t.Helper()
	var b Builder[string]
	for _, text := range patterns {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		s := b.Shape(p)
		s.Draft, s.Wants = text, EveryMethod()
		set(s)
	}
	m, err := Build(&b, func(s *Shape[string], e *string) { *e = s.Draft })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// match is a pattern and the values of its parameters.
type match struct {
	pattern string
	values  []string
}

func (m match) String() string { return fmt.Sprintf("%s%q", m.pattern, m.values) }

// found lists what a mux finds for a path, in order.
func found(m *Mux[string], path string) []string {
	var out []string
	var at Match
	for e := m.First(&at, path); e != nil; e = m.Next(&at) {
		out = append(out, match{*e, at.Values()}.String())
	}
	return out
}

// chiMatches lists what chi finds, in its own order: what it found is registered for another method, and chi is asked
// again. Values that a regexp does not stand for are left out.
func chiMatches(patterns []string, path string) []string {
	var out []string
	gone := map[string]bool{}
	written := map[string]string{}
	for {
		m := chi.NewMux()
		for _, p := range patterns {
			method := http.MethodGet
			if gone[p] {
				method = http.MethodPost
			}
			tokens, err := parsePattern(p)
			if err != nil {
				panic(err)
			}
			for i, t := range tokens {
				if t.kind == regexpToken {
					tokens[i].text = "(?:" + t.text + ")"
				}
			}
			anchored := render(tokens, true)
			written[anchored] = p
			m.Method(method, anchored, nothing)
		}
		rctx := chi.NewRouteContext()
		first := m.Find(rctx, http.MethodGet, path)
		if first == "" {
			return out
		}
		p := written[first]
		gone[p] = true
		if !strayValues(p, rctx.URLParams.Values) {
			out = append(out, match{p, rctx.URLParams.Values}.String())
		}
	}
}

func strayValues(pattern string, values []string) bool {
	tokens, _ := parsePattern(pattern)
	n := 0
	for _, t := range tokens {
		if t.kind == staticToken {
			continue
		}
		if t.kind == regexpToken && (values[n] == "" || strings.Contains(values[n], "/")) {
			return true
		}
		n++
	}
	return false
}

// randomPatterns returns patterns of different shapes over a small alphabet, so that many of them overlap.
func randomPatterns(rng *rand.Rand) []string {
	pieces := []string{
		"a", "b", "ab", "a-b", "{p}", "{p}", "{p:[ab]+}", "{p:a.*}", "{p:a|b}", "a{p}", "a-{p}", "a{p:[b-]*}",
	}
	seen := map[string]bool{}
	var out []string
	for range 2 + rng.IntN(14) {
		var parts []string
		params := 0
		for range 1 + rng.IntN(3) {
			piece := pieces[rng.IntN(len(pieces))]
			if strings.Contains(piece, "{p") {
				params++
				piece = strings.Replace(piece, "{p", fmt.Sprintf("{n%d", params), 1)
			}
			parts = append(parts, piece)
		}
		p := "/" + strings.Join(parts, "/")
		switch rng.IntN(8) {
		case 0, 1:
			p += "/*"
		case 2:
			p += "/"
		case 3:
			if !strings.HasSuffix(p, "}") {
				p += "*"
			}
		}
		if rng.IntN(40) == 0 {
			p = "/*"
		}
		tokens, err := parsePattern(p)
		if err != nil {
			panic(err)
		}
		if key := shapeKey(p, forChi(tokens)); !seen[key] {
			seen[key] = true
			out = append(out, p)
		}
	}
	return out
}

func randomPath(rng *rand.Rand) string {
	words := []string{"a", "b", "ab", "a-b", "b-a", "a.x", "ab.x", ".x", "-b", "c", "abb", "a-b.x", "b-", "bb-aa"}
	var parts []string
	for range 1 + rng.IntN(4) {
		parts = append(parts, words[rng.IntN(len(words))])
	}
	p := "/" + strings.Join(parts, "/")
	if rng.IntN(5) == 0 {
		p += "/"
	}
	return p
}

// widePatterns returns many patterns that share their beginnings, so that nodes have more children than are searched one
// by one.
func widePatterns(rng *rand.Rand) []string {
	families := []string{"/s%d-{p}", "/s%d-{p}/x", "/s%d", "/s%d/x", "/s%d-*", "/{p}/s%d-{q}", "/{p}/s%d", "/s%d-{p:[0-9]+}", "/x/s%d-{p}", "/{p:s%d.*}"}
	chosen := families[:0:0]
	for range 2 + rng.IntN(3) {
		chosen = append(chosen, families[rng.IntN(len(families))])
	}
	seen := map[string]bool{}
	var out []string
	for range 60 {
		p := fmt.Sprintf(chosen[rng.IntN(len(chosen))], rng.IntN(40))
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return append(out, "/{p}", "/*")
}

func widePath(rng *rand.Rand) string {
	formats := []string{"/s%d-7", "/s%d-7/x", "/s%d", "/s%d/x", "/x/s%d-a", "/x/s%d", "/s1-s%d", "/s%d-a.y"}
	return fmt.Sprintf(formats[rng.IntN(len(formats))], rng.IntN(40))
}

// TestEveryMatchComesInChisOrder compares what follows when a route declines with chi itself, which is asked again and
// again without what it found before.
func TestEveryMatchComesInChisOrder(t *testing.T) {
	t.Parallel()
	sets := 3000
	if testing.Short() {
		sets = 300
	}
	rng := testkit.Seeded(1, 2)
	lookups, deepest, most := 0, 0, 0
	for set := range sets {
		patterns, pathOf := randomPatterns(rng), randomPath
		if set%60 == 0 {
			patterns, pathOf = widePatterns(rng), widePath
		}
		m := muxOf(t, patterns...)
		deepest = max(deepest, len(m.levels))
		for range 12 {
			path := pathOf(rng)
			want, got := chiMatches(patterns, path), found(m, path)
			lookups++
			most = max(most, len(want))
			if !slices.Equal(want, got) {
				t.Fatalf("path %s\n patterns %q\n chi  %v\n ours %v", path, patterns, want, got)
			}
		}
	}
	if most < 4 || deepest < 4 {
		t.Errorf("the longest run of matches is %d, the deepest level %d: the patterns overlap too little to show anything", most, deepest)
	}
	t.Logf("%d sets of patterns, %d lookups, up to %d matches for one path, up to %d levels", sets, lookups, most, deepest)
}

// TestWhereChiAloneWouldDiffer holds each case in which chi's answer is not ours, and how.
func TestWhereChiAloneWouldDiffer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pattern, path string
		chi, ours     bool
	}{
		"chi anchors only the outer alternatives of a regexp":         {"/{x:a|b}", "/ab", true, false},
		"chi gives an empty value to a regexp that does not match it": {"/f/{name:[a-z]+}.txt", "/f/.txt", true, false},
		"and before the next segment":                                 {"/f{name:[a-z]+}/x", "/f/x", true, false},
		"chi gives an empty value to a regexp that matches it, as we": {"/f/{name:[a-z]*}.txt", "/f/.txt", true, true},
		"chi ends a parameter at the first byte of what follows":      {"/f/{name}.pdf", "/f/q1.2026.pdf", false, true},
		"and a regexp":            {"/f/{name:.+}.pdf", "/f/q1.2026.pdf", false, true},
		"and each one of several": {"/f/{a}-{b}.txt", "/f/x-y.z-t.txt", false, true},
		"chi lets a regexp span segments if text follows it":          {"/{x:.+}-end", "/a/b-end", true, false},
		"chi matches an empty parameter if text follows it, as we do": {"/p/{x}-y", "/p/-y", true, true},
		"chi matches no empty parameter at the end, as we do":         {"/p/{x}", "/p/", false, false},
		"but before the next segment, as we do":                       {"/p{x}/y", "/p/y", true, true},
		"with text before it, too":                                    {"/p/{x}-{z}/y", "/p/x-/y", true, true},
		"nor the last one in a segment":                               {"/p/{x}-{y}", "/p/x-", false, false},
	} {
		raw := chi.NewMux()
		raw.Get(c.pattern, nothing)
		if got := raw.Find(chi.NewRouteContext(), http.MethodGet, c.path) != ""; got != c.chi {
			t.Errorf("%s: chi says %v", name, got)
		}
		if got := len(found(muxOf(t, c.pattern), c.path)) > 0; got != c.ours {
			t.Errorf("%s: we say %v", name, got)
		}
	}
}

// TestLevelsStayFewAndLoadingStaysLinear makes large muxes of shapes that look alike.
func TestLevelsStayFewAndLoadingStaysLinear(t *testing.T) {
	many := func(n int, format string) []string {
		patterns := make([]string, n)
		for i := range patterns {
			patterns[i] = fmt.Sprintf(format, i)
		}
		return patterns
	}
	const n = 20000
	for name, c := range map[string]struct {
		patterns []string
		levels   int
	}{
		"static patterns":                      {many(n, "/svc%d/a"), 0},
		"parameters":                           {many(n, "/svc%d/{id}"), 0},
		"parameters within segments":           {many(n, "/svc%d-{id}"), 0},
		"texts behind a parameter":             {many(n, "/{tenant}/svc%d"), 0},
		"segments behind a parameter":          {many(n, "/{tenant}/svc%d-{id}"), 0},
		"static patterns before parameters":    {slices.Concat(many(n, "/svc%d/a"), many(n, "/{tenant}/b%d")), 1},
		"parameters before parameters":         {slices.Concat(many(n, "/x/svc%d-{id}"), many(n, "/{tenant}/svc%d-{id}")), 1},
		"all of them before one for the rest":  {append(many(n, "/svc%d/{id}"), "/*"), 1},
		"catch-alls at the end of many texts":  {many(n, "/svc%d/*"), 0},
		"catch-alls within segments":           {many(n, "/svc%d-*"), 0},
		"parameters below many static parents": {slices.Concat(many(n, "/svc%d/{id}"), many(n, "/svc%d/{id}/x")), 0},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if got := len(muxOf(t, c.patterns...).levels); got != c.levels {
				t.Errorf("%d levels, want %d", got, c.levels)
			}
			t.Logf("%d patterns in %v", len(c.patterns), time.Since(start))
		})
	}
	get := Cover{}
	get.Add(NewMethods([]string{http.MethodGet}), false)
	m := buildOf(t, many(500, "/{id:x%d[0-9]+}"), func(s *Shape[string]) { s.Serves, s.Wants = &get, get })
	if got := len(m.levels); got != 0 {
		t.Errorf("%d levels of regexps that pass nothing on", got)
	}
}
