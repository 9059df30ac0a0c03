package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Suite is the tests of one file. The file is loaded as a script is, with the suite's Globals and Helpers, and declares
// tests; Run runs them then, in a state of their own, as a request would be.
type Suite struct {
	path  []string // of the describe that runs
	cases []testCase
	table *routing.Table
	state *vm.State // while a test runs
}

// testCase is one it.
type testCase struct {
	path   []string
	ref    vm.Ref
	script string
	line   int
}

// Globals are what a file of tests has besides what all scripts have.
func (s *Suite) Globals() map[string]lua.LValue {
	all := map[string]lua.LValue{}
	for _, g := range globals {
		all[g.doc.Name] = vm.GoFunc(func(L *lua.LState) int { return g.fn(s, L) })
	}
	return all
}

// Helpers are what route has besides what it has in all scripts.
func (s *Suite) Helpers() map[string]*lua.LFunction {
	return map[string]*lua.LFunction{simulateDoc.Name: vm.GoFunc(s.simulate)}
}

// describe is describe(name, fn): a group of tests.
func (s *Suite) describe(L *lua.LState) int {
	name, fn := L.CheckString(1), L.CheckFunction(2)
	if st := vm.Of(L); st == nil || !st.Loading() {
		L.RaiseError("describe is called while a test runs; call it outside of tests, to group them")
	}
	s.path = append(s.path, name)
	defer func() { s.path = s.path[:len(s.path)-1] }()
	L.Push(fn)
	L.Call(0, 0)
	return 0
}

// it is it(name, fn): a test.
func (s *Suite) it(L *lua.LState) int {
	name, fn := L.CheckString(1), L.CheckFunction(2)
	if st := vm.Of(L); st == nil || !st.Loading() {
		L.RaiseError("it is called while a test runs; tests cannot be nested")
	}
	ref, origin := declare.Keep(L, fn)
	s.cases = append(s.cases, testCase{slices.Concat(s.path, []string{name}), ref, origin.Script, origin.Line})
	return 0
}

var errNoTests = errors.New("the file has no tests; expected it(name, function() … end)")

// limits are those of one test.
var limits = vm.Limits{CPU: time.Second, Wall: 30 * time.Second, Memory: vm.DefaultLoadLimits.Memory}

// Run runs the tests in order. route.simulate asks the table. The functions of tests run in states of vms.
func (s *Suite) Run(ctx context.Context, vms *hook.VMs, table *routing.Table) ([]Test, error) {
	if len(s.cases) == 0 {
		return nil, errNoTests
	}
	s.table = table
	defer func() { s.state = nil }()
	var all []Test
	for _, c := range s.cases {
		if s.state == nil || s.state.Broken() {
			s.state = vms.NewState()
		}
		all = append(all, s.run(ctx, c))
	}
	return all, nil
}

// run runs one test.
func (s *Suite) run(ctx context.Context, c testCase) (t Test) {
	t = Test{Name: c.path, Script: c.script, Line: c.line}
	start := time.Now()
	defer func() {
		if r := recover(); r != nil { // of a handler that the test called; the state is broken
			t.Failure = &Failure{At: fmt.Sprintf("%s:%d", c.script, c.line), Message: fmt.Sprintf("panic: %v", r)}
		}
		t.Seconds = time.Since(start).Seconds()
	}()
	s.state.Arm(limits, ctx)
	s.state.Refuse = func(string) {} // a test dials nothing
	if err := s.state.Call(s.state.Func(c.ref), 0); err != nil {
		t.Failure = failureOf(err)
	}
	return t
}

// failureOf describes the error that a test ended with.
func failureOf(err error) *Failure {
	var own *script.Error
	if !errors.As(err, &own) {
		return &Failure{Message: err.Error()}
	}
	f := &Failure{Message: own.Message}
	if own.Script != "" {
		f.At = origin.Origin{Script: own.Script, Line: own.Line}.String()
	}
	var unmet *unmet
	if errors.As(err, &unmet) {
		f.Found, f.Expected = unmet.found, unmet.expected
	} else {
		f.Trace = strings.TrimSpace(own.Trace)
	}
	return f
}
