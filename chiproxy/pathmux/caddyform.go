package pathmux

import (
	"net/http"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"

	"github.com/go-chi/chi/v5"

	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// Folds reports whether urlpath.CaddyForm changes a pattern of the mux.
func (m *Mux[E]) Folds() bool { return m.caddy != nil }

// CaddyHit reports whether a path in the form of urlpath.CaddyForm has a shape that the request's own path has not. If the end
// is given, an entry of the request's own path, it also reports whether the folded path has that one too; if so, only what
// is more specific counts. Without an end, it has.
func (m *Mux[E]) CaddyHit(folded, own string, end *E) (hit, ended bool) {
	s := caddySearch{folded: folded, own: own}
	var known []*E
	for e := m.First(&s.at, own); e != nil; e = m.Next(&s.at) {
		known = append(known, e)
		if e == end {
			s.end = s.at.Pattern()
		}
	}
	for e := m.First(&s.at, folded); e != nil; e = m.Next(&s.at) {
		p := s.at.Pattern()
		s.met(p)
		if !slices.Contains(known, e) && !matches(p, own) {
			if end == nil {
				return true, true
			}
			s.hits = append(s.hits, p)
		}
	}
	if m.caddy != nil {
		s.search(m.caddy)
	}
	ended = end == nil || s.ended
	if end == nil || !ended {
		return len(s.hits) > 0, ended
	}
	tokens, _ := parsePattern(s.end) // chi has it, so it is right
	return slices.ContainsFunc(s.hits, func(p string) bool { return beats(p, tokens) }), true
}

// caddySearch is what one request has found out about a mux.
type caddySearch struct {
	at          Match
	folded, own string
	// end is the pattern of the end; ended says that the folded path has it.
	end   string
	ended bool
	// hits are the patterns that the folded path has and the request's own has not.
	hits []string
}

func (s *caddySearch) met(pattern string) { s.ended = s.ended || pattern == s.end }

// beats reports whether a pattern is more specific than the end of a search, both in the form of urlpath.CaddyForm and matching
// one path. Of two that chi tells apart by what else there is, each beats the other.
func beats(pattern string, end []token) bool {
	tokens, err := parsePattern(pattern)
	if err != nil {
		return true
	}
	for i, t := range tokens {
		if i == len(end) {
			return true
		}
		other := end[i]
		if t.kind != other.kind {
			return t.kind < other.kind
		}
		if t.kind == staticToken {
			text, otherText := urlpath.CaddyText(t.text), urlpath.CaddyText(other.text)
			if text != otherText {
				return !strings.HasPrefix(otherText, text)
			}
		} else if t.kind == regexpToken && t.text != other.text {
			return true
		}
	}
	return false
}

// search looks for the shapes that the folded path has only in the form of urlpath.CaddyForm.
func (s *caddySearch) search(m *Mux[[]string]) {
	for of := m.First(&s.at, s.folded); of != nil; of = m.Next(&s.at) {
		for _, p := range *of {
			s.met(p)
			if !matches(p, s.own) {
				s.hits = append(s.hits, p)
			}
		}
	}
}

// matches reports whether one pattern matches a path, by a mux made for it.
func matches(pattern, path string) bool {
	m := chi.NewMux()
	if path == "" || insert(m, pattern) != nil {
		return false
	}
	rctx := chi.NewRouteContext()
	if m.Find(rctx, http.MethodGet, path) == "" {
		return false
	}
	tokens, err := parsePattern(pattern)
	return err == nil && !stray(rctx, regexpSet(tokens)) // the tokens of chi's pattern are as of forChi
}

// caddyMux makes the mux of the shapes that differ in the form of urlpath.CaddyForm, or nil when there is none. Several may be one there.
func caddyMux(shapes []*shape) (*Mux[[]string], error) {
	var folded []*shape
	var of [][]string
	byKey := map[string]int{}
	for _, s := range shapes {
		if !folds(s.tokens) {
			continue
		}
		tokens := caddyTokens(s.tokens)
		key := render(tokens, false)
		i, known := byKey[key]
		if !known {
			i = len(folded)
			byKey[key] = i
			folded = append(folded, &shape{tokens: tokens, key: key, pattern: render(tokens, true)})
			of = append(of, nil)
		}
		of[i] = append(of[i], s.pattern)
	}
	if len(folded) == 0 {
		return nil, nil
	}
	return newMux(folded, func(i int, l *leaf[[]string]) { l.entry = of[i] })
}

// folds reports whether urlpath.CaddyForm changes a pattern.
func folds(tokens []token) bool {
	return slices.ContainsFunc(tokens, func(t token) bool {
		switch t.kind {
		case staticToken:
			return urlpath.CaddyText(t.text) != t.text
		case regexpToken:
			return needsUpper(t.raw) || folds(t.parts)
		}
		return false
	})
}

// caddyTokens brings the tokens of forChi into the form of urlpath.CaddyForm.
func caddyTokens(tokens []token) []token {
	var out []token
	for _, t := range tokens {
		if t.parts == nil {
			out = append(out, caddyToken(t, t.raw))
		}
		for _, p := range t.parts {
			out = append(out, caddyToken(p, p.text))
		}
	}
	return forChi(out)
}

// caddyToken brings a token into the form of urlpath.CaddyForm, whose expression is as written.
func caddyToken(t token, expr string) token {
	switch t.kind {
	case staticToken:
		t.text = urlpath.CaddyText(t.text)
	case regexpToken:
		t.text, t.raw = "(?i:"+bare(expr)+")", ""
	}
	return t
}

// needsUpper reports whether a regular expression may match a string but not its lower case.
func needsUpper(expr string) bool {
	re, err := syntax.Parse(expr, syntax.Perl)
	return err != nil || upperIn(re)
}

func upperIn(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral:
		return re.Flags&syntax.FoldCase == 0 && slices.ContainsFunc(re.Rune, func(r rune) bool { return unicode.ToLower(r) != r })
	case syntax.OpCharClass:
		return upperInClass(re.Rune)
	}
	return slices.ContainsFunc(re.Sub, upperIn)
}

// wideRange is the size from which a range of characters counts as having both cases.
const wideRange = 4096

// upperInClass looks for a letter in ranges of characters whose lower case is not there.
func upperInClass(ranges []rune) bool {
	has := func(r rune) bool {
		for i := 0; i < len(ranges); i += 2 {
			if ranges[i] <= r && r <= ranges[i+1] {
				return true
			}
		}
		return false
	}
	for i := 0; i < len(ranges); i += 2 {
		if ranges[i+1]-ranges[i] > wideRange {
			continue
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if !has(unicode.ToLower(r)) {
				return true
			}
		}
	}
	return false
}
