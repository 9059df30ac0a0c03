package script

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// placed is the place before a message, as a regular expression.
var placed = regexp.MustCompile(`^([^\n]+?):(\d+): ?`)

func TestThePlaceOfAMessageIsWhatTheRegularExpressionFinds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{":", "1", "23", ": ", " ", "\n", "main.lua", "a", ":7: ", "::", "é", ""}
	found := 0
	for range 100_000 {
		var text strings.Builder
		for range random.IntN(8) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		name, line, rest, ok := cutPlace(text.String())
		var want [3]string
		m := placed.FindStringSubmatch(text.String())
		if want[2] = text.String(); m != nil {
			found++
			want = [3]string{m[1], m[2], text.String()[len(m[0]):]}
		}
		if got := [3]string{name, line, rest}; got != want || ok != (m != nil) {
			t.Fatalf("%q: got %q, %t; want %q", text.String(), got, ok, want)
		}
	}
	if found < 10_000 {
		t.Errorf("only %d texts had a place", found)
	}
}

// TestAMessageThatIsLongCostsLittle raises what no budget counts: the longest messages that are looked at, in shapes that take long.
func TestAMessageThatIsLongCostsLittle(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"x", ":", "1", ":1", "a:1", "a.lua:1", "a.lua:1: "} {
		text := strings.Repeat(piece, maxMessage/len(piece))
		took := testkit.Ran(func() {
			for range 20 {
				split(text, "")
			}
		})
		if took > 400*time.Millisecond {
			t.Errorf("%q took %v, 20 times", piece, took)
		}
	}
}
