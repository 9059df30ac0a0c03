// Package trace writes down which lines of scripts run, one after the other, and what becomes of their locals. Its Step is for vm.Options:
//
//	var tracer trace.Tracer
//	options.Step = tracer.Step
//	… scripts load …
//	lines, _ := tracer.Trace(func() { … a request runs … })
//	for _, line := range lines { fmt.Println(line.Script, line.Number, line.Locals) }
package trace

import (
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// most is how many lines are kept. A loop runs as long as a budget lets it.
const most = 1000

// Tracer traces. Any number of virtual machines may call its Step.
type Tracer struct {
	mu      sync.Mutex
	running bool
	lines   []Line
	omitted int
	calls   map[*gopher.Frame]*call
	// nested are the functions that run in each thread, by how many calls, also of Go functions, are around them.
	nested map[*lua.LState][]int
}

// Line is a line that has run.
type Line struct {
	Script string `json:"script"`
	Number int    `json:"line"`
	// Depth is how many functions of scripts are around its own.
	Depth int `json:"depth"`
	// Locals are those that have changed, as they are after the line: parameters of a function after its first one.
	Locals []Local `json:"locals,omitempty"`
}

// Local is a local variable.
type Local struct {
	Name string `json:"name"`
	// Value is written as a script would write it.
	Value string `json:"value"`
}

// call is a function that runs.
type call struct {
	fn   *lua.LFunction
	last int // the instruction that has run last
	line int // the number of the line that runs, and where it is among the lines; -1 if it is not there
	at   int
	seen map[*lua.DbgLocalInfo]string
	// depth is how many functions of scripts are around it in its thread.
	depth int
}

// Trace calls f, and returns the lines that have run meanwhile, the first thousand of them, and how many more there were.
func (t *Tracer) Trace(f func()) (lines []Line, omitted int) {
	t.mu.Lock()
	t.running, t.lines, t.omitted, t.calls = true, nil, 0, map[*gopher.Frame]*call{}
	t.nested = map[*lua.LState][]int{}
	t.mu.Unlock()
	f()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = false
	return t.lines, t.omitted
}

// Step notes the instruction that a thread is about to run.
func (t *Tracer) Step(L *lua.LState) {
	f := gopher.Running(L)
	if f == nil || f.Fn.IsG || f.Pc == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.running {
		return
	}
	pc := f.Pc - 1
	c := t.calls[f]
	if c == nil || c.fn != f.Fn || pc == 0 {
		c = t.begin(L, f)
	}
	proto := f.Fn.Proto
	line, returns := lineOf(proto, pc), gopher.Op(proto.Code[pc]) == lua.OP_RETURN
	if c.last >= 0 && (line != c.line || returns) {
		t.settle(L, f, c)
	}
	if line != c.line && pc < len(proto.Code)-1 { // the return at the end of each function is nobody's line
		c.line, c.at = line, -1
		if len(t.lines) < most {
			c.at = len(t.lines)
			t.lines = append(t.lines, Line{Script: proto.SourceName, Number: line, Depth: c.depth})
		} else {
			t.omitted++
		}
	}
	c.last = pc
}

// begin notes that a function is called. Those that are nested as deep have returned.
func (t *Tracer) begin(L *lua.LState, f *gopher.Frame) *call {
	around := t.nested[L]
	for len(around) > 0 && around[len(around)-1] >= f.Idx {
		around = around[:len(around)-1]
	}
	c := &call{fn: f.Fn, last: -1, seen: map[*lua.DbgLocalInfo]string{}, depth: len(around)}
	t.calls[f], t.nested[L] = c, append(around, f.Idx)
	return c
}

// settle notes which locals have changed since the line began that has run: those in scope where it ended, and where the function goes on.
func (t *Tracer) settle(L *lua.LState, f *gopher.Frame, c *call) {
	t.compare(L, f, c, c.last)
	t.compare(L, f, c, f.Pc-1)
}

// compare notes which of the locals that are in scope at an instruction have changed.
func (t *Tracer) compare(L *lua.LState, f *gopher.Frame, c *call, pc int) {
	register := 0
	for _, local := range c.fn.Proto.DbgLocals {
		if local.StartPc > pc {
			break
		}
		if pc >= local.EndPc {
			continue
		}
		v := f.Register(L, register)
		register++
		if v == nil || strings.HasPrefix(local.Name, "(") { // of a loop, which a script cannot name
			continue
		}
		text := shown(L, v)
		before, known := c.seen[local]
		c.seen[local] = text
		argument := !known && local.StartPc == 0
		if c.at >= 0 && (text != before || !known) && !(argument && opaque(v)) {
			t.lines[c.at].set(Local{local.Name, text})
		}
	}
}

// lineOf returns the line of an instruction. One that makes a function belongs to the line where that begins, and not where it ends.
func lineOf(proto *lua.FunctionProto, pc int) int {
	if code := proto.Code[pc]; gopher.Op(code) == lua.OP_CLOSURE {
		return proto.FunctionPrototypes[gopher.Bx(code)].LineDefined
	}
	return proto.DbgSourcePositions[pc]
}

// set notes a local that has changed, perhaps once more in a line that runs several times.
func (l *Line) set(local Local) {
	for i := range l.Locals {
		if l.Locals[i].Name == local.Name {
			l.Locals[i] = local
			return
		}
	}
	l.Locals = append(l.Locals, local)
}

// opaque reports whether a value shows nothing, as the request does.
func opaque(v lua.LValue) bool {
	switch v.Type() {
	case lua.LTFunction, lua.LTUserData, lua.LTThread, lua.LTChannel:
		return true
	}
	return false
}

// longest is how many bytes of a value are shown.
const longest = 80

func shown(L *lua.LState, v lua.LValue) string {
	if table, ok := v.(*lua.LTable); ok {
		v = vm.Readable(L, table)
	}
	text := value.Inspect(v)
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
