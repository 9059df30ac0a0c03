// Package lint finds likely mistakes in scripts that load: accidental globals, module tables that requests write to, and pools that nothing
// names. It runs nothing and sometimes guesses, so it returns warnings.
package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// Warning is a likely mistake.
type Warning struct {
	// Script is the name of the script.
	Script string
	// Line counts from 1.
	Line int
	// Message says what was found, and what to write instead.
	Message string
}

// Scripts looks at scripts that work together: those of one instance, with their modules.
type Scripts struct {
	warnings []Warning
	pools    []Warning       // where pools are declared; the message is the name
	named    map[string]bool // strings that may name pools
	pieces   []string        // parts of strings that are concatenated
	legacy   bool            // a script is one of the old contract, which gets the pools as a list
}

// Add looks at a script, and returns the modules that it requires by constant names.
func (s *Scripts) Add(name string, code []byte) (modules []string, err error) {
	tree, err := script.Parse(name, code)
	if err != nil {
		return nil, err
	}
	if len(tree.Stmts) == 0 {
		s.warnings = append(s.warnings, Warning{Script: name, Line: 1, Message: "it has no code"})
	}
	if s.named == nil {
		s.named = map[string]bool{}
	}
	handlers := map[string]bool{}
	quiet := &Scripts{named: map[string]bool{}}
	(&walker{out: quiet, script: name, handlers: handlers}).walk(tree) // finds the names of functions that requests call
	w := &walker{out: s, script: name, handlers: handlers, legacy: quiet.legacy}
	w.walk(tree)
	return w.modules, nil
}

// Names notes pools that are named elsewhere, such as in the configuration.
func (s *Scripts) Names(pools ...string) {
	if s.named == nil {
		s.named = map[string]bool{}
	}
	for _, name := range pools {
		s.named[name] = true
	}
}

// Pool notes a pool that is declared elsewhere. The place is for the warning.
func (s *Scripts) Pool(name, place string) {
	s.pools = append(s.pools, Warning{Script: place, Message: name})
}

// Warnings returns what was found, by script and line.
func (s *Scripts) Warnings() []Warning {
	all := slices.Clone(s.warnings)
	for _, pool := range s.pools {
		if !s.isNamed(pool.Message) {
			pool.Message = fmt.Sprintf("pool %q is declared, and nothing names it", pool.Message)
			all = append(all, pool)
		}
	}
	slices.SortStableFunc(all, func(a, b Warning) int {
		return cmp.Or(strings.Compare(a.Script, b.Script), cmp.Compare(a.Line, b.Line))
	})
	return slices.Compact(all)
}

// isNamed reports whether a pool may be named somewhere: by a string, or by one that is concatenated.
func (s *Scripts) isNamed(pool string) bool {
	return s.legacy || s.named[pool] || slices.ContainsFunc(s.pieces, func(piece string) bool {
		return strings.HasPrefix(pool, piece) || strings.HasSuffix(pool, piece)
	})
}

// text notes a string of a script.
func (s *Scripts) text(value string) {
	s.named[value] = true
	if before, after, ok := strings.Cut(value, "%"); ok { // a format
		s.piece(before)
		s.piece(strings.TrimLeft(after, "0123456789.-sdq"))
	}
}

func (s *Scripts) piece(value string) {
	if value != "" {
		s.pieces = append(s.pieces, value)
	}
}

// pieceOf notes the strings among the operands of a concatenation.
func (s *Scripts) pieceOf(e syntax.Expr) {
	if text, ok := e.(*syntax.String); ok {
		s.piece(text.Value)
	}
}
