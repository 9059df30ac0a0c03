package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Lua 5.1 has no goto, and gopher-lua has: that of Lua 5.2. A goto that leaves the scope of variables closes those that
// functions have captured.

// gotos are the labels and gotos of a function.
type gotos struct {
	used   bool
	count  int
	labels map[string][]label      // those in scope, innermost last
	open   map[string][]unresolved // forward, by the name of the label
}

type label struct {
	block  *block
	at     int
	line   int
	locals int // in scope
}

type unresolved struct {
	index  int // among all gotos of the function
	close  int // the instruction that may have to close variables
	jump   jumps
	line   int
	locals int
}

func (f *function) gotoLabel(name string, line int) {
	f.gotos.used = true
	if known := f.gotos.labels[name]; len(known) > 0 {
		to := known[len(known)-1]
		if to.locals < len(f.active) {
			f.emit(lua.OP_CLOSE, to.locals, 0, 0)
		}
		f.jumpTo(f.jump(), to.at)
		return
	}
	if f.gotos.open == nil {
		f.gotos.open = map[string][]unresolved{}
	}
	g := unresolved{index: f.gotos.count, line: line, locals: len(f.active)}
	g.close = f.emit(lua.OP_NOP, 0, 0, 0)
	g.jump = f.jump()
	f.gotos.open[name] = append(f.gotos.open[name], g)
	f.gotos.count++
}

// label puts a label before the next statement. One at the end of a block is outside the scope of the block's variables.
func (f *function) label(name string, line int, atEnd bool) {
	f.gotos.used = true
	known := f.gotos.labels[name]
	if n := len(known); n > 0 && known[n-1].block == f.block {
		f.p.failAt(line, "label '%s' already defined on line %d", name, known[n-1].line)
	}
	to := label{f.block, f.here(), line, len(f.active)}
	if atEnd {
		to.locals = f.block.locals
	}
	if f.gotos.labels == nil {
		f.gotos.labels = map[string][]label{}
	}
	f.gotos.labels[name] = append(known, to)
	f.block.labels = append(f.block.labels, name)
	open := f.gotos.open[name]
	for n := len(open) - 1; n >= 0 && open[n].index >= f.block.first; n-- {
		f.resolve(name, open[n], to)
		f.gotos.open[name] = open[:n]
	}
}

func (f *function) resolve(name string, g unresolved, to label) {
	for _, v := range f.active[f.block.locals:max(to.locals, f.block.locals)] {
		if v.info.StartPc > g.close {
			f.p.failAt(g.line, "<goto %s> at line %d jumps into the scope of local '%s'", name, g.line, v.name)
		}
	}
	if g.locals > to.locals {
		f.code[g.close] = gopher.ABC(lua.OP_CLOSE, to.locals, 0, 0)
	}
	f.jumpTo(g.jump, to.at)
}

// endScope forgets labels.
func (g *gotos) endScope(names []string) {
	for _, name := range names {
		known := g.labels[name]
		g.labels[name] = known[:len(known)-1]
	}
}

func (g *gotos) mustBeResolved(p *parser) {
	var first *unresolved
	name := ""
	for label, open := range g.open {
		if len(open) > 0 && (first == nil || open[0].index < first.index) {
			first, name = &open[0], label
		}
	}
	if first != nil {
		p.failAt(first.line, "no visible label '%s' for <goto> at line %d", name, first.line)
	}
}
