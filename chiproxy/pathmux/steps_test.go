package pathmux

import (
	"fmt"
	"strings"
	"testing"
)

func TestStepsAreTheInstructionsThatOnePathMayMeet(t *testing.T) {
	t.Parallel()
	one := instructions(whole("[a-z]+x"))
	numbered := func(n int, pattern string) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf(pattern, i))
		}
		return all
	}
	for name, row := range map[string]struct {
		patterns []string
		want     int
	}{
		"no expressions":                      {[]string{"/", "/a/{b}/c", "/{x}", "/*"}, 0},
		"one":                                 {[]string{"/{a:[a-z]+x}"}, one},
		"one for many routes below it":        {numbered(100, "/{a:[a-z]+x}/%d"), one},
		"one for each of many texts":          {numbered(100, "/t%d/{a:[a-z]+x}"), one},
		"below texts of which one has more":   {[]string{"/a/{a:[a-z]+x}", "/b/{a:[a-z]+x}/{b:[a-z]+x}", "/bc/{a:[a-z]+x}"}, 2 * one},
		"below a parameter":                   {[]string{"/{u}/{a:[a-z]+x}", "/me/{a:[a-z]+x}"}, 3 * one}, // a path may try both, and finds the second after the first
		"two for one path":                    {[]string{"/{a:[a-z]+x}", "/{a:[a-z]+y}"}, 3 * one},
		"one below another":                   {[]string{"/{a:[a-z]+x}/{b:[a-z]+x}/{c:[a-z]+x}"}, 3 * one},
		"a segment with text":                 {[]string{"/{a}.pdf"}, instructions("^((?s:.*))\\.pdf$")},
		"values that an expression tells":     {[]string{"/{a:[a-z]+}-{b}"}, 2 * instructions("^((?:[a-z]+))-((?s:.+))$")},
		"parameters that chi tries twice":     {[]string{"/a{a}/b{b}/c{c}"}, 7},
		"and an expression behind them":       {[]string{"/a{a}/b{b}/c/{c:[a-z]+x}"}, 3 + 4*one},
		"more than an int of such parameters": {[]string{strings.Join(append(numbered(30, "/a{p%d}"), "/{x:[a-z]+x}"), "")}, maxSteps},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := stepsOf(t, row.patterns); got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
}

func stepsOf(t *testing.T, patterns []string) int {
	t.Helper()
	var b Builder[int]
	for _, text := range patterns {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		b.Shape(p)
	}
	if _, err := Build(&b, func(*Shape[int], *int) {}); err != nil {
		t.Fatal(err)
	}
	return Steps(&b)
}
