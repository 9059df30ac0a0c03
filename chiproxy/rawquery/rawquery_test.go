package rawquery

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func pairs(raw string) string {
	var out []string
	Each(raw, func(name, value string) bool {
		out = append(out, fmt.Sprintf("%q=%q", name, value))
		return true
	})
	return strings.Join(out, " ")
}

func TestOnlyAnAmpersandEndsAPairAndWhatCannotBeDecodedStays(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":              ``,
		"a=1&b=2&a=3":   `"a"="1" "b"="2" "a"="3"`,
		"a=1;b=2":       `"a"="1;b=2"`,
		"x;y=1&a=1":     `"x;y"="1" "a"="1"`,
		"a=%zz":         `"a"="%zz"`,
		"a=%zz%41+%":    `"a"="%zzA %"`,
		"%=1&%4=2&%41=": `"%"="1" "%4"="2" "A"=""`,
		"a=%3B%26%3D":   `"a"=";&="`,
		"&&a&=v&a=b=c&": `"a"="" ""="v" "a"="b=c"`,
		"a=%00%ff":      `"a"="\x00\xff"`,
		"a=100%25":      `"a"="100%"`,
		"a=%2525":       `"a"="%25"`,
		"%61=%2":        `"a"="%2"`,
		"a%zz=1":        `"a%zz"="1"`,
		"a=%%41%4%4a":   `"a"="%A%4J"`,
	} {
		if got := pairs(raw); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}

func TestWhatNetURLReadsIsReadTheSame(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	well, ill := 0, 0
	for range 50_000 {
		var b strings.Builder
		for range rng.IntN(12) {
			b.WriteString([]string{"a", "b", "=", "&", "%41", "%2b", "+", "%26", ";", "%", "%zz", "é", "1"}[rng.IntN(13)])
		}
		raw := b.String()
		got := Parse(raw)
		want, err := url.ParseQuery(raw)
		if err == nil {
			well++
			if got.Encode() != want.Encode() {
				t.Fatalf("%q: got %v, want %v", raw, got, want)
			}
			continue
		}
		ill++
		for name, values := range want { // what net/url does not leave out
			for _, v := range values {
				if !strings.Contains(fmt.Sprintf("%q", got[name]), fmt.Sprintf("%q", v)) {
					t.Fatalf("%q: %s=%s is missing in %v", raw, name, v, got)
				}
			}
		}
		n := 0
		for pair := range strings.SplitSeq(raw, "&") {
			if pair != "" {
				n++
			}
		}
		for _, values := range got {
			n -= len(values)
		}
		if n != 0 {
			t.Fatalf("%q: %d pairs are missing in %v", raw, n, got)
		}
	}
	if well < 5000 || ill < 5000 {
		t.Errorf("%d well-formed and %d other queries: too few to show anything", well, ill)
	}
}

func TestAPlainQueryCostsNothing(t *testing.T) {
	if n := testkit.Allocs(100, func() { Each("a=1&b=2;c&page=7", func(string, string) bool { return true }) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOnlyAnEncodedQueryMayStandInARequestLine(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]bool{
		"": true, "a=%41;b&c=+": true, "a[]='~'": true,
		"a b": false, "a#": false, "a=\xc3\xa4": false, "a\n": false, "a\x7f": false, "a=%zz": false, "a=%4": false, "%": false,
	} {
		if err := Check(raw); (err == nil) != want {
			t.Errorf("%q: got %v", raw, err)
		}
	}
}
