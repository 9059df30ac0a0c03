package capability

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/nested"
)

// replacement is an operation of `headers` or `rewrite` that replaces one string by another.
type replacement struct {
	Search       string `json:"search"`
	SearchRegexp string `json:"search_regexp"`
	Replace      string `json:"replace"`
}

// maxGrowth is the factor by which all replacements of a tenant, one after the other, may lengthen a string.
const maxGrowth = 64

// maxSteps is how many instructions all regular expressions of a tenant in Caddy modules and in patterns may have, about two hundred usual ones.
const maxSteps = 5000

// Expressions returns nil if the tenant's regular expressions may have so many instructions together.
func (s *Set) Expressions(steps int) error {
	if s == nil || steps <= maxSteps {
		return nil
	}
	return fmt.Errorf("the regular expressions in handlers, matchers and patterns of this tenant have %d instructions; expected at most %d; "+
		"write some in Lua, where they are counted", steps, maxSteps)
}

// placeholder is a placeholder of a replacement, where braces may also mean something else.
var placeholder = regexp.MustCompile(`\{[\w-]+\.`)

// Replacements returns nil if all replacements of the tenant together may lengthen a string by this factor.
func (s *Set) Replacements(growth float64) error {
	if s == nil || growth <= maxGrowth {
		return nil
	}
	return fmt.Errorf("the replacements of this tenant, one after the other, may make a string %.0f times as long; expected at most %d; "+
		"write some in Lua, where it is counted", growth, maxGrowth)
}

// growth returns the factor by which the replacements of a module, one after the other, lengthen a string at most: a hundred that double
// would fill any memory, and Caddy sets no bound. It is 1 for a module without.
func growth(u nested.Use) (float64, error) {
	factor := 1.0
	for place, list := range replacements(u) {
		for _, r := range list {
			f, err := r.growth()
			if err != nil {
				return 0, fmt.Errorf("%s: %w", place, err)
			}
			factor *= f
		}
	}
	return factor, nil
}

// maxInPool is how many replacements a pool may have. Those of a pool run while it forwards, where their time cannot be counted.
const maxInPool = 64

// start matches at once. It puts the base path of an upstream before a path, see package basepath.
const start = "^"

// noExpressions reports a pool that would replace what regular expressions match, or too much.
func noExpressions(u nested.Use) error {
	if u.ID != PoolID {
		return nil
	}
	n := 0
	for place, list := range replacements(u) {
		for _, r := range list {
			if n++; r.SearchRegexp != "" && r.SearchRegexp != start {
				return fmt.Errorf("%s has a regular expression, whose time is not counted in a pool; write it in the handler headers or rewrite", place)
			}
		}
	}
	if n > maxInPool {
		return fmt.Errorf("the pool has %d replacements; expected at most %d; write some in the handlers headers and rewrite", n, maxInPool)
	}
	return nil
}

// steps returns how many instructions the regular expressions of a module have, each of which may be taken for each byte of a text.
// To look for a plain text is one.
func steps(u nested.Use) (n int) {
	for _, list := range replacements(u) {
		for _, r := range list {
			n += max(1, instructions(r.SearchRegexp))
		}
	}
	type expression struct{ Pattern string }
	switch u.ID {
	case PoolID:
		var pool struct {
			Upstreams []struct{}
			Checks    struct {
				Active struct {
					Body string `json:"expect_body"`
				}
			} `json:"health_checks"`
		}
		_ = json.Unmarshal(u.Config, &pool) // Caddy says what is wrong
		n += len(pool.Upstreams) * instructions(pool.Checks.Active.Body)
	case matchers + "header_regexp", matchers + "vars_regexp":
		var fields map[string]expression
		_ = json.Unmarshal(u.Config, &fields) // Caddy says what is wrong
		for _, field := range fields {
			n += instructions(field.Pattern)
		}
	case matchers + "path_regexp":
		var path expression
		_ = json.Unmarshal(u.Config, &path)
		n = instructions(path.Pattern)
	}
	return n
}

func instructions(pattern string) int {
	if pattern == "" {
		return 0
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	program, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0
	}
	return len(program.Inst)
}

// replacements returns those of a module, by where they stand.
func replacements(u nested.Use) map[string][]replacement {
	all := map[string][]replacement{}
	switch u.ID {
	case handlers + "headers":
		inHeaders(all, "", u.Config)
	case handlers + "rewrite":
		inRewrite(all, "", u.Config)
	case PoolID:
		var pool struct{ Headers, Rewrite json.RawMessage }
		_ = json.Unmarshal(u.Config, &pool) // Caddy says what is wrong
		inHeaders(all, "headers.", pool.Headers)
		inRewrite(all, "rewrite.", pool.Rewrite)
	}
	return all
}

func inHeaders(all map[string][]replacement, place string, config json.RawMessage) {
	var headers struct {
		Request, Response struct {
			Replace map[string][]replacement
		}
	}
	_ = json.Unmarshal(config, &headers)
	for name, list := range headers.Request.Replace {
		all[place+"request.replace."+name] = list
	}
	for name, list := range headers.Response.Replace {
		all[place+"response.replace."+name] = list
	}
}

func inRewrite(all map[string][]replacement, place string, config json.RawMessage) {
	type op struct{ Find, Replace string }
	var rewrite struct {
		Substring []op `json:"uri_substring"`
		Regexp    []op `json:"path_regexp"`
		Query     struct{ Replace []replacement }
	}
	_ = json.Unmarshal(config, &rewrite)
	for _, o := range rewrite.Substring {
		all[place+"uri_substring"] = append(all[place+"uri_substring"], replacement{Search: o.Find, Replace: o.Replace})
	}
	for _, o := range rewrite.Regexp {
		all[place+"path_regexp"] = append(all[place+"path_regexp"], replacement{SearchRegexp: o.Find, Replace: o.Replace})
	}
	all[place+"query.replace"] = rewrite.Query.Replace
}

// growth returns the factor by which the result is longer, at most.
func (r replacement) growth() (float64, error) {
	if placeholder.MatchString(r.Search + r.SearchRegexp + r.Replace) {
		return 0, errors.New("a replacement with a placeholder may make a string of any length; write it in Lua, where it is counted")
	}
	replace := float64(len(r.Replace))
	switch {
	case r.SearchRegexp == "" && r.Search == "": // it is found between any two bytes
		return 1 + replace, nil
	case r.SearchRegexp == "":
		return max(1, replace/float64(len(r.Search))), nil
	}
	re, err := syntax.Parse(r.SearchRegexp, syntax.Perl)
	if err != nil {
		return 1, nil // Caddy says what is wrong
	}
	groups := float64(strings.Count(r.Replace, "$"))
	switch least := float64(shortest(re.Simplify())); {
	case once(re) && replace <= 1<<10:
		return max(1, groups), nil
	case least == 0: // it matches between any two bytes
		return 1 + replace + groups, nil
	default:
		return max(1, replace/least+groups), nil
	}
}

// once reports whether an expression can match only once, at the beginning.
func once(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginText:
		return true
	case syntax.OpConcat, syntax.OpCapture:
		return once(re.Sub[0])
	}
	return false
}

// shortest returns a lower bound of the length that an expression matches.
func shortest(re *syntax.Regexp) (n int) {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return shortest(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			n += shortest(sub)
		}
	case syntax.OpAlternate:
		n = shortest(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			n = min(n, shortest(sub))
		}
	}
	return n
}
