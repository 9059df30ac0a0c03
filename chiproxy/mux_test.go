package chiproxy

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/go-chi/chi/v5"

	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// muxOf builds the mux of guarded routes, each of which may decline.
func muxOf(t testing.TB, patterns ...string) *mux {
	t.Helper()
	items := make([]Item, len(patterns))
	for i, p := range patterns {
		items[i] = Item{Route: &Route{Pattern: p, Guards: []Guard{verdictGuard(true)}, Action: Decline{}}}
	}
	table, err := Build(Spec{Default: Tenant{Root: Scope{Items: items}}}, pool.NewSet(caddy.Context{}))
	if err != nil {
		t.Fatal(err)
	}
	return table.base.base.mux
}

type verdictGuard bool

func (g verdictGuard) Allow(*Exchange) (bool, error) { return bool(g), nil }

// match is a pattern and the values of its parameters.
type match struct {
	pattern string
	values  []string
}

func (m match) String() string { return fmt.Sprintf("%s%q", m.pattern, m.values) }

// matches lists what the mux finds for a path, in order.
func (m *mux) matches(path string) []string {
	var out []string
	rctx := chi.NewRouteContext()
	for e := m.first(rctx, path); e != nil; e = m.after(rctx, path, e) {
		out = append(out, match{e.routes[0].route.Pattern, rctx.URLParams.Values}.String())
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
		found := m.Find(rctx, http.MethodGet, path)
		if found == "" {
			return out
		}
		p := written[found]
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
			want, got := chiMatches(patterns, path), m.matches(path)
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
		if got := len(muxOf(t, c.pattern).matches(c.path)) > 0; got != c.ours {
			t.Errorf("%s: we say %v", name, got)
		}
	}
}
