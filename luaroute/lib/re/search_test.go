package re

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	L := lua.NewState()
	defer L.Close()
	c := new(cache)
	for i := range 3 * maxKept {
		pattern{c, fmt.Sprint("x", i)}.program(L)
	}
	if len(c.programs) != maxKept || c.order.Len() != maxKept {
		t.Errorf("it has %d programs and %d places, want %d", len(c.programs), c.order.Len(), maxKept)
	}
	for i := range 100 {
		pattern{c, fmt.Sprintf(`\pL{100}%d`, i)}.program(L)
	}
	if c.size > maxKeptSize || c.size < maxKeptSize/2 {
		t.Errorf("its programs have %d bytes, want at most %d, and nearly as many", c.size, maxKeptSize)
	}
	for text := range c.programs {
		c.put(text, c.get(text))
	}
	size := 0
	for e := c.order.Front(); e != nil; e = e.Next() {
		size += e.Value.(*kept).program.size
	}
	if size != c.size {
		t.Errorf("its programs have %d bytes, it says %d", size, c.size)
	}
}

func TestTheCacheKeepsWhatWasUsedLast(t *testing.T) {
	t.Parallel()
	L := lua.NewState()
	defer L.Close()
	c := new(cache)
	often := pattern{c, "often"}.program(L)
	for i := range 2 * maxKept {
		pattern{c, fmt.Sprint("x", i)}.program(L)
		if got := (pattern{c, "often"}).program(L); got != often {
			t.Fatalf("it was forgotten after %d others", i)
		}
	}
	if c.get("x0") != nil {
		t.Error("it keeps what was not used for long")
	}
}

// walkAll returns all matches of a program, as package regexp does.
func walkAll(L *lua.LState, p *program, text string) (all [][]int) {
	w := start
	for found := w.next(L, p, text); found != nil; found = w.next(L, p, text) {
		all = append(all, found)
	}
	return all
}

// FuzzMatchesAreThoseOfPackageRegexp searches in strings, and as if each text was a long one.
func FuzzMatchesAreThoseOfPackageRegexp(f *testing.F) {
	for _, seed := range [][2]string{
		{`b*`, "abc"},
		{`^a|b$`, "aab"},
		{`\b\w`, "foo bar é\xffx"},
		{`(?m)^(.*)$`, "a\nb\n\nc"},
		{`(?i)(?P<x>A)|\B`, "aaa"},
		{``, "äö"},
		{`\Qa|(`, "a|("},
		{`(a)?(b)?`, "abba"},
		{`a.*z|a`, "aaaz a"},
		{`(?U)a+\z`, "aaa"},
		{`(?s).\A`, "ab"},
		{`[^\x00-\x{10FFFF}]`, "x"},
		{`abc`, "ab abcabc"},
		{`(?:^|,)(\d+)`, "1,2,3"},
		{"\\C\n", "x"},
		{`\b`, "a b"},
		{`x{2,3}\b.`, "xxx xx."},
	} {
		f.Add(seed[0], seed[1])
	}
	L := lua.NewState()
	f.Cleanup(L.Close)
	f.Fuzz(func(t *testing.T, expr, text string) {
		if len(text) > 1000 {
			return
		}
		p, err := compile(expr)
		re, stdErr := regexp.Compile(expr)
		if err == nil && p.cost*len(text)*len(text) > 1e7 { // takes too long
			return
		}
		if err != nil {
			if stdErr == nil && !strings.Contains(err.Error(), "; allowed are ") {
				t.Fatalf("%q: we say %v, regexp compiles it", expr, err)
			}
			return
		}
		want := re.FindAllStringSubmatchIndex(text, -1)
		if got := walkAll(L, p, text); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q in %q: got %v, want %v", expr, text, got, want)
		}
		p.cost += atOnce + 1
		if got := walkAll(L, p, text); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q in %q, read: got %v, want %v", expr, text, got, want)
		}
	})
}
