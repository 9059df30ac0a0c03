package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/overlay"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// limits are those of one test, and of each function that runs around it.
var limits = vm.Limits{CPU: time.Second, Wall: 30 * time.Second, Memory: vm.DefaultLoadLimits.Memory}

// entered is a group some of whose tests have run or are going to.
type entered struct {
	*group
	doubles int      // how many there were before
	failure *Failure // of its setup
	// run is what its functions write to stores. Tests in it begin with that, and do not see what others write.
	run *overlay.Run
}

// Run runs the tests that are selected, in order. route.simulate asks the table. The functions of tests run in states of vms.
func (s *Suite) Run(ctx context.Context, vms *hook.VMs, table *routing.Table) ([]Test, error) {
	if len(s.cases) == 0 {
		return nil, errNoTests
	}
	cases, err := s.selected()
	if err != nil {
		return nil, err
	}
	s.table, s.bench.suite = table, s
	defer func() { s.state, s.bench.suite = nil, nil }()
	all := []Test{}
	for i, c := range cases {
		if s.state == nil || s.state.Broken() {
			s.begin(vms)
		}
		all = append(all, s.test(ctx, c))
		var next []*group
		if i+1 < len(cases) {
			next = cases[i+1].group.chain()
		}
		all = append(all, s.leave(ctx, next)...)
	}
	return all, nil
}

func (s *Suite) selected() (cases []testCase, err error) {
	selector := s.bench.Selection.selector()
	for _, c := range s.cases {
		taken, err := selector.takes(title(c.path()))
		if err != nil {
			return nil, err
		}
		if taken {
			cases = append(cases, c)
		}
	}
	return cases, nil
}

// begin takes a new state. What was set up in the one before is gone, so that groups are entered again.
func (s *Suite) begin(vms *hook.VMs) {
	s.state = vms.NewState()
	s.state.Refuse = func(string) {} // a test dials nothing
	s.entered, s.bench.doubles = nil, nil
}

// test runs one test, with what is around it.
func (s *Suite) test(ctx context.Context, c testCase) (t Test) {
	t = Test{Name: c.path(), Script: c.at.Script, Line: c.at.Line, Pending: c.pending}
	if c.pending {
		return t
	}
	start := time.Now()
	defer func() { t.Seconds = time.Since(start).Seconds() }()
	groups := c.group.chain()
	if t.Failure = s.enter(ctx, groups); t.Failure != nil {
		return t
	}
	doubles := len(s.bench.doubles)
	s.missed = nil
	var before []vm.Ref
	for _, g := range groups {
		before = append(before, g.hooks[nameBeforeEach]...)
	}
	ctx = overlay.NewRun(s.entered[len(groups)-1].run).In(ctx)
	t.Failure = s.call(ctx, c.at, append(before, c.ref))
	for _, g := range slices.Backward(groups) {
		if failure := s.call(ctx, c.at, g.hooks[nameAfterEach]); t.Failure == nil {
			t.Failure = failure
		}
	}
	if t.Failure == nil && s.missed != nil {
		t.Failure = FailureOf(s.missed)
	}
	s.bench.doubles = s.bench.doubles[:doubles]
	return t
}

// enter runs the setups of groups that have not been entered yet. It returns the failure of the first that has failed, now or before.
func (s *Suite) enter(ctx context.Context, groups []*group) *Failure {
	for i, g := range groups {
		if i == len(s.entered) {
			var outer *overlay.Run
			if i > 0 {
				outer = s.entered[i-1].run
			}
			s.entered = append(s.entered, entered{group: g, doubles: len(s.bench.doubles), run: overlay.NewRun(outer)})
			s.entered[i].failure = s.call(s.entered[i].run.In(ctx), origin.Origin{}, g.hooks[nameSetup])
		}
		if failure := s.entered[i].failure; failure != nil {
			return failure
		}
	}
	return nil
}

// leave runs the teardowns of the groups that have been entered and are not among the next ones. Those that fail are results of their own.
func (s *Suite) leave(ctx context.Context, next []*group) (failed []Test) {
	for i, g := range slices.Backward(s.entered) {
		if i < len(next) && next[i] == g.group {
			return failed
		}
		if failure := s.call(g.run.In(ctx), origin.Origin{}, g.hooks[nameTeardown]); failure != nil {
			failed = append(failed, Test{Name: g.path(nameTeardown), Failure: failure})
		}
		s.entered, s.bench.doubles = s.entered[:i], s.bench.doubles[:g.doubles]
	}
	return failed
}

// call calls functions until one fails, each with a budget of its own. If the state broke before, there is nothing left to call them in.
func (s *Suite) call(ctx context.Context, at origin.Origin, all []vm.Ref) (f *Failure) {
	defer func() {
		if r := recover(); r != nil { // of a handler that the test called; the state is broken
			f = &Failure{Message: fmt.Sprintf("panic: %v", r)}
			if at.Line != 0 {
				f.At = fmt.Sprintf("%s:%d", at.Script, at.Line)
			}
		}
	}()
	for _, ref := range all {
		if s.state.Broken() {
			return nil
		}
		s.state.Arm(limits, ctx)
		if err := s.state.Call(s.state.Func(ref), 0); err != nil {
			return FailureOf(err)
		}
	}
	return nil
}

// FailureOf describes the error that a test, or the load of a file, ended with.
func FailureOf(err error) *Failure {
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
