package chiproxy

import (
	"net/http"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"

	"github.com/go-chi/chi/v5"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// foldedMux finds the shapes that are other ones in the form of urlpath.CaddyForm. Several may fold into one.
type foldedMux struct {
	all     *chi.Mux
	levels  []*chi.Mux
	entries map[string]*foldedEntry
}

type foldedEntry struct {
	// of are the patterns that fold into this one, as chi has them.
	of      []string
	level   int32
	regexps uint32 // as of entry
}

// foldedHit says whether a path in the form of urlpath.CaddyForm has a shape that the request's own path has not. If the end
// is given, a shape of the request's own path, it also says whether the folded path has that one too; if so, only what
// is more specific counts. Without an end, it has.
func (m *mux) foldedHit(rctx *chi.Context, folded, own string, end *entry) (hit, ended bool) {
	s := foldedSearch{rctx: rctx, folded: folded, own: own}
	var known []*entry
	for e := m.first(rctx, own); e != nil; e = m.after(rctx, own, e) {
		known = append(known, e)
		if e == end {
			s.end = rctx.RoutePatterns[0]
		}
	}
	for e := m.first(rctx, folded); e != nil; e = m.after(rctx, folded, e) {
		p := rctx.RoutePatterns[0]
		s.met(p)
		if !slices.Contains(known, e) && !matches(p, own) {
			if end == nil {
				return true, true
			}
			s.hits = append(s.hits, p)
		}
	}
	if m.folded != nil {
		m.folded.find(&s)
	}
	ended = end == nil || s.ended
	if end == nil || !ended {
		return len(s.hits) > 0, ended
	}
	tokens, _ := parsePattern(s.end) // chi has it, so it is right
	return slices.ContainsFunc(s.hits, func(p string) bool { return beats(p, tokens) }), true
}

// foldedSearch is what one request has found out about a layer.
type foldedSearch struct {
	rctx        *chi.Context
	folded, own string
	// end is the pattern of the end; ended says that the folded path has it.
	end   string
	ended bool
	// hits are the patterns that the folded path has and the request's own has not.
	hits []string
}

func (s *foldedSearch) met(pattern string) { s.ended = s.ended || pattern == s.end }

// beats says whether a pattern is more specific than the end of a search, both in the form of urlpath.CaddyForm and matching
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
			text, otherText := foldStatic(t.text), foldStatic(other.text)
			if text != otherText {
				return !strings.HasPrefix(otherText, text)
			}
		} else if t.kind == regexpToken && t.text != other.text {
			return true
		}
	}
	return false
}

// find looks for the shapes that the folded path has only in the form of urlpath.CaddyForm.
func (f *foldedMux) find(s *foldedSearch) {
	mux := f.all
	for level := 0; ; level++ {
		s.rctx.Reset()
		if pattern := mux.Find(s.rctx, http.MethodGet, s.folded); pattern != "" {
			e := f.entries[pattern]
			of := e.of
			if stray(s.rctx, e.regexps) {
				of = nil
			}
			for _, p := range of {
				s.met(p)
				if !matches(p, s.own) {
					s.hits = append(s.hits, p)
				}
			}
			level = max(level, int(e.level))
		}
		if level >= len(f.levels) {
			return
		}
		mux = f.levels[level]
	}
}

// matches says whether one pattern matches a path, by a mux made for it.
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

// fold makes the mux of the shapes that differ in the form of urlpath.CaddyForm, or nil when there is none.
func fold(b *builder, shapes []*shapeDraft) *foldedMux {
	f := &foldedMux{all: chi.NewMux(), entries: map[string]*foldedEntry{}}
	byKey := map[string]*foldedEntry{}
	var leveledShapes []*leveled
	var patterns []string
	for _, s := range shapes {
		if !folds(s.tokens) {
			continue
		}
		tokens := foldTokens(s.tokens)
		key := render(tokens, false)
		e := byKey[key]
		if e == nil {
			e = &foldedEntry{regexps: regexpSet(tokens)}
			pattern := render(tokens, true)
			byKey[key], f.entries[pattern] = e, e
			leveledShapes = append(leveledShapes, &leveled{tokens: tokens, key: key})
			patterns = append(patterns, pattern)
		}
		e.of = append(e.of, s.pattern)
	}
	if len(patterns) == 0 {
		return nil
	}
	setLevels(leveledShapes)
	order := make([]int, len(patterns))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(leveledShapes[a].sort, leveledShapes[b].sort) })
	for _, i := range order {
		pattern := patterns[i]
		e := f.entries[pattern]
		e.level = leveledShapes[i].level
		err := insert(f.all, pattern)
		if err == nil {
			err = addLevel(&f.levels, e.level, pattern)
		}
		if err != nil {
			b.add(origin.Origin{}, err)
		}
	}
	return f
}

// folds says whether a pattern is another one in the form of urlpath.CaddyForm.
func folds(tokens []token) bool {
	return slices.ContainsFunc(tokens, func(t token) bool {
		switch t.kind {
		case staticToken:
			return foldStatic(t.text) != t.text
		case regexpToken:
			return needsUpper(t.raw) || folds(t.parts)
		}
		return false
	})
}

// foldTokens brings the tokens of forChi into the form of urlpath.CaddyForm.
func foldTokens(tokens []token) []token {
	var out []token
	for _, t := range tokens {
		if t.parts == nil {
			out = append(out, foldToken(t, t.raw))
		}
		for _, p := range t.parts {
			out = append(out, foldToken(p, p.text))
		}
	}
	return forChi(out)
}

// foldToken brings a token into the form of urlpath.CaddyForm, whose expression is as written.
func foldToken(t token, expr string) token {
	switch t.kind {
	case staticToken:
		t.text = foldStatic(t.text)
	case regexpToken:
		t.text, t.raw = "(?i:"+bare(expr)+")", ""
	}
	return t
}

// foldStatic brings static text into the form of urlpath.CaddyForm, in the reading that takes %2F for a slash.
func foldStatic(s string) string { return strings.ToLower(strings.ReplaceAll(s, "%2F", "/")) }

// needsUpper says whether a regular expression may match a text and not the same text in lower case.
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

// wideRange is the size from which on a range of characters is taken to hold both cases.
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
