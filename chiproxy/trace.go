package chiproxy

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

// trace is what is written down while a request is explained. When it is served there is none.
type trace struct {
	run      bool
	stubs    Stubs
	decision explain.Decision
	writer   *explainWriter
	refusals refusals
	// client is the request as the client has sent it.
	client *http.Request
	// attempts are what was asked, by *candidate, *gate and scopeAnswer. last is the last one, until the search has fallen
	// through.
	attempts map[any]*attempt
	last     *attempt
	now      *attempt
	// waits says that a function decides, which was not run.
	waits bool
}

// attempt is what came of one candidate, or of the guards of one layer.
type attempt struct {
	checks []explain.Check
	steps  []explain.Step
	action string
	at     origin.Origin // of a scopeAnswer
	says   string        // of a scopeAnswer, the kind of the answer
	// denied says that a guard has said no, or failed.
	denied bool
	// listed says that the list of candidates has it.
	listed bool
}

// scopeAnswer is the answer of a scope where no route does.
type scopeAnswer struct {
	scope *scope
	kind  string
	n     int // of several of a kind
}

// fallbackKind is the kind of what a tenant has for all that no route takes.
func fallbackKind(a Action) string {
	if a.Traits().Forwards {
		return explain.KindUsePool
	}
	return explain.KindFallback
}

// begin writes down that something is asked now. What was before has not answered.
func (t *trace) begin(ex *Exchange, subject any) {
	a := &attempt{}
	if t.attempts == nil {
		t.attempts = map[any]*attempt{}
	}
	t.attempts[subject], t.last, t.now = a, a, a
	d := &t.decision
	*d = explain.Decision{Stops: d.Stops, Tenant: ex.Tenant(), Pattern: ex.Pattern()}
	switch s := subject.(type) {
	case *candidate:
		d.Route, d.Origin, d.Params = s.route.Name, s.route.Origin, maps.Collect(ex.Params())
		d.Action = describe(s.action)
	case scopeAnswer:
		a.at, d.Origin = s.scope.origin, s.scope.origin
	}
	a.action = d.Action
}

// gives writes down which answer a scope gives.
func (t *trace) gives(a *answer) {
	t.now.at, t.now.says, t.decision.Origin = a.spec.Origin, a.kind.name, a.spec.Origin
}

// through writes down that nothing in the table has answered.
func (t *trace) through() {
	t.last, t.now = nil, nil
	t.decision = explain.Decision{Stops: t.decision.Stops}
}

// checked writes down what a guard said.
func (t *trace) checked(ex *Exchange, g Guard, ok bool, err error) {
	c := checkOf(g, explain.CheckNo)
	switch {
	case err != nil:
		c.Verdict, c.Error = explain.CheckError, err.Error()
		ok = hookError(err) != nil && ex.policy().Mode == FailOpen
	case ok:
		c.Verdict = explain.CheckYes
	}
	t.now.denied = !ok
	t.now.checks = append(t.now.checks, c)
}

func checkOf(g Guard, verdict string) explain.Check {
	return explain.Check{Guard: describe(g), At: Describe(g).String(), Verdict: verdict}
}

// handle runs middleware, or passes it over.
func (t *trace) handle(ex *Exchange, mw Middleware) (Verdict, error) {
	a := t.now
	at := len(a.steps)
	step := explain.Step{Middleware: describe(mw), At: Describe(mw).String(), Verdict: explain.StepNotRun}
	a.steps = append(a.steps, step)
	if !t.runs(mw) {
		t.stop(fmt.Sprintf("%s was not run, and may answer or change the request", labelOf(mw, "middleware")))
		return ex.next()
	}
	depth := ex.chain.at
	v, err := mw.Handle(ex, ex.next)
	verdict := explain.StepPassed
	switch {
	case ex.chain.reached >= depth:
	case err != nil:
		verdict = explain.StepFailed
	case v == Declined:
		verdict = explain.StepDeclined
	default:
		verdict = explain.StepAnswered
	}
	a.steps[at].Verdict = verdict
	return v, err
}

// runs says whether middleware is run. Of Caddy's handlers those are that are known to send nothing.
func (t *trace) runs(mw Middleware) bool {
	if !t.run {
		return false
	}
	m, ok := mw.(Module)
	return !ok || hasNoSideEffects(m.Handler)
}

// stop says why the decision is not certain. What was passed over counts even if the candidate has declined: it might not
// have.
func (t *trace) stop(why string) {
	switch stops := t.decision.Stops; {
	case stops == "":
		t.decision.Stops = why
	case !slices.Contains(strings.Split(stops, "; "), why): // middleware stands around many candidates
		t.decision.Stops = stops + "; " + why
	}
}

// rest adds the middleware that was not reached.
func (t *trace) rest(mw []Middleware) {
	for _, m := range mw[min(len(t.now.steps), len(mw)):] {
		t.now.steps = append(t.now.steps, explain.Step{Middleware: describe(m), At: Describe(m).String(), Verdict: explain.StepUnasked})
	}
}

// do performs an action, unless it is a function that must not run.
func (t *trace) do(ex *Exchange, a Action) (Verdict, error) {
	if t.now.action == "" { // a scopeAnswer
		t.now.action, t.now.at = describe(a), originOf(a, t.now.at)
		t.decision.Action, t.decision.Origin = t.now.action, t.now.at
	}
	if !t.run && !a.Traits().Pure {
		t.stop(labelOf(a, "handler") + " decides")
		t.waits = true
		return Done, nil
	}
	return a.Do(ex)
}

// forward writes down what a pool gets, and lets its stub answer.
func (t *trace) forward(ex *Exchange, name string) error {
	d := &t.decision
	d.Pool, d.Upstream = name, pool.Chosen(ex.R)
	d.Request = t.handed(ex.R)
	if t.stubs == nil {
		return nil
	}
	if stub := t.stubs(name); stub != nil {
		return stub(ex.W, ex.R)
	}
	return nil
}

// module writes down what a handler of Caddy's gets that answers.
func (t *trace) module(ex *Exchange, name string) {
	ex.yield()
	t.decision.Handler, t.decision.Request = name, t.handed(ex.R)
}

// handNext is Caddy's next handler.
func (t *trace) handNext(_ http.ResponseWriter, r *http.Request) error {
	t.decision.Next, t.decision.Request = true, t.handed(r)
	return nil
}

// handed compares a request with that of the client.
func (t *trace) handed(r *http.Request) *explain.Handed {
	h := &explain.Handed{Method: r.Method, URI: r.URL.RequestURI(), Host: r.Host, Header: r.Header.Clone()}
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
	o := Describe(x)
	return strings.TrimSpace(o.Kind + " " + o.Text)
}

// originOf is where an action stands by its own account, as functions do, or else the place around it.
func originOf(a Action, around origin.Origin) origin.Origin {
	if at := Describe(a); at.String() != "" {
		return at
	}
	return around
}

// labelOf names something in a sentence: `the handler at main.lua:12`.
func labelOf(x any, role string) string {
	o := Describe(x)
	text := "the " + role
	if o.Kind != "function" && o.Text != "" {
		text += " " + o.Text
	}
	if at := o.String(); at != "" {
		text += " at " + at
	}
	return text
}
