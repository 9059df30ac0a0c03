package headers

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/template"
)

const (
	// DefaultSteps is how many instructions a pattern may have.
	DefaultSteps = 1000
	// maxValue bounds the values in which a pattern is searched, since a search cannot be interrupted, and those that it makes.
	maxValue = 16 << 10
)

// compiled are changes as they are made.
type compiled struct {
	fixed       *field.Ops // nil for none; names are canonical
	fixedValues int        // how many it sets
	named       template.Fields
	replace     []replacement
	names       []string // of the fields that change, in order
}

func (c *compiled) none() bool { return len(c.names) == 0 }

// compile checks changes of the header of a response, or of a request.
func compile(c Changes, isResponse bool) (out compiled, err error) {
	fixed, sample, named, err := template.ParseHeader(c.Ops)
	if err != nil {
		return out, err
	}
	if isResponse {
		err = sample.CheckResponse()
	} else if err = sample.Check(); err == nil {
		err = sample.CheckHost()
	}
	if err != nil {
		return out, err
	}
	out.named = named
	names := map[string]bool{}
	if fixed != nil {
		out.fixed = &field.Ops{Set: canonical(fixed.Set), Add: canonical(fixed.Add)}
		for _, name := range fixed.Remove {
			out.fixed.Remove = append(out.fixed.Remove, textproto.CanonicalMIMEHeaderKey(name))
		}
		for _, values := range out.fixed.Set {
			out.fixedValues += len(values)
		}
	}
	if sample != nil {
		for _, name := range sample.Remove {
			names[textproto.CanonicalMIMEHeaderKey(name)] = true
		}
		for _, h := range []http.Header{sample.Set, sample.Add} {
			for name := range h {
				names[textproto.CanonicalMIMEHeaderKey(name)] = true
			}
		}
	}
	for _, r := range c.Replace {
		compiled, err := r.compile(isResponse)
		if err != nil {
			return out, fmt.Errorf("replace: %s: %w", r.Name, err)
		}
		names[compiled.name] = true
		out.replace = append(out.replace, compiled)
	}
	slices.SortFunc(out.replace, func(a, b replacement) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(out.replace); i++ {
		if out.replace[i].name == out.replace[i-1].name {
			return out, fmt.Errorf("replace: %s is there twice, in different cases", out.replace[i].name)
		}
	}
	out.names = slices.Sorted(maps.Keys(names))
	return out, nil
}

func canonical(h http.Header) http.Header {
	out := make(http.Header, len(h))
	field.AddAll(out, h)
	return out
}

// replacement is one as it is made.
type replacement struct {
	name    string
	pattern *regexp.Regexp
	with    string
}

func (r Replacement) compile(isResponse bool) (replacement, error) {
	check, name := field.Check, textproto.CanonicalMIMEHeaderKey(r.Name)
	if isResponse {
		check = field.CheckResponse
	}
	if err := check(name, r.With); err != nil {
		return replacement{}, err
	}
	switch {
	case name == "Host" && !isResponse, name == "Content-Length":
		return replacement{}, errors.New("its value cannot be replaced")
	case r.Pattern == "":
		return replacement{}, errors.New(`the pattern is missing; expected { pattern = "…", with = "…" }`)
	}
	re, err := regexp.Compile(r.Pattern)
	if err != nil {
		return replacement{}, err
	}
	most := r.MaxSteps
	if most == 0 {
		most = DefaultSteps
	}
	if n := instructions(r.Pattern); n > most {
		return replacement{}, fmt.Errorf("the pattern has %d instructions; expected at most %d: use fewer and smaller repetitions", n, most)
	}
	return replacement{name, re, r.With}, nil
}

// instructions returns how many a good pattern has.
func instructions(pattern string) int {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 0
	}
	return len(prog.Inst)
}

var errLarge = fmt.Errorf("a value is larger than the %d bytes in which a pattern is searched", maxValue)

// values returns what becomes of values, and whether that is something else. The error says that one is, or becomes, too large.
func (r *replacement) values(was []string) (values []string, changed bool, err error) {
	for i, value := range was {
		if len(value) > maxValue {
			return nil, false, fmt.Errorf("header %s: %w", r.name, errLarge)
		}
		if !r.pattern.MatchString(value) {
			continue
		}
		if !changed {
			values, changed = slices.Clone(was), true
		}
		if values[i] = r.pattern.ReplaceAllString(value, r.with); len(values[i]) > maxValue {
			return nil, false, fmt.Errorf("header %s: %w", r.name, errLarge)
		}
	}
	return values, changed, nil
}
