package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/overlay"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// Session runs what somebody types, one chunk after another, in a virtual machine that has what the scripts have loaded: globals, modules and
// libraries. Chunks may assign globals, which stay. Nothing is sent or stored: the session says what would have been.
type Session struct {
	suite *Suite
	out   io.Writer
	said  []string // what the chunk that runs would have done
	run   *overlay.Run
}

// NewSession returns a session that writes the values of expressions, and what chunks print. Open opens it.
func NewSession(out io.Writer) *Session {
	suite := NewSuite(new(Bench))
	suite.session = true
	return &Session{suite: suite, out: out, run: overlay.NewRun(nil)}
}

// Suite returns what the scripts are loaded with: they get its helpers, and libraries from the bench.
func (s *Session) Suite() (*Suite, *Bench) { return s.suite, s.suite.bench }

// Open calls use while chunks can run. They ask the table, and have what the virtual machines have.
func (s *Session) Open(vms *hook.VMs, table *routing.Table, use func() error) error {
	s.suite.table, s.suite.bench.suite = table, s.suite
	s.suite.begin(vms)
	state := s.suite.state
	state.Refuse = s.refused
	state.Arm(limits, context.Background())
	return state.Scratch(func() error { // where globals may be assigned
		for name, fn := range s.globals() {
			state.L.Env.RawSetString(name, fn)
		}
		if _, failure := s.Run(context.Background(), 1, "route = route or require('luaroute')"); failure != nil {
			return failure
		}
		return use()
	})
}

// spoken are the functions of tests that a session has, too.
var spoken = []string{"expect", "spy", "stub"}

// globals are what a session has besides what all scripts have.
func (s *Session) globals() map[string]*lua.LFunction {
	all := map[string]*lua.LFunction{"print": vm.GoFunc(s.print)}
	for _, g := range globals {
		if slices.Contains(spoken, g.doc.Name) {
			all[g.doc.Name] = vm.Described(func(L *lua.LState) int { return g.fn(s.suite, L) }, g.doc)
		}
	}
	return all
}

// refused says what would have been done, once in a chunk.
func (s *Session) refused(what string) {
	if !slices.Contains(s.said, what) {
		s.said = append(s.said, what)
		_, _ = fmt.Fprintf(s.out, "not done: %s\n", what)
	}
}

// Chunk is the name of what is typed, in errors.
const Chunk = "stdin"

// Run runs a chunk whose first line has a number, with a budget of its own, and writes the values that it returns: those of an expression,
// which may begin with =. With more the text is only the beginning of a chunk, and the failure is what is wrong with it if nothing follows.
func (s *Session) Run(ctx context.Context, line int, text string) (more bool, failure *Failure) {
	program, err := compile(line, text)
	if err != nil {
		return script.Unfinished(err), FailureOf(err)
	}
	defer func() {
		if r := recover(); r != nil { // of a handler that the chunk called
			failure = &Failure{Message: fmt.Sprintf("panic: %v", r)}
		}
	}()
	state := s.suite.state
	if state.Ended() { // with the chunk before; what it has made is still there
		state.Revive()
	}
	state.Arm(limits, s.run.In(ctx))
	s.said = nil
	return false, s.call(state, program)
}

// call runs a program and writes its results.
func (s *Session) call(state *vm.State, program *script.Program) *Failure {
	top := state.L.GetTop()
	err := state.Call(state.L.NewFunctionFromProto(program.Proto), lua.MultRet)
	if err == nil {
		var results []lua.LValue
		for i := top + 1; i <= state.L.GetTop(); i++ {
			results = append(results, state.L.Get(i))
		}
		state.L.SetTop(top)
		err = state.Call(vm.GoFunc(s.show), 0, results...)
	}
	if err == nil {
		return nil
	}
	failure := FailureOf(err)
	if state.Panicked() {
		failure.Trace = "" // which is that of Go
	}
	return failure
}

// compile compiles a chunk: as an expression if it can be one.
func compile(line int, text string) (*script.Program, error) {
	before := strings.Repeat("\n", line-1)
	expression, asked := strings.CutPrefix(strings.TrimLeft(text, " \t"), "=")
	if !asked {
		expression = text
	}
	compiled := func(text string) (*script.Program, error) { return script.CompileLoaded(Chunk, []byte(before+text)) }
	program, err := compiled("return " + expression + "\n")
	switch {
	case err == nil: // but a function that is called in the end would take the place of the chunk in traces
		if called, err := compiled("return (function(...) return ... end)(" + expression + "\n)"); err == nil {
			program = called
		}
	case !asked && !script.Unfinished(err):
		program, err = compiled(text + "\n")
	}
	if own := (*script.Error)(nil); script.Unfinished(err) && errors.As(err, &own) {
		own.Line-- // the end is in the last line, not behind it
	}
	return program, err
}

// print is print, which scripts have for the log.
func (s *Session) print(L *lua.LState) int {
	var parts []string
	for i := 1; i <= L.GetTop(); i++ {
		parts = append(parts, textOf(L, L.Get(i)))
	}
	_, _ = fmt.Fprintln(s.out, strings.Join(parts, "\t"))
	return 0
}

// show writes values, a line for each or more.
func (s *Session) show(L *lua.LState) int {
	for i := 1; i <= L.GetTop(); i++ {
		_, _ = fmt.Fprintln(s.out, shown(L, L.Get(i)))
	}
	return 0
}

// textOf is the result of tostring.
func textOf(L *lua.LState, v lua.LValue) string {
	if text, ok := value.String(v); ok {
		return text
	}
	return L.ToStringMeta(v).String()
}

// shown is a value for somebody who reads it.
func shown(L *lua.LState, v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return value.Inspect(v)
	case *lua.LTable:
		if L.GetMetaField(v, "__tostring") == lua.LNil {
			return shownTable(L, v)
		}
	}
	return textOf(L, v)
}

// Bounds of a table that is shown.
const (
	maxWidth  = 100 // bytes, in one line
	maxFields = 100 // in lines of their own
)

// shownTable is a table in one line, or with a line for each field.
func shownTable(L *lua.LState, view *lua.LTable) string {
	t := vm.Readable(L, view)
	if flat := value.Inspect(t); len(flat) <= maxWidth {
		return flat
	}
	all := slices.DeleteFunc(value.Keys(t), func(k lua.LValue) bool { return k == lua.LString(script.GlobalsName) })
	var out strings.Builder
	out.WriteString("{\n")
	for i, k := range all {
		if i == maxFields {
			fmt.Fprintf(&out, "  … and %d more\n", len(all)-i)
			break
		}
		v := t.RawGet(k)
		text := value.Inspect(v)
		if inner, ok := v.(*lua.LTable); ok && vm.Readable(L, inner) != inner { // what is in there is not in the table itself
			text = "{…}"
		}
		fmt.Fprintf(&out, "  %s,\n", value.Field(t, k, text))
	}
	return out.String() + "}"
}
