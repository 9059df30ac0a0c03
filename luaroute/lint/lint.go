// Package lint finds likely mistakes in scripts that load: accidental globals, module tables that requests write to, pools that nothing
// names, and, where an API describes what scripts can use, wrong uses of it: names that are misspelt, arguments and options that do not fit,
// results that nobody looks at. It runs nothing. Types are followed as far as they are certain; what is not known is not reported.
package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// Finding is a likely mistake.
type Finding struct {
	// Kind is the name of its Kind.
	Kind string
	// Script is the name of the script.
	Script string
	// Line and Column count from 1, Column in characters. They are 0 where they are not known.
	Line, Column int
	// Message says what was found, and what to write instead.
	Message string
}

// Scripts looks at scripts that work together: those of one instance, with their modules.
type Scripts struct {
	// API is what they can use, if that is known.
	API *API

	found   []Finding
	pools   []declared      // where pools are declared
	metrics []declared      // where metrics are declared
	tenants []string        // those that scripts declare
	open    map[string]bool // "pool", "tenant", "metric": some are declared whose names are not written in the scripts
	named   map[string]bool // strings that may name pools
	pieces  []string        // parts of strings that are concatenated
	legacy  bool            // a script is one of the old contract, which gets the pools as a list

	files   []*file
	ignores []*ignore
}

// declared is where a pool or a metric is declared; the message is its name.
type declared struct {
	Finding
	tenant string
	// within says that it is declared in the function of that tenant.
	within bool
}

// Add looks at a script, and returns the modules that it requires by constant names.
func (s *Scripts) Add(name string, code []byte) (modules []string, err error) {
	tree, err := script.Parse(name, code)
	if err != nil {
		return nil, err
	}
	if len(tree.Stmts) == 0 {
		s.found = append(s.found, Finding{Kind: "empty-script", Script: name, Line: 1, Message: "it has no code"})
	}
	if s.named == nil {
		s.named = map[string]bool{}
	}
	if s.open == nil {
		s.open = map[string]bool{}
	}
	handlers := map[string]bool{}
	quiet := &Scripts{named: map[string]bool{}, open: map[string]bool{}}
	(&walker{out: quiet, script: name, handlers: handlers}).walk(tree) // finds the names of functions that requests call
	w := &walker{out: s, script: name, handlers: handlers, legacy: quiet.legacy}
	w.walk(tree)
	f := resolve(name, tree)
	f.lines, f.requires = Lines(code), w.modules
	s.files = append(s.files, f)
	s.ignores = append(s.ignores, ignoresOf(f, script.Comments(code))...)
	return w.modules, nil
}

// Lines divides a script into lines, as the lexer does.
func Lines(code []byte) []string {
	text := strings.ReplaceAll(strings.ReplaceAll(string(code), "\r\n", "\n"), "\n\r", "\n")
	return strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
}

// Module notes that a module which a script requires is another of the scripts. All others are libraries.
func (s *Scripts) Module(script, module, file string) {
	for _, f := range s.files {
		if f.name == script {
			f.modules[module] = file
		}
	}
}

// Serves notes tenants for which a script or module runs: the default tenant, which has no name, and others. One for which none is noted may
// run for all of them.
func (s *Scripts) Serves(script string, tenants ...string) {
	for _, f := range s.files {
		if f.name == script {
			f.tenants = sorted(append(f.tenants, tenants...))
		}
	}
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

// Pool notes a pool that is declared elsewhere. The place is for the finding.
func (s *Scripts) Pool(name, place string) {
	s.pools = append(s.pools, declared{Finding: Finding{Kind: "unused-pool", Script: place, Message: name}})
}

// Note adds a finding of somebody else, which comments in the scripts can ignore as well.
func (s *Scripts) Note(f Finding) { s.found = append(s.found, f) }

// Findings returns what was found and is not ignored, by script and line.
func (s *Scripts) Findings() []Finding {
	all := slices.Clone(s.found)
	for _, pool := range s.pools {
		if !s.isNamed(pool.Message) {
			pool.Message = fmt.Sprintf("pool %q is declared, and nothing names it", pool.Message)
			all = append(all, pool.Finding)
		}
	}
	if s.API != nil {
		all = append(all, s.types()...)
	}
	for i := range all {
		all[i].Column = s.column(all[i])
	}
	all = s.unignored(all)
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Script, b.Script), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(all)
}

// types returns what is wrong with the use of the API.
func (s *Scripts) types() (found []Finding) {
	api := *s.API
	api.Names = s.names()
	a := &analysis{api: newAPI(api), files: map[string]*file{}, order: s.files}
	for _, f := range s.files {
		a.files[f.name] = f
		for _, module := range f.requires {
			f.own = f.own || f.modules[module] == "" && (module == a.api.Module || a.api.classes[library(ownName(a.api, module))] != nil)
		}
	}
	a.out = func(f *file, kind string, at syntax.Pos, message string) {
		found = append(found, Finding{kind, f.name, at.Line, at.Column, message})
	}
	a.run()
	return found
}

// column returns the column of a finding in characters.
func (s *Scripts) column(found Finding) int {
	for _, f := range s.files {
		if f.name == found.Script && found.Line > 0 && found.Line <= len(f.lines) {
			line := f.lines[found.Line-1]
			return min(found.Column, utf8.RuneCountInString(line[:min(max(found.Column-1, 0), len(line))])+1)
		}
	}
	return found.Column
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
