package pathmux

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
)

// chi ends a parameter at the first byte that is the one behind it in the pattern: it does not find q1.2026.pdf by
// {name}.pdf. So a segment with text behind a parameter is one regexp for chi, from its first parameter on, and its value is split
// afterwards.

// forChi returns the tokens of a pattern as chi gets them: those of a segment from the first parameter on, if there is text behind
// it, are one regexp, and expressions match whole segments. All that chi itself finds by a pattern is found so, too.
func forChi(tokens []token) []token {
	if len(tokens) == 1 {
		return tokens
	}
	out := make([]token, 0, len(tokens))
	for i := 0; i < len(tokens); {
		t := tokens[i]
		if t.kind == staticToken || t.kind == catchAllToken {
			out = append(out, t)
			i++
			continue
		}
		parts, rest, n := segmentParts(tokens[i:])
		i += n
		switch {
		case len(parts) > 1:
			parts[len(parts)-1].last = i == len(tokens) && rest.text == ""
			t = token{kind: regexpToken, name: t.name, at: t.at, text: segmentExpr(parts), parts: parts}
		case t.kind == regexpToken:
			t.raw, t.text = t.text, whole(t.text)
		}
		out = append(out, t)
		if rest.text != "" {
			out = append(out, rest)
		}
	}
	return out
}

// segmentParts returns the tokens up to the end of a segment, the text behind it that a token of it has, and how many tokens that
// are.
func segmentParts(tokens []token) (parts []token, rest token, n int) {
	for i, t := range tokens {
		if t.kind == catchAllToken {
			return slices.Clone(tokens[:i]), token{}, i
		}
		if t.kind != staticToken {
			continue
		}
		slash := strings.IndexByte(t.text, '/')
		if slash < 0 {
			continue
		}
		rest = token{text: t.text[slash:], at: t.at + slash}
		parts = slices.Clone(tokens[:i])
		if slash > 0 {
			parts = append(parts, token{text: t.text[:slash], at: t.at})
		}
		return parts, rest, i + 1
	}
	return slices.Clone(tokens), token{}, len(tokens)
}

// segmentExpr is the expression of a segment. Each parameter takes as much as it can, the first one first. As for chi, it may take
// nothing, but at the end of a path.
func segmentExpr(parts []token) string {
	var sb strings.Builder
	sb.WriteByte('^')
	for _, t := range parts {
		switch {
		case t.kind == staticToken:
			sb.WriteString(regexp.QuoteMeta(t.text))
		case t.kind == regexpToken:
			sb.WriteString("((?:" + bare(t.text) + "))")
		case t.last:
			sb.WriteString("((?s:.+))")
		default:
			sb.WriteString("((?s:.*))")
		}
	}
	sb.WriteByte('$')
	return sb.String()
}

// bare takes the anchors off the ends of an expression, which matches all of its value anyway.
func bare(expr string) string {
	expr = strings.TrimPrefix(expr, "^")
	if head, ok := strings.CutSuffix(expr, "$"); ok && (len(head)-len(strings.TrimRight(head, `\`)))%2 == 0 {
		return head
	}
	return expr
}

// checkSegments reports what cannot stand in a segment with text behind a parameter.
func checkSegments(tokens []token) error {
	for i := 0; i < len(tokens); i++ {
		if tokens[i].kind == staticToken || tokens[i].kind == catchAllToken {
			continue
		}
		parts, _, n := segmentParts(tokens[i:])
		if i+n < len(tokens) && tokens[i+n].kind == catchAllToken && tokens[i+n-1].kind == staticToken && !strings.Contains(tokens[i+n-1].text, "/") {
			return fmt.Errorf("* must stand behind a slash in a segment with {%s}", tokens[i].name)
		}
		if len(parts) > 1 {
			if err := checkParts(parts); err != nil {
				return err
			}
		}
		i += n - 1
	}
	return nil
}

func checkParts(parts []token) error {
	for _, t := range parts {
		switch t.kind {
		case staticToken:
			if strings.ContainsRune(t.text, utf8.RuneError) {
				return errors.New("U+FFFD must not follow a parameter; it marks invalid UTF-8")
			}
		case regexpToken:
			re, err := syntax.Parse(bare(t.text), syntax.Perl)
			if err == nil && asserts(re) {
				err = errors.New("^, $ and \\b are not allowed inside an expression with text beside it; it matches its whole value anyway")
			}
			if err != nil {
				return fmt.Errorf("{%s}: %w", t.name, err)
			}
		}
	}
	if _, err := syntax.Parse(segmentExpr(parts), syntax.Perl); err != nil {
		return err
	}
	return nil
}

// asserts reports whether an expression looks at what is beside its text.
func asserts(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	return slices.ContainsFunc(re.Sub, asserts)
}

// suffix is the text at the end of what a parameter of forChi matches.
func (t token) suffix() string {
	if n := len(t.parts); n > 0 && t.parts[n-1].kind == staticToken {
		return t.parts[n-1].text
	}
	return ""
}

// rank is what orders parameters and regexps at one place of a pattern.
type rank struct {
	first        tokenKind // of the first parameter
	text, params int       // the length of the text in it, and the number of parameters
	kinds        string    // of the parameters
}

func rankOf(t token) rank {
	if t.parts == nil {
		return rank{first: t.kind, params: 1, kinds: string(rune(t.kind))}
	}
	r := rank{first: t.parts[0].kind}
	for _, p := range t.parts {
		if p.kind == staticToken {
			r.text += len(p.text)
			continue
		}
		r.params++
		r.kinds += string(rune(p.kind))
	}
	return r
}

// compare orders regexps before parameters, as chi does, and of each those with more text first. Of two segments of which one
// matches less than the other, that one comes first.
func (r rank) compare(s rank) int {
	return cmp.Or(
		cmp.Compare(r.first, s.first),
		cmp.Compare(s.text, r.text),
		cmp.Compare(r.params, s.params),
		cmp.Compare(r.kinds, s.kinds),
	)
}

// split is a value of chi's that stands for several parts.
type split struct {
	// at is the position of the value.
	at    int
	parts []token
	// expr finds the values; nil where they are found by the text between them.
	expr *regexp.Regexp
	// groups are those of the values in expr.
	groups []int
}

// splitsOf returns the splits of a pattern, the last one first.
func splitsOf(tokens []token) (splits []split) {
	at := 0
	for _, t := range tokens {
		if t.kind == staticToken {
			continue
		}
		if t.parts != nil {
			splits = append(splits, newSplit(at, t))
		}
		at++
	}
	slices.Reverse(splits)
	return splits
}

func newSplit(at int, t token) split {
	s := split{at: at, parts: t.parts}
	if rankOf(t).params == 1 || !hasKind(t.parts, regexpToken) {
		return s
	}
	s.expr = regexp.MustCompile(t.text) // checkParts has parsed it
	group := 1
	for _, p := range t.parts {
		if p.kind == staticToken {
			continue
		}
		s.groups = append(s.groups, group)
		group++
		if p.kind == regexpToken {
			if re, err := syntax.Parse(bare(p.text), syntax.Perl); err == nil {
				group += re.MaxCap()
			}
		}
	}
	return s
}

// spread splits the values that chi has found.
func spread(splits []split, rctx *chi.Context) {
	var room [maxParams]string
	for i := range splits {
		s := &splits[i]
		values := rctx.URLParams.Values
		rctx.URLParams.Values = slices.Replace(values, s.at, s.at+1, s.values(values[s.at], room[:0])...)
	}
}

// values appends the values of the parameters in a text that the expression matches.
func (s *split) values(text string, into []string) []string {
	if s.expr != nil {
		found := s.expr.FindStringSubmatchIndex(text)
		for _, g := range s.groups {
			into = append(into, text[found[2*g]:found[2*g+1]])
		}
		return into
	}
	// each parameter takes as much as it can, so each text between two of them is the last that leaves room for what follows
	end, last := len(text), len(s.parts)-1
	if s.parts[last].kind == staticToken {
		end -= len(s.parts[last].text)
		last--
	}
	for i := last; i > 0; i -= 2 {
		between, limit := s.parts[i-1].text, end
		if s.parts[i].last {
			limit-- // it is not empty
		}
		at := strings.LastIndex(text[:limit], between)
		into = append(into, text[at+len(between):end])
		end = at
	}
	into = append(into, text[:end])
	slices.Reverse(into)
	return into
}
