package pathmux

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// tokenKind orders what may stand at one place of a pattern the way chi tries it.
type tokenKind uint8

const (
	staticToken tokenKind = iota
	regexpToken
	paramToken
	catchAllToken
)

// token is a piece of a pattern: static text, a parameter or the catch-all.
type token struct {
	kind tokenKind
	// text is the static text, or the expression of a regexp: as written, or as chi gets it in what forChi returns.
	text string
	// name is that of a parameter; the catch-all's is "*".
	name string
	// at is the offset in the pattern.
	at int
	// raw is the expression of a regexp as written, in what forChi returns.
	raw string
	// last says that it is the last one of a pattern, as one of the parts of another one.
	last bool
	// parts are the tokens that forChi has put together into this one; nil for all others.
	parts []token
}

// maxParams is what the bit set of regexp parameters can hold.
const maxParams = 32

// parsePattern splits a pattern into tokens and reports what is wrong with it, by our rules and by chi's.
func parsePattern(p string) ([]token, error) {
	if !strings.HasPrefix(p, "/") {
		return nil, fmt.Errorf("pattern %q must begin with a slash", p)
	}
	if !utf8.ValidString(p) {
		return nil, fmt.Errorf("pattern %q is not valid UTF-8", p)
	}
	tokens := make([]token, 0, 4)
	for rest := p; rest != ""; {
		at := len(p) - len(rest)
		var t token
		var n int
		var err error
		switch rest[0] {
		case '{':
			t, n, err = parseParam(rest)
		case '}':
			err = errors.New("} without {")
		case '*':
			t, n = token{kind: catchAllToken, name: "*"}, 1
			if len(rest) > 1 {
				err = errors.New("* is allowed only at the end; use {name} for one segment")
			}
		default:
			n = strings.IndexAny(rest, "{}*")
			if n < 0 {
				n = len(rest)
			}
			t = token{text: rest[:n]}
		}
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", p, err)
		}
		t.at = at
		tokens = append(tokens, t)
		rest = rest[n:]
	}
	if err := checkTokens(tokens); err != nil {
		return nil, fmt.Errorf("pattern %q: %w", p, err)
	}
	return tokens, nil
}

// parseParam reads the {name} or {name:regexp} at the beginning of s, and returns how long it is. Braces in
// the expression are counted, as chi does.
func parseParam(s string) (token, int, error) {
	depth, end := 0, -1
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth == 0 {
			end = i
			break
		}
	}
	if end < 0 {
		return token{}, 0, errors.New("{ without }")
	}
	t := token{kind: paramToken}
	name, expr, isRegexp := strings.Cut(s[1:end], ":")
	t.name = name
	if name == "" || name == "*" || strings.ContainsAny(name, "{}/") {
		return token{}, 0, fmt.Errorf("%s has no valid name; write {name} or {name:regexp}", s[:end+1])
	}
	if end+1 < len(s) && (s[end+1] == '{' || s[end+1] == '*') {
		return token{}, 0, fmt.Errorf("text is needed between {%s} and %q", name, s[end+1])
	}
	if isRegexp {
		t.kind, t.text = regexpToken, expr
		if expr == "" {
			return token{}, 0, fmt.Errorf("{%s:} has no regular expression", name)
		}
		for _, e := range []string{expr, whole(expr)} { // the second finds a \Q that nothing ends
			if _, err := syntax.Parse(e, syntax.Perl); err != nil {
				return token{}, 0, fmt.Errorf("{%s}: %w", name, err)
			}
		}
	}
	return t, end + 1, nil
}

// checkTokens reports names that occur twice, and static text that no cleaned and decoded path has.
func checkTokens(tokens []token) error {
	var names [maxParams]string
	n := 0
	for _, t := range tokens {
		if t.kind == staticToken {
			if err := checkStatic(t.text); err != nil {
				return err
			}
			continue
		}
		if n == maxParams {
			return fmt.Errorf("more than %d parameters", maxParams)
		}
		if slices.Contains(names[:n], t.name) {
			return fmt.Errorf("parameter %s occurs twice", t.name)
		}
		names[n] = t.name
		n++
	}
	if !urlpath.IsClean(samplePath(tokens)) {
		return errors.New("no path matches //, /./ or /../, as paths are cleaned first")
	}
	return checkSegments(tokens)
}

// checkStatic reports an escape that no decoded path holds.
func checkStatic(s string) error {
	for i := range len(s) {
		if s[i] != '%' {
			continue
		}
		if rest := s[i:]; !strings.HasPrefix(rest, "%2F") && !strings.HasPrefix(rest, "%25") {
			return fmt.Errorf("%q never matches, as paths are decoded first; only %%2F and %%25 stay escaped", rest[:min(3, len(rest))])
		}
	}
	return nil
}

// samplePath is a path of the pattern's form.
func samplePath(tokens []token) string {
	if len(tokens) == 1 {
		return tokens[0].text
	}
	var sb strings.Builder
	for _, t := range tokens {
		if t.kind == staticToken {
			sb.WriteString(t.text)
		} else {
			sb.WriteByte('x')
		}
	}
	return sb.String()
}

// whole makes an expression match the whole of a segment.
func whole(expr string) string { return "^(?:" + expr + ")$" }

// render writes what forChi returns as a pattern of chi's, with names or without.
func render(tokens []token, names bool) string {
	var sb strings.Builder
	for _, t := range tokens {
		switch t.kind {
		case staticToken:
			sb.WriteString(t.text)
			continue
		case catchAllToken:
			sb.WriteByte('*')
			continue
		}
		sb.WriteByte('{')
		if names {
			sb.WriteString(t.name)
		}
		if t.kind == regexpToken {
			sb.WriteByte(':')
			sb.WriteString(t.text)
		}
		sb.WriteByte('}')
	}
	return sb.String()
}

// Pattern is a pattern of paths, as chi has them.
type Pattern struct {
	text   string
	tokens []token
}

// Parse reads a pattern and reports what is wrong with it, by our rules and by chi's.
func Parse(text string) (Pattern, error) {
	tokens, err := parsePattern(text)
	return Pattern{text, tokens}, err
}

// String returns the pattern as it was parsed.
func (p Pattern) String() string { return p.text }

// Names returns the names of the parameters, in the order of their values.
func (p Pattern) Names() []string { return paramNames(p.tokens) }

// Lead returns the text before the first parameter.
func (p Pattern) Lead() string { return p.tokens[0].text }

// IsStatic reports whether the pattern has no parameter and no catch-all.
func (p Pattern) IsStatic() bool { return len(p.tokens) == 1 }

// Key returns the pattern without the names of its parameters. That of what is below a prefix begins with the prefix's own and a slash,
// which is not so of the keys of shapes.
func (p Pattern) Key() string { return shapeKey(p.text, p.tokens) }

// Beats reports whether a pattern is more specific than another one that matches the same path, where case and %2F are read as
// Caddy's path matchers do. If the order of two depends on other patterns in chi, each beats the other.
func (p Pattern) Beats(q Pattern) bool { return beats(p.text, q.tokens) }

func hasKind(ts []token, k tokenKind) bool {
	return slices.ContainsFunc(ts, func(t token) bool { return t.kind == k })
}

// shapeKey is a pattern without names: two patterns with one key match the same paths. The tokens are those of the pattern, or as of
// forChi.
func shapeKey(p string, tokens []token) string {
	if len(tokens) == 1 {
		return p
	}
	return render(tokens, false)
}

// chiPattern is a pattern as chi gets it. The tokens are as of forChi.
func chiPattern(p string, tokens []token) string {
	if !hasKind(tokens, regexpToken) {
		return p
	}
	return render(tokens, true)
}

// regexpSet has a bit for each of chi's parameters that is a regexp. The tokens are as of forChi.
func regexpSet(tokens []token) (set uint32) {
	n := 0
	for _, t := range tokens {
		if t.kind == staticToken {
			continue
		}
		if t.kind == regexpToken {
			set |= 1 << n
		}
		n++
	}
	return set
}

// paramNames lists the names of the parameters in the order of their values.
func paramNames(tokens []token) []string {
	var names []string
	for _, t := range tokens {
		if t.kind != staticToken {
			names = append(names, t.name)
		}
	}
	return names
}
