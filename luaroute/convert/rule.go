package convert

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A rule of Traefik is a condition: matchers, joined by && and ||, with ! before some.

// matcher is one matcher, such as Host(`a.example`), or what must not hold.
type matcher struct {
	name string
	args []string
	not  bool
}

// maxAlternatives bounds what a rule becomes, and maxDepth its brackets.
const (
	maxAlternatives = 64
	maxDepth        = 50
)

// parseRule returns the alternatives of a rule, each a list of matchers that must hold.
func parseRule(text string) ([][]matcher, error) {
	p := &ruleParser{rest: text}
	all, err := p.either(false, 0)
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = fmt.Errorf("unexpected %q", p.rest)
	}
	return all, err
}

type ruleParser struct{ rest string }

func (p *ruleParser) take(word string) bool {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	rest, ok := strings.CutPrefix(p.rest, word)
	if ok {
		p.rest = rest
	}
	return ok
}

// either reads alternatives. Where not is set they are negated, so that "and" and "or" change places.
func (p *ruleParser) either(not bool, depth int) ([][]matcher, error) {
	all, err := p.each(not, depth)
	for err == nil && p.take("||") {
		var next [][]matcher
		next, err = p.each(not, depth)
		all, err = joined(all, next, !not, err)
	}
	return all, err
}

func (p *ruleParser) each(not bool, depth int) ([][]matcher, error) {
	all, err := p.one(not, depth)
	for err == nil && p.take("&&") {
		var next [][]matcher
		next, err = p.one(not, depth)
		all, err = joined(all, next, not, err)
	}
	return all, err
}

// joined joins two conditions: as alternatives, or so that both hold.
func joined(a, b [][]matcher, either bool, err error) ([][]matcher, error) {
	if err != nil {
		return nil, err
	}
	var all [][]matcher
	if either {
		all = append(slices.Clone(a), b...)
	} else {
		for _, x := range a {
			for _, y := range b {
				all = append(all, append(slices.Clone(x), y...))
			}
		}
	}
	if len(all) > maxAlternatives {
		return nil, errors.New("it has too many alternatives")
	}
	return all, nil
}

func (p *ruleParser) one(not bool, depth int) ([][]matcher, error) {
	if depth > maxDepth {
		return nil, errors.New("it has too many brackets")
	}
	for p.take("!") {
		not = !not
	}
	if p.take("(") {
		all, err := p.either(not, depth+1)
		if err == nil && !p.take(")") {
			err = errors.New("a bracket is not closed")
		}
		return all, err
	}
	end := strings.IndexByte(p.rest, '(')
	if end < 0 || !isName(p.rest[:end]) {
		return nil, fmt.Errorf("expected a matcher such as Host(`a.example`), found %q", p.rest)
	}
	m := matcher{name: p.rest[:end], not: not}
	p.rest = p.rest[end+1:]
	for !p.take(")") {
		if len(m.args) > 0 && !p.take(",") {
			return nil, fmt.Errorf("expected a comma in %s, found %q", m.name, p.rest)
		}
		arg, err := p.argument()
		if err != nil {
			return nil, err
		}
		m.args = append(m.args, arg)
	}
	// The arguments of one matcher are alternatives, but for those that begin with a name.
	named := slices.Contains([]string{"Header", "Headers", "HeaderRegexp", "HeadersRegexp", "Query", "QueryRegexp"}, m.name)
	if len(m.args) == 0 || named && len(m.args) > 2 {
		return nil, fmt.Errorf("%s has %d arguments", m.name, len(m.args))
	}
	if named || strings.HasPrefix(m.name, "Host") || m.name == "Method" || m.name == "ClientIP" || not {
		return [][]matcher{{m}}, nil
	}
	var all [][]matcher
	for _, arg := range m.args {
		all = append(all, []matcher{{name: m.name, args: []string{arg}}})
	}
	return all, nil
}

// argument reads a string in backquotes or quotes.
func (p *ruleParser) argument() (string, error) {
	for _, quote := range []string{"`", `"`, "'"} {
		if p.take(quote) {
			arg, rest, ok := strings.Cut(p.rest, quote)
			if !ok || quote == `"` && strings.Contains(arg, `\`) {
				return "", fmt.Errorf("expected a string that ends with %s", quote)
			}
			p.rest = rest
			return arg, nil
		}
	}
	return "", fmt.Errorf("expected a string, found %q", p.rest)
}
