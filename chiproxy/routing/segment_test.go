package routing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// segmentPatterns returns patterns of different shapes with text around parameters.
func segmentPatterns(rng *rand.Rand) []string {
	pieces := []string{"a", "b", "-", ".", "--", ".x", "-.", "ab", "{}", "{}", "{}", "{[ab]+}", "{.+}", "{.*}", "{a|b}", "{[ab.-]{2,3}}", "{^[a-]+$}"}
	seen := map[string]bool{}
	var out []string
	for range 6 + rng.IntN(20) {
		p, params := "", 0
		for range 1 + rng.IntN(2) {
			p += "/"
			last := ""
			for range 1 + rng.IntN(3) {
				piece := pick(rng, pieces...)
				if piece[0] != '{' {
					last = ""
				} else if last != "" {
					continue // text must stand between
				} else {
					params++
					last = piece
					piece = strings.Replace(piece, "{", fmt.Sprintf("{n%d:", params), 1)
					piece = strings.Replace(piece, ":}", "}", 1)
				}
				p += piece
			}
		}
		if rng.IntN(6) == 0 {
			p += "/*"
		}
		pattern, err := pathmux.Parse(p)
		if err != nil {
			continue // such as /-/./
		}
		if key := new(pathmux.Builder[string]).Shape(pattern).Key(); !seen[key] {
			seen[key] = true
			out = append(out, p)
		}
	}
	return out
}

// muxOf makes the mux of patterns each of which may pass a request on.
func muxOf(t *testing.T, patterns []string) *pathmux.Mux[string] {
	t.Helper()
	var b pathmux.Builder[string]
	for _, text := range patterns {
		p, err := pathmux.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		s := b.Shape(p)
		s.Draft, s.Wants = text, pathmux.EveryMethod()
	}
	m, err := pathmux.Build(&b, func(s *pathmux.Shape[string], e *string) { *e = s.Draft })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// matchesOf lists what a mux finds for a path, in order.
func matchesOf(m *pathmux.Mux[string], path string) (out []string) {
	var at pathmux.Match
	for e := m.First(&at, path); e != nil; e = m.Next(&at) {
		out = append(out, fmt.Sprintf("%s%q", *e, at.Values()))
	}
	return out
}

// TestSegmentsMatchAsTheModelSays compares which patterns with text around parameters match a path, in which order and with
// which values, with the model, which tries all ways to fill a segment.
func TestSegmentsMatchAsTheModelSays(t *testing.T) {
	t.Parallel()
	sets := 3000
	if testing.Short() {
		sets = 600
	}
	rng := testkit.Seeded(3, 9)
	matches, several := 0, 0
	for range sets {
		patterns := segmentPatterns(rng)
		if len(patterns) == 0 {
			continue
		}
		l := &refLayer{}
		for _, p := range patterns {
			l.add(p, &chiproxy.Route{Pattern: p}, nil, false)
		}
		m := muxOf(t, patterns)
		for range 20 {
			path := ""
			for range 1 + rng.IntN(3) {
				path += "/"
				for range 1 + rng.IntN(7) {
					path += pick(rng, "a", "b", "-", ".", "x", "a", "b")
				}
			}
			if !urlpath.IsClean(path) {
				continue
			}
			var want []string
			for _, forms := range l.found(path, false) {
				values, _ := refMatch(forms[0].pattern, path, false)
				want = append(want, fmt.Sprintf("%s%q", forms[0].pattern, values))
			}
			if got := matchesOf(m, path); !slices.Equal(got, want) {
				t.Fatalf("path %s\n patterns %q\n model %v\n ours  %v", path, patterns, want, got)
			}
			matches += len(want)
			if len(want) > 2 {
				several++
			}
		}
	}
	if matches < 2*sets || several < sets/4 {
		t.Errorf("only %d matches, %d paths with several", matches, several)
	}
	t.Logf("%d matches, %d paths with several", matches, several)
}
