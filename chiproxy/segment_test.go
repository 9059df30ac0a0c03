package chiproxy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

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
		tokens, err := parsePattern(p)
		if err != nil {
			continue // such as /-/./
		}
		if key := shapeKey(p, forChi(tokens)); !seen[key] {
			seen[key] = true
			out = append(out, p)
		}
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
	found, several := 0, 0
	for range sets {
		patterns := segmentPatterns(rng)
		if len(patterns) == 0 {
			continue
		}
		l := &refLayer{}
		for _, p := range patterns {
			l.add(p, &Route{Pattern: p}, nil, false)
		}
		m := muxOf(t, patterns...)
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
				want = append(want, match{forms[0].pattern, values}.String())
			}
			if got := m.matches(path); !slices.Equal(got, want) {
				t.Fatalf("path %s\n patterns %q\n model %v\n ours  %v", path, patterns, want, got)
			}
			found += len(want)
			if len(want) > 2 {
				several++
			}
		}
	}
	if found < 2*sets || several < sets/4 {
		t.Errorf("only %d matches, %d paths with several", found, several)
	}
	t.Logf("%d matches, %d paths with several", found, several)
}

func TestParametersWithTextBehind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pattern, path, want string }{
		{"/{name}.pdf", "/q1.2026.pdf", `["q1.2026"]`},
		{"/{name}.pdf", "/.pdf.pdf", `[".pdf"]`},
		{"/{name:.+}.pdf", "/q1.2026.pdf", `["q1.2026"]`},
		{"/{name:.+}.pdf", "/q1/2026.pdf", ``},
		{"/{name:[0-9]{2,3}}.pdf", "/123.pdf", `["123"]`},
		{"/{name:^[0-9]+$}.pdf", "/123.pdf", `["123"]`},
		{"/{name}.tar.gz", "/a.tar.tar.gz", `["a.tar"]`},
		{"/{a}-{b}.txt", "/x-y-z.b.txt", `["x-y" "z.b"]`},
		{"/{a}-{b}", "/x-y-", `["x" "y-"]`},
		{"/{a}--{b}", "/x---y", `["x-" "y"]`},
		{"/{a:.*?}-{b}", "/x-y-z", `["x" "y-z"]`},
		{"/{y:[0-9]{4}}-{m:[0-9]{2}}.{rest}/{z}", "/2026-11.a.b/q", `["2026" "11" "a.b" "q"]`},
		{"/{y:(a|b)(c)}-{m:(d)+}/*", "/bc-dd/e/f", `["bc" "dd" "e/f"]`},
		{"/v{a}.{b}/*", "/v1.2.3/x", `["1.2" "3" "x"]`},
		{"/{name}.pdf", "/a\nb.pdf", `["a\nb"]`},
		{"/{name}.pdf", "/\xff\xfe.pdf", `["\xff\xfe"]`},
		{"/{a}.{b}.pdf", "/\xe2\x82.\xac.pdf", `["\xe2\x82" "\xac"]`},
		{"/{name:a|b}.pdf", "/ab.pdf", ``},
		{"/{name:(?i)a}.pdf", "/A.PDF", ``},
		{"/{name:(?i)a}.pdf", "/A.pdf", `["A"]`},
	} {
		got := ""
		if m := muxOf(t, c.pattern).matches(c.path); len(m) > 0 {
			got = strings.TrimPrefix(m[0], c.pattern)
		}
		if got != c.want {
			t.Errorf("%s on %q: got %s, want %s", c.pattern, c.path, got, c.want)
		}
	}
}

// TestMoreTextIsMoreSpecific holds sets in which one pattern matches less than the next one, however they are written.
func TestMoreTextIsMoreSpecific(t *testing.T) {
	t.Parallel()
	for path, patterns := range map[string][]string{
		"/a.tar.gz":  {"/a.tar.gz", "/a.{x}", "/{x:a.*}.gz", "/{x:.*}", "/{x}.tar.gz", "/{x}.gz", "/{x}", "/*"},
		"/x-y.z.txt": {"/{a}-{b}.{c}.txt", "/{a}-{b}.txt", "/{a}.txt", "/{a}-{b}", "/{a}"},
		"/x-7":       {"/{a:x}-{b:7}", "/{a:x}-{b}", "/{a}-{b:7}", "/{a}-{b}"},
	} {
		for range 20 {
			mixed := slices.Clone(patterns)
			rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			var got []string
			for _, m := range muxOf(t, mixed...).matches(path) {
				p, _, _ := strings.Cut(m, "[\"")
				got = append(got, strings.TrimSuffix(p, "[]"))
			}
			if !slices.Equal(got, patterns) {
				t.Fatalf("%s: got %q, want %q", path, got, patterns)
			}
		}
	}
}

func TestManySegmentsWithTextInOnePlaceKeepTheirOrder(t *testing.T) {
	t.Parallel()
	var patterns []string
	for i := range 60 {
		patterns = append(patterns, fmt.Sprintf("/{x}-s%d", i), fmt.Sprintf("/{x:t%d.*}", i))
	}
	patterns = append(patterns, "/{x}", "/{x:t.*}", "/{x:.*}-s1")
	m := muxOf(t, patterns...)
	for path, want := range map[string]string{
		"/q-s7":  `[/{x}-s7 /{x}]`,
		"/t7-s1": `[/{x:.*}-s1 /{x:t7.*} /{x:t.*} /{x}-s1 /{x}]`,
	} {
		var got []string
		for _, s := range m.matches(path) {
			p, _, _ := strings.Cut(s, "[\"")
			got = append(got, p)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: got %v, want %s", path, got, want)
		}
	}
}

// TestLongSegmentsCostWhatTheirLengthIs would not end if splitting went back and forth.
func TestLongSegmentsCostWhatTheirLengthIs(t *testing.T) {
	t.Parallel()
	m := muxOf(t, "/{a}-{b}-{c}-{d}-{e}.txt", "/{a:.+}-{b:.+}-{c:[^x]+}-{d:.+}.md", "/{a:(?:.+)+}-{b:(?:.*)*}.rst")
	for _, end := range []string{".txt", ".md", ".rst", ""} {
		found := m.matches("/" + strings.Repeat("-", 50_000) + end)
		if want := min(len(end), 1); len(found) != want {
			t.Errorf("%q: %d matches, want %d", end, len(found), want)
		}
	}
}

func TestSegmentsThatCannotBe(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"/{x}.y*":            "* must stand behind a slash in a segment with {x}",
		"/{x}.y*/":           "* may stand only at the end",
		"/{x:a$|b}.y":        "{x}: ^, $ and \\b must not stand inside of an expression that has text beside it",
		"/{x:\\bfoo\\b}.y":   "{x}: ^, $ and \\b must not stand inside",
		"/{x}.{y:(?m:^)a}":   "{y}: ^, $ and \\b must not stand inside",
		"/{x}\uFFFD":         "U+FFFD must not stand behind a parameter",
		"/{x:\\Qa}":          "missing closing )",
		"/{x:a)(b}":          "unexpected )",
		"/{x}.y/{z}-{w:[}-y": "missing closing ]",
	} {
		_, err := parsePattern(pattern)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", pattern, err, want)
		}
	}
}

func TestWhatChiGivesAnEmptyValueHidesNoOtherPattern(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"/b{n:[a-c]{2}}-/{m}", "/b{n:[a-c]+}/{m}", "/b{n:[a-c]+}.x/*"} {
		for _, c := range []struct{ pattern, path string }{
			{"/{n}b/{m}", "/b/x"}, {"/{n:b}/{m}", "/b/x"}, {"/{n}/{m}", "/b/x"}, {"/*", "/b/x"}, {"/b{n}/x", "/b/x"}, {"/{n}b/x/{m}", "/b/x/y"},
		} {
			if got := muxOf(t, before, c.pattern).matches(c.path); len(got) != 1 || !strings.HasPrefix(got[0], c.pattern+"[") {
				t.Errorf("%s beside %s: %s has %v", c.pattern, before, c.path, got)
			}
		}
	}
}
