package stdlib

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The functions here generate expressions for both Luas. What C leaves undefined, and what docs/lua.md lists as different,
// is not generated.

// source generates from a seed.
type source struct{ *rand.Rand }

func newSource(seed uint64) source { return source{rand.New(rand.NewPCG(seed, 51))} }

// one returns one of the texts.
func (r source) one(texts ...string) string { return texts[r.IntN(len(texts))] }

// in says yes once in n times.
func (r source) in(n int) bool { return r.IntN(n) == 0 }

// patternCorpus returns calls of the functions that take patterns.
func patternCorpus(seed uint64, n int) []string {
	r := newSource(seed)
	var corpus []string
	for c := byte(1); c < 128; c++ {
		corpus = append(corpus, "members("+luaQuote("^%"+string(rune(c)))+")", "members("+luaQuote("^[^_%"+string(rune(c))+"]")+")")
	}
	for len(corpus) < n {
		corpus = append(corpus, r.call())
	}
	return corpus
}

func (r source) call() string {
	pattern, example := r.pattern()
	subject := r.subject()
	if !r.in(4) {
		subject = r.one("", "", r.subject()) + example + r.one("", "", example, r.subject())
	}
	s, p := luaQuote(subject), luaQuote(pattern)
	switch r.IntN(10) {
	case 0, 1:
		return fmt.Sprintf("find(%s,%s%s)", s, p, r.init())
	case 2:
		if r.in(2) && subject != "" {
			from := r.IntN(len(subject))
			p = luaQuote(subject[from:min(len(subject), from+r.IntN(4))])
		}
		return fmt.Sprintf("find(%s,%s,%s,true)", s, p, r.one("1", "nil", "2", "-3", "9", "-99"))
	case 3, 4:
		return fmt.Sprintf("match(%s,%s%s)", s, p, r.init())
	case 5:
		return fmt.Sprintf("each(%s,%s)", s, p)
	}
	return fmt.Sprintf("gsub(%s,%s,%s%s)", s, p, r.replacement(), r.limit())
}

// subject returns a short text, with few different characters so that patterns match now and then.
func (r source) subject() string {
	if r.in(40) {
		return strings.Repeat(r.one("a", "ab", "(a", "a)", "\x00", "%b"), r.IntN(60))
	}
	var out strings.Builder
	for range r.IntN(14) {
		out.WriteString(r.one("a", "a", "b", "ab", "A", "Z", "0", "1", "7", "f", "_", " ", "\t", "\n", ".", ",", "-", "+", "*", "?", "%", "^",
			"$", "(", ")", "((", "))", "[", "]", "\x00", "\x7f", "\x80", "\xe4", "\xff", "\x01", "=", "é"))
	}
	return out.String()
}

func (r source) init() string {
	return r.one("", "", "", ",1", ",2", ",3", ",0", ",-1", ",-2", ",-5", ",-100", ",100", ",7", ",nil", ",2.7", ",'2'", ",14,false")
}

func (r source) limit() string {
	return r.one("", "", "", "", ",0", ",1", ",2", ",3", ",-1", ",100", ",nil", ",'1'", ",1.9")
}

func (r source) replacement() string {
	switch r.IntN(8) {
	case 0:
		return r.one("byName", "anyName", "badName", "{}", "12", "-0.5", "nil", "true")
	case 1:
		return r.one("join", "swap", "none", "some", "number", "bad", "string.upper", "error")
	}
	var out strings.Builder
	for range r.IntN(5) {
		out.WriteString(r.one("%0", "%1", "%1", "%2", "%3", "%9", "%%", "%a", "x", "-", "\x00", "\xff", "ab", "%.", "^", "$"))
	}
	return luaQuote(out.String())
}

// pattern returns a pattern, and a text that it most often matches. Few of its items repeat, since the real Lua has no bound
// on its steps.
func (r source) pattern() (pattern, example string) {
	if r.in(12) {
		pattern = r.malformed()
		return pattern, pattern
	}
	g := &patternSource{source: r, repeats: 3}
	if r.in(5) {
		g.pattern.WriteByte('^')
	}
	g.items(1+r.IntN(5), 0)
	if r.in(6) {
		g.pattern.WriteByte('$')
	}
	return g.pattern.String(), string(g.example)
}

// malformed joins pieces that mean something, in any order.
func (r source) malformed() string {
	var out strings.Builder
	repeats := 0
	for range 1 + r.IntN(7) {
		piece := r.one("%", "[", "]", "(", ")", "()", "^", "$", "*", "+", "-", "?", ".", "%b", "%f", "%1", "%0", "a", "b", "[^", "[]", "[^]",
			"%]", "a-", "-z", "%a", "[%a-", "%bxx", "%f[", "\xff", "%9")
		if strings.ContainsAny(piece, "*+-") {
			if repeats++; repeats > 3 {
				continue
			}
		}
		out.WriteString(piece)
	}
	return out.String()
}

// patternSource generates one pattern, and an example of what it matches.
type patternSource struct {
	source
	pattern  strings.Builder
	example  []byte
	repeats  int      // how many items may still repeat
	captures []string // the examples of those that are finished
}

func (g *patternSource) items(n, depth int) {
	for range n {
		switch k := g.IntN(20); {
		case k < 3 && depth < 3:
			g.pattern.WriteByte('(')
			start, i := len(g.example), len(g.captures)
			g.captures = append(g.captures, "")
			g.items(g.IntN(3), depth+1)
			g.captures[i] = string(g.example[start:])
			g.pattern.WriteByte(')')
		case k == 3:
			g.captures = append(g.captures, "")
			g.pattern.WriteString("()")
		case k == 4 && len(g.captures) > 0:
			i := g.IntN(len(g.captures) + g.IntN(2))
			fmt.Fprintf(&g.pattern, "%%%d", 1+i)
			if i < len(g.captures) {
				g.example = append(g.example, g.captures[i]...)
			}
		case k == 5:
			pair := g.one("()", "[]", "ab", "aa", "(b", "%%", "\xff\x80", "^$")
			g.pattern.WriteString("%b" + pair)
			g.example = append(g.example, g.one(pair, pair[:1]+pair+pair[1:], pair[:1]+"x"+pair[1:], pair[:1])...)
		case k == 6:
			set, _ := g.set()
			g.pattern.WriteString("%f" + set)
		default:
			g.repeated(g.single())
		}
	}
}

// repeated adds an item for one character, and perhaps how often it is there.
func (g *patternSource) repeated(item, example string) {
	suffix := ""
	switch g.IntN(5) {
	case 0:
		if g.repeats--; g.repeats >= 0 {
			suffix = g.one("*", "+", "-")
			example = strings.Repeat(example, g.IntN(4))
		}
	case 1:
		suffix = "?"
		example = g.one("", example)
	}
	g.pattern.WriteString(item + suffix)
	g.example = append(g.example, example...)
}

// single returns what stands for one character, and such a character.
func (g *patternSource) single() (item, example string) {
	switch g.IntN(10) {
	case 0, 1:
		return g.set()
	case 2, 3:
		return g.class()
	case 4:
		return ".", g.one("a", "\n", "\x00", "(", "\xff")
	case 5:
		c := g.one("%", ".", "-", "*", "(", ")", "[", "]", "^", "$", "_", "\xc3", "\xff", " ", "?", "+")
		return "%" + c, c
	}
	c := g.one("a", "a", "b", "b", "A", "0", "1", "f", "_", " ", "\n", "\x80", "\xff", "\xe4", "]", ",", "^", "$", "=", "Z", "}")
	return c, c
}

// classes are the letters of classes, with members.
var classes = []struct{ letter, members string }{
	{"a", "azAZ"},
	{"c", "\x00\x01\x1f\x7f\n"},
	{"d", "0179"},
	{"l", "abfz"},
	{"p", "!/:@[`{~_.-"},
	{"s", " \t\n\v\f\r"},
	{"u", "AZF"},
	{"w", "aZ09"},
	{"x", "09afAF"},
	{"z", "\x00"},
	{"A", "0_\xe4\x80 "},
	{"C", "a \x80\xff"},
	{"D", "a/:\xff"},
	{"L", "A0_\x80"},
	{"P", "a0 \x80\x7f"},
	{"S", "a_\x00\x80\xa0"},
	{"U", "a0_\xc4"},
	{"W", "_-\xff\x80 "},
	{"X", "gG/:@`"},
	{"Z", "a\x01\xff"},
	{"g", "g"},
	{"G", "G"},
	{"e", "e"},
}

func (g *patternSource) class() (item, example string) {
	class := classes[g.IntN(len(classes))]
	i := g.IntN(len(class.members))
	return "%" + class.letter, class.members[i : i+1]
}

// set returns a set, with what is special in it now and then, and a character that may be in it.
func (g *patternSource) set() (item, example string) {
	var out strings.Builder
	out.WriteString(g.one("[", "[", "[^"))
	if g.in(12) {
		out.WriteString("]")
	}
	for range 1 + g.IntN(3) {
		item, c := g.class()
		if !g.in(3) {
			item = g.one("a", "b", "0", "a-f", "A-Z", "0-9", "b-a", "\x80-\xff", "\x01-\x1f", "-", "^", "$", ".", "%]", "%-", "%%", "%^", "_", "%a-z", "(",
				")", "a-", "-a", "+--", "[", "é", " ", "a-%w", "*", "_-%%")
			c = item[len(item)-1:]
		}
		out.WriteString(item)
		example = g.one(example, c, c)
	}
	return out.String() + "]", g.one(example, example, example, "b", "Z", "\xff", "\n")
}
