package pathmux

import (
	"regexp/syntax"
	"strings"
)

// maxSteps is what Steps returns where there are more.
const maxSteps = 1 << 30

// Steps returns how many instructions of regular expressions may be carried out for each byte of a path, at most, until all shapes that
// match it are found. The shapes are those of a mux that was built.
func Steps[D any](b *Builder[D]) int {
	var all []trail
	levels := map[int32][]trail{}
	for _, s := range b.shapes {
		if !s.IsSlow() {
			continue
		}
		t := trailOf(s.tokens)
		all = append(all, t)
		if s.level > 0 {
			levels[s.level] = append(levels[s.level], t)
		}
	}
	w := weights{}
	n := w.of(all)
	for _, level := range levels {
		n = min(n+w.of(level), maxSteps)
	}
	return n
}

// IsSlow reports whether the shape has something that Steps counts.
func (s *Shape[D]) IsSlow() bool {
	for i, t := range s.tokens {
		if t.kind == regexpToken || t.kind == paramToken && trailOf(s.tokens[i-1:]).empty {
			return true
		}
	}
	return false
}

// trail is what of a pattern is still to come: text, and tokens behind it. The tokens are as of forChi.
type trail struct {
	text string
	rest []token
	// empty says that a parameter behind the text may be empty.
	empty bool
}

func trailOf(tokens []token) trail {
	if len(tokens) == 0 || tokens[0].kind != staticToken {
		return trail{rest: tokens}
	}
	return trail{tokens[0].text, tokens[1:], !strings.HasSuffix(tokens[0].text, "/")}
}

// weights are the instructions of expressions.
type weights map[string]int

// of returns the work of a search from a node of chi's tree on, at which trails begin. A path has one of the texts there, but each of the
// parameters may be tried.
func (w weights) of(trails []trail) int {
	texts, params := map[byte][]trail{}, map[sibling][]trail{}
	n, empty := 0, false
	for _, t := range trails {
		if t.text != "" && len(trails) > 1 {
			c := t.text[0]
			t.text = t.text[1:]
			texts[c] = append(texts[c], t)
			continue
		}
		if len(t.rest) == 0 || t.rest[0].kind == catchAllToken {
			continue
		}
		param := sibling{t.rest[0].kind, t.rest[0].text}
		if params[param] == nil {
			n = min(n+w.weigh(t.rest[0]), maxSteps)
		}
		empty = t.empty
		params[param] = append(params[param], trailOf(t.rest[1:]))
	}
	most := 0
	for _, below := range texts {
		most = max(most, w.of(below))
	}
	for param, below := range params {
		work := w.of(below)
		if empty && param.kind == paramToken { // chi goes on twice from an empty value
			work = 1 + 2*work
		}
		n = min(n+work, maxSteps)
	}
	return min(n+most, maxSteps)
}

// weigh returns the instructions of a parameter.
func (w weights) weigh(t token) int {
	if t.kind != regexpToken {
		return 0
	}
	n, known := w[t.text]
	if !known {
		n = instructions(t.text)
		if hasKind(t.parts, regexpToken) { // its values are found by the expression, too
			n *= 2
		}
		w[t.text] = n
	}
	return n
}

// instructions returns how many an expression has.
func instructions(expr string) int {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return 0 // it was parsed before
	}
	program, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0
	}
	return len(program.Inst)
}
