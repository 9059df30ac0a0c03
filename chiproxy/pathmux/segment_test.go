package pathmux

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

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
		if m := found(muxOf(t, c.pattern), c.path); len(m) > 0 {
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
			for _, m := range found(muxOf(t, mixed...), path) {
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
		for _, s := range found(m, path) {
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
		all := found(m, "/"+strings.Repeat("-", 50_000)+end)
		if want := min(len(end), 1); len(all) != want {
			t.Errorf("%q: %d matches, want %d", end, len(all), want)
		}
	}
}

func TestSegmentsThatCannotBe(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"/{x}.y*":            "* must stand behind a slash in a segment with {x}",
		"/{x}.y*/":           "* is allowed only at the end",
		"/{x:a$|b}.y":        "{x}: ^, $ and \\b are not allowed inside an expression with text beside it",
		"/{x:\\bfoo\\b}.y":   "{x}: ^, $ and \\b are not allowed inside",
		"/{x}.{y:(?m:^)a}":   "{y}: ^, $ and \\b are not allowed inside",
		"/{x}\uFFFD":         "U+FFFD must not follow a parameter",
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
			if got := found(muxOf(t, before, c.pattern), c.path); len(got) != 1 || !strings.HasPrefix(got[0], c.pattern+"[") {
				t.Errorf("%s beside %s: %s has %v", c.pattern, before, c.path, got)
			}
		}
	}
}
