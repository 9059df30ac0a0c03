package chiproxy

import (
	"net/http"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"

	"github.com/go-chi/chi/v5"
)

// foldedMux finds the shapes that are other ones in the form of caddyPath. Several may fold into one.
type foldedMux struct {
	all     *chi.Mux
	levels  []*chi.Mux
	entries map[string]*foldedEntry
}

type foldedEntry struct {
	// of are the patterns that fold into this one, as chi has them.
	of    []string
	level int32
}

// foldedHit says whether a path in the form of caddyPath has a shape that the request's own path has not. If the end
// is given, a shape of the request's own path, only those count that are more specific than it.
func (m *mux) foldedHit(rctx *chi.Context, folded, own string, end *entry) bool {
	var known []*entry
	var endTokens []token
	for e := m.first(rctx, own); e != nil; e = m.after(rctx, own, e) {
		known = append(known, e)
		if e == end {
			endTokens, _ = parsePattern(rctx.RoutePatterns[0]) // chi has it, so it is right
		}
	}
	for e := m.first(rctx, folded); e != nil; e = m.after(rctx, folded, e) {
		if p := rctx.RoutePatterns[0]; !slices.Contains(known, e) && beats(p, endTokens) && !matches(p, own) {
			return true
		}
	}
	return m.folded != nil && m.folded.hit(rctx, folded, own, endTokens)
}

// beats says whether a pattern is more specific than the end of a search, both in the form of caddyPath and matching
// one path. Of two that chi tells apart by what else there is, each beats the other.
func beats(pattern string, end []token) bool {
	tokens, err := parsePattern(pattern)
	if end == nil || err != nil {
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
		} else if t.tail != other.tail || t.kind == regexpToken && t.text != other.text {
			return true
		}
	}
	return false
}

// hit says whether a path in the form of caddyPath has a shape here that the request's own path has not, and that is
// more specific than the end of the search.
func (f *foldedMux) hit(rctx *chi.Context, path, own string, end []token) bool {
	mux := f.all
	for level := 0; ; level++ {
		rctx.Reset()
		if pattern := mux.Find(rctx, http.MethodGet, path); pattern != "" {
			e := f.entries[pattern]
			if beats(pattern, end) && !slices.ContainsFunc(e.of, func(p string) bool { return matches(p, own) }) {
				return true
			}
			level = max(level, int(e.level))
		}
		if level >= len(f.levels) {
			return false
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
	e := entry{regexps: regexpSet(tokens)}
	return err == nil && !e.stray(rctx)
}

// fold makes the mux of the shapes that differ in the form of caddyPath, or nil when there is none.
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
		key := render(tokens, noName, same, same)
		e := byKey[key]
		if e == nil {
			e = &foldedEntry{}
			pattern := render(tokens, ownName, same, whole)
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
	for i, pattern := range patterns {
		e := f.entries[pattern]
		e.level = leveledShapes[i].level
		err := insert(f.all, pattern)
		if err == nil {
			err = addLevel(&f.levels, e.level, pattern)
		}
		if err != nil {
			b.add(Origin{}, err)
		}
	}
	return f
}

// folds says whether a pattern is another one in the form of caddyPath.
func folds(tokens []token) bool {
	return slices.ContainsFunc(tokens, func(t token) bool {
		switch t.kind {
		case staticToken:
			return foldStatic(t.text) != t.text
		case regexpToken:
			return needsUpper(t.text)
		}
		return false
	})
}

// foldTokens brings tokens into the form of caddyPath.
func foldTokens(tokens []token) []token {
	out := slices.Clone(tokens)
	for i, t := range out {
		switch t.kind {
		case staticToken:
			out[i].text = foldStatic(t.text)
		case regexpToken:
			out[i].text = "(?i:" + t.text + ")"
		}
	}
	return out
}

// foldStatic brings static text into the form of caddyPath.
func foldStatic(s string) string { return strings.ToLower(decodeValue(s)) }

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
