package explain

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
)

// trace is the performer of a request that is explained, and what it writes down.
type trace struct {
	run      bool
	stubs    Stubs
	decision Decision
	writer   *explainWriter
	refusals refusals
	// client is the request as the client has sent it.
	client *http.Request
	// attempts are what was asked. last is the last one, until the search has fallen through.
	attempts map[routing.Turn]*attempt
	last     *attempt
	now      *attempt
	// step is the place of the middleware that runs among the steps of now.
	step int
	// waits says that a function decides, which was not run.
	waits bool
}

// attempt is what came of one candidate, or of the guards of one layer.
type attempt struct {
	checks []Check
	steps  []Step
	around []chiproxy.Middleware // where something was performed, all that the steps are for
	action string
	at     origin.Origin // of what answers where no route does
	says   string        // of a scope, the kind of the answer
	// denied says that a guard has said no, or failed.
	denied bool
}

// Begin writes down that something is asked now. What was before has not answered.
func (t *trace) Begin(ex *chiproxy.Exchange, turn routing.Turn) {
	a := &attempt{}
	if t.attempts == nil {
		t.attempts = map[routing.Turn]*attempt{}
	}
	t.attempts[turn], t.last, t.now = a, a, a
	d := &t.decision
	*d = Decision{Stops: d.Stops, Tenant: ex.Tenant(), Pattern: ex.Pattern()}
	switch turn.Kind {
	case routing.TurnRoute:
		d.Route, d.Origin, d.Params = turn.Route().Name, turn.Origin(), maps.Collect(ex.Params())
		d.Action = describe(turn.Action())
	case routing.TurnGuards:
	default:
		a.at, d.Origin = turn.Origin(), turn.Origin()
	}
	a.action = d.Action
}

// Says writes down which answer a scope gives.
func (t *trace) Says(_ *chiproxy.Exchange, s routing.Saying) {
	t.now.at, t.now.says, t.decision.Origin = s.Origin, s.Kind, s.Origin
}

// Through writes down that nothing in the table has answered.
func (t *trace) Through(*chiproxy.Exchange) {
	t.last, t.now = nil, nil
	t.decision = Decision{Stops: t.decision.Stops}
}

// Guard returns a guard that writes down what it said.
func (t *trace) Guard(_ *chiproxy.Exchange, g chiproxy.Guard) chiproxy.Guard {
	return tracedGuard{g, t}
}

type tracedGuard struct {
	chiproxy.Guard
	trace *trace
}

// Allow asks the guard.
func (g tracedGuard) Allow(ex *chiproxy.Exchange) (bool, error) {
	ok, err := g.Guard.Allow(ex)
	c := checkOf(g.Guard, CheckNo)
	now := g.trace.now
	now.denied = !ok
	switch {
	case err != nil:
		c.Verdict, c.Error = CheckError, err.Error()
		now.denied = !ex.Forgives(err)
	case ok:
		c.Verdict = CheckYes
	default:
		if data, is := g.Guard.(*chiproxy.DataGuard); is {
			if missed := data.Missed(ex); missed != data.String() { // else the guard is named already
				c.Missed = missed
			}
		}
	}
	now.checks = append(now.checks, c)
	return ok, err
}

func checkOf(g chiproxy.Guard, verdict string) Check {
	return Check{Guard: describe(g), At: chiproxy.Describe(g).String(), Verdict: verdict}
}

// Middleware returns middleware that writes down what it did, or lets the request pass if it must not run.
func (t *trace) Middleware(_ *chiproxy.Exchange, mw chiproxy.Middleware) chiproxy.Middleware {
	return tracedMiddleware{mw, t}
}

type tracedMiddleware struct {
	chiproxy.Middleware
	trace *trace
}

// Handle runs the middleware, or passes it over.
func (m tracedMiddleware) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	t, mw := m.trace, m.Middleware
	a := t.now
	at := len(a.steps)
	a.around = ex.Middleware()
	a.steps = append(a.steps, stepOf(mw, StepNotRun))
	if !t.runs(mw) {
		t.stop(fmt.Sprintf("%s was not run, and may answer or change the request", labelOf(mw, "middleware")))
		return next()
	}
	passed := false
	around := t.step
	t.step = at
	v, err := mw.Handle(ex, func() (chiproxy.Verdict, error) {
		passed = true
		return next()
	})
	t.step = around
	verdict := StepPassed
	switch {
	case passed:
	case err != nil:
		verdict = StepFailed
	case v == chiproxy.Declined:
		verdict = StepDeclined
	default:
		verdict = StepAnswered
	}
	a.steps[at].Verdict = verdict
	return v, err
}

func stepOf(mw chiproxy.Middleware, verdict string) Step {
	return Step{Middleware: describe(mw), At: chiproxy.Describe(mw).String(), Verdict: verdict}
}

// all returns the steps, with those that were not reached.
func (a *attempt) all() []Step {
	all := a.steps
	for _, mw := range a.around[min(len(all), len(a.around)):] {
		all = append(all, stepOf(mw, StepUnasked))
	}
	return all
}

// runs reports whether middleware runs. Of Caddy's handlers, only those known to send nothing do.
func (t *trace) runs(mw chiproxy.Middleware) bool {
	if !t.run {
		return false
	}
	m, ok := mw.(chiproxy.Module)
	return !ok || hasNoSideEffects(m.Handler)
}

// stop says why the decision is not certain. Skipped middleware counts even if the candidate declined, since it might have answered.
func (t *trace) stop(why string) {
	switch stops := t.decision.Stops; {
	case stops == "":
		t.decision.Stops = why
	case !slices.Contains(strings.Split(stops, "; "), why): // middleware stands around many candidates
		t.decision.Stops = stops + "; " + why
	}
}

// Action returns the action, or one that answers nothing in the place of a function that must not run.
func (t *trace) Action(_ *chiproxy.Exchange, a chiproxy.Action) chiproxy.Action {
	if t.now.action == "" { // no route
		t.now.action, t.now.at = describe(a), originOf(a, t.now.at)
		t.decision.Action, t.decision.Origin = t.now.action, t.now.at
	}
	if !t.run && !a.Traits().Pure {
		t.stop(labelOf(a, "handler") + " decides")
		t.waits = true
		return waiting{a}
	}
	return a
}

// Variant writes down the part of a split that is taken; of a split in a split, the inner one.
func (t *trace) Variant(name string) { t.decision.Variant = name }

// waiting is an action that was not run.
type waiting struct{ chiproxy.Action }

// Do ends the search.
func (waiting) Do(*chiproxy.Exchange) (chiproxy.Verdict, error) { return chiproxy.Done, nil }

// Forward writes down what a pool gets, and lets its stub answer.
func (t *trace) Forward(ex *chiproxy.Exchange, name string) (bool, error) {
	d := &t.decision
	d.Pool, d.Upstream = name, pool.Chosen(ex.R)
	d.Request = t.handed(ex.R)
	if t.stubs == nil {
		return true, nil
	}
	if stub := t.stubs(name); stub != nil {
		return true, stub(ex.W, ex.R)
	}
	return true, nil
}

// Asks has functions of pools asked where functions run.
func (t *trace) Asks() bool { return t.run }

// Handler writes down what a handler of Caddy's gets that answers.
func (t *trace) Handler(ex *chiproxy.Exchange, name string) bool {
	ex.Yield()
	t.decision.Handler, t.decision.Request = name, t.handed(ex.R)
	return true
}

// Note writes down what the middleware that runs has found.
func (t *trace) Note(text string) {
	if t.step < len(t.now.steps) {
		t.now.steps[t.step].Note = text
	}
}

// Refuse returns the function to call instead of leaving the process.
func (t *trace) Refuse() func(what string) { return t.refusals.add }

// next is Caddy's next handler.
func (t *trace) next(_ http.ResponseWriter, r *http.Request) error {
	t.decision.Next, t.decision.Request = true, t.handed(r)
	return nil
}

// handed compares a request with that of the client.
func (t *trace) handed(r *http.Request) *Handed {
	h := &Handed{Method: r.Method, URI: r.URL.RequestURI(), Host: r.Host, Header: r.Header.Clone()}
	for name, values := range r.Header {
		if !slices.Equal(values, t.client.Header[name]) {
			if h.Changed == nil {
				h.Changed = http.Header{}
			}
			h.Changed[name] = slices.Clone(values)
		}
	}
	for name := range t.client.Header {
		if _, there := r.Header[name]; !there {
			h.Removed = append(h.Removed, name)
		}
	}
	slices.Sort(h.Removed)
	return h
}

// describe says what something is, such as `function`, `matcher remote_ip` or `proxy users`.
func describe(x any) string {
	o := chiproxy.Describe(x)
	return strings.TrimSpace(o.Kind + " " + o.Text)
}

// originOf is where an action stands by its own account, as functions do, or else the place around it.
func originOf(a chiproxy.Action, around origin.Origin) origin.Origin {
	if at := chiproxy.Describe(a); at.String() != "" {
		return at
	}
	return around
}

// labelOf names something in a sentence: `the handler at main.lua:12`.
func labelOf(x any, role string) string {
	o := chiproxy.Describe(x)
	text := "the " + role
	if o.Kind != "function" && o.Text != "" {
		text += " " + o.Text
	}
	if at := o.String(); at != "" {
		text += " at " + at
	}
	return text
}

var _ routing.Walker = (*trace)(nil)
