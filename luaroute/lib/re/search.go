package re

import (
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// perStep is how many instructions of a program count as one step.
	perStep = 10
	// bytesPerStep is the same for bytes that are copied.
	bytesPerStep = 64
	// atOnce is how many instructions may run in a search that cannot be ended; they take half a millisecond.
	atOnce = 1 << 16
	// batch is how many steps of a search are counted at a time.
	batch = 500
)

// next returns the first match from a place on: the ends of the match and of its groups, as in package regexp,
// or nil. What precedes the place counts for ^ and \b.
func (p *program) next(L *lua.LState, text string, from int) []int {
	re, start := p.re, from
	switch {
	case from > 0 && p.behind != nil:
		_, width := utf8.DecodeLastRuneInString(text[:from])
		re, start = p.behind, from-width
	case p.literal != "":
		at := strings.Index(text[from:], p.literal)
		if at < 0 {
			vm.Spend(L, 1+(len(text)-from)/bytesPerStep)
			return nil
		}
		vm.Spend(L, at/bytesPerStep)
		start += at
	}
	found := p.search(L, re, text[start:])
	if found == nil {
		return nil
	}
	if re != p.re {
		found = found[2:] // the match is the first group of that program
	}
	for i := range found {
		if found[i] >= 0 {
			found[i] += start
		}
	}
	return found
}

// search returns the first match in a string. A search in a string cannot be interrupted, but one in a reader can, whenever it
// reads: so long strings are read through a reader, which takes about as long.
func (p *program) search(L *lua.LState, re *regexp.Regexp, text string) []int {
	if len(text) <= atOnce/p.cost {
		vm.Spend(L, 1+len(text)*p.cost/perStep)
		return re.FindStringSubmatchIndex(text)
	}
	r := &reader{L: L, text: text, steps: 1 + p.cost/perStep}
	found := re.FindReaderSubmatchIndex(r)
	vm.Spend(L, r.due)
	return found
}

// reader reads a string for a search, and counts the work of the search.
type reader struct {
	L     *lua.LState
	text  string
	at    int
	steps int // for each character
	due   int // steps that are not counted yet
}

// ReadRune returns the next character. It does not return if the budget ends.
func (r *reader) ReadRune() (rune, int, error) {
	if r.due += r.steps; r.due >= batch {
		vm.Spend(r.L, r.due)
		r.due = 0
	}
	if r.at >= len(r.text) {
		return 0, 0, io.EOF
	}
	c, width := utf8.DecodeRuneInString(r.text[r.at:])
	r.at += width
	return c, width, nil
}

// walk goes from match to match. It is kept between calls of an iterator.
type walk struct {
	at   int // where the next search begins
	last int // the end of the last match, -1 before the first one
}

var start = walk{at: 0, last: -1}

// next returns the next match. Like in package regexp, an empty match right after another match does not count.
func (w *walk) next(L *lua.LState, p *program, text string) []int {
	for w.at <= len(text) {
		found := p.next(L, text, w.at)
		if found == nil {
			w.at = len(text) + 1
			return nil
		}
		counts := true
		if found[1] == w.at { // it is empty
			counts = found[0] != w.last
			_, width := utf8.DecodeRuneInString(text[w.at:])
			w.at += max(width, 1)
		} else {
			w.at = found[1]
		}
		w.last = found[1]
		if counts {
			return found
		}
	}
	return nil
}
