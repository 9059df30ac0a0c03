package simulate

import (
	"errors"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Suite is the tests of one file. The file is loaded as a script is, with the suite's Globals and Helpers, and declares
// tests; Run runs them then, in a state of their own, as a request would be.
type Suite struct {
	bench   *Bench
	session bool   // it has no tests, but what somebody types
	file    *group // the group of the whole file
	group   *group // of the describe that runs
	cases   []testCase

	table *routing.Table
	state *vm.State // while a test runs
	// entered are the groups whose setup has run, the outermost first.
	entered []entered
	// missed is the first expectation that was not met in a stub which another virtual machine has called: what that made of the error need
	// not reach the test.
	missed error
}

// NewSuite returns a suite without tests.
func NewSuite(bench *Bench) *Suite {
	file := &group{hooks: map[string][]vm.Ref{}}
	return &Suite{bench: bench, file: file, group: file}
}

// group is a describe, or the file.
type group struct {
	outer *group
	name  string
	hooks map[string][]vm.Ref // functions that run around tests, by the name of what declares them
}

// chain returns the groups around what is in a group, the outermost first.
func (g *group) chain() (all []*group) {
	for ; g != nil; g = g.outer {
		all = append(all, g)
	}
	slices.Reverse(all)
	return all
}

// path is the names of the groups around something, and its own.
func (g *group) path(name string) (all []string) {
	for _, g := range g.chain()[1:] {
		all = append(all, g.name)
	}
	return append(all, name)
}

// testCase is one it, or a pending.
type testCase struct {
	group   *group
	name    string
	ref     vm.Ref
	at      origin.Origin
	pending bool
}

func (c *testCase) path() []string { return c.group.path(c.name) }

// Globals are what a file of tests has besides what all scripts have.
func (s *Suite) Globals() map[string]lua.LValue {
	if s.session { // which loads the scripts themselves, as they are
		return nil
	}
	all := map[string]lua.LValue{}
	for _, g := range globals {
		all[g.doc.Name] = vm.Described(func(L *lua.LState) int { return g.fn(s, L) }, g.doc)
	}
	all[nameAssert] = newAssert()
	return all
}

// Helpers are what route has besides what it has in all scripts.
func (s *Suite) Helpers() map[string]*lua.LFunction {
	return map[string]*lua.LFunction{simulateDoc.Name: vm.Described(s.simulate, simulateDoc)}
}

// describe is describe(name, fn): a group of tests.
func (s *Suite) describe(L *lua.LState) int {
	name, fn := L.CheckString(1), L.CheckFunction(2)
	whileLoading(L, "describe", "call it outside of tests, to group them")
	outer := s.group
	s.group = &group{outer: outer, name: name, hooks: map[string][]vm.Ref{}}
	defer func() { s.group = outer }()
	L.Push(fn)
	L.Call(0, 0)
	return 0
}

// it is it(name, fn): a test.
func (s *Suite) it(L *lua.LState) int {
	name, fn := L.CheckString(1), L.CheckFunction(2)
	whileLoading(L, "it", "tests cannot be nested")
	ref, at := declare.Keep(L, fn)
	s.cases = append(s.cases, testCase{group: s.group, name: name, ref: ref, at: at})
	return 0
}

// pending is pending(name): a test that is still to be written. A function may follow, which is not run.
func (s *Suite) pending(L *lua.LState) int {
	name := L.CheckString(1)
	whileLoading(L, "pending", "call it where the test is going to be")
	s.cases = append(s.cases, testCase{group: s.group, name: name, at: declare.Here(L), pending: true})
	return 0
}

// around returns the function that declares one which runs around tests: setup, teardown, before_each or after_each.
func around(name string) func(*Suite, *lua.LState) int {
	return func(s *Suite, L *lua.LState) int {
		fn := L.CheckFunction(1)
		whileLoading(L, name, "call it beside the tests")
		ref, _ := declare.Keep(L, fn)
		s.group.hooks[name] = append(s.group.hooks[name], ref)
		return 0
	}
}

// whileLoading raises an error if a test runs already.
func whileLoading(L *lua.LState, name, instead string) {
	if st := vm.Of(L); st == nil || !st.Loading() {
		L.RaiseError("%s is called while a test runs; %s", name, instead)
	}
}

var errNoTests = errors.New("the file has no tests; expected it(name, function() … end)")
