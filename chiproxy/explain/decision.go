// Package explain shows how a table would handle a request, and why, and sends nothing:
//
//	r, err := explain.Request{Path: "/users/7"}.HTTP()
//	...
//	decision := explain.Decide(table, r, false)
//	err = decision.WriteText(os.Stdout)
//
// The request goes through the table as if it were served, with a performer that records each step and replaces
// everything that would leave the process. A Decision is data, JSON, and text for people.
package explain

import (
	"encoding/json"
	"net/http"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// Decision is how the table handles a request, and why.
type Decision struct {
	// Tenant, Route and Pattern name the route that answers. Tenant is empty for the default tenant, and all are empty
	// where no route answers.
	Tenant  string `json:"tenant,omitempty"`
	Route   string `json:"route,omitempty"`
	Pattern string `json:"pattern,omitempty"`
	// Params are the parameters of the pattern, by name.
	Params map[string]string `json:"params,omitempty"`
	// Origin is the place of what answers. In JSON it is "at".
	Origin origin.Origin `json:"-"`
	// Action says what answers, such as a pool, a function or a response.
	Action string `json:"action,omitempty"`
	// Variant is the part of a split that the request takes, empty for none.
	Variant string `json:"variant,omitempty"`
	// Pool is the pool that is forwarded to, Upstream the one upstream that the action names, and Handler the Caddy handler
	// that answers. They are empty for other actions.
	Pool     string `json:"pool,omitempty"`
	Upstream string `json:"upstream,omitempty"`
	Handler  string `json:"handler,omitempty"`
	// Next says that the request goes to Caddy's next handler.
	Next bool `json:"next,omitempty"`
	// Status is what is answered without an upstream, an error included. It is 0 where an upstream or Caddy decides it.
	Status int `json:"status,omitempty"`
	// Allow are the methods that a 405 names.
	Allow []string `json:"allow,omitempty"`
	// Stops says why the decision is not certain: something that decides was not run. The rest holds if that lets the
	// request pass. Empty stands for a certain decision.
	Stops string `json:"stops,omitempty"`
	// Err is the error that the request ends with, and Failure its text, without what Caddy adds to it for its log.
	Err     error  `json:"-"`
	Failure string `json:"error,omitempty"`
	// Request is the request as the pool, the Caddy handler or the next handler gets it, nil where there is none of them.
	Request *Handed `json:"request,omitempty"`
	// Header and Body are what was answered without an upstream. Body is cut after 1 MiB.
	Header http.Header `json:"response_headers,omitempty"`
	Body   string      `json:"response_body,omitempty"`
	// Candidates are all that could answer the request, in the order in which they are tried.
	Candidates []Candidate `json:"candidates"`
	// Omitted is how many candidates are left out because a shape has too many. All that were asked are there.
	Omitted int `json:"omitted,omitempty"`
	// Refused are the calls of scripts that were not made because they would have left the process.
	Refused []string `json:"refused,omitempty"`
}

// Handed is a request as it is forwarded or passed on.
type Handed struct {
	Method string `json:"method"`
	// URI is the path and the query, as they are written on the wire.
	URI  string `json:"uri"`
	Host string `json:"host"`
	// Header is the whole header.
	Header http.Header `json:"-"`
	// Changed are the header fields that differ from the client's, with their new values; Removed are the names of the
	// removed ones.
	Changed http.Header `json:"changed_headers,omitempty"`
	Removed []string    `json:"removed_headers,omitempty"`
}

// Kinds of candidates.
const (
	KindRoute    = "route"
	KindScope    = "scope"    // a scope that owns a prefix, and that no route in it answers for
	KindMissed   = "missed"   // not_found or method_not_allowed of a tenant or a layer
	KindFallback = "fallback" // the function of a tenant for all that no route takes
	KindUsePool  = "use_pool" // the pool of a tenant for all that no route takes
)

// Fates of candidates.
const (
	FateTaken   = "taken"       // it answers
	FateDecides = "decides"     // it is a function that was not run, and that the decision waits for
	FateFailed  = "failed"      // it ended the request with an error
	FateMethod  = "method"      // it is for other methods
	FateGuard   = "guard"       // one of its guards said no
	FateLayer   = "layer"       // a guard of the layer around it said no
	FateDecline = "declined"    // it was tried, and declined
	FateUnasked = "not reached" // something before it has answered
)

// Candidate is something that could answer a request.
type Candidate struct {
	Kind   string `json:"kind"`
	Fate   string `json:"fate"`
	Tenant string `json:"tenant,omitempty"`
	// Layer is the place of the innermost layer around it, empty outside of layers.
	Layer   string `json:"layer,omitempty"`
	Route   string `json:"route,omitempty"`
	Pattern string `json:"pattern,omitempty"`
	// Methods are those of the route. None stands for all.
	Methods []string `json:"methods,omitempty"`
	At      string   `json:"at,omitempty"`
	// Guards are those of the layers around it, the outermost first, and its own.
	Guards []Check `json:"guards,omitempty"`
	// Middleware are the steps around the action, the outermost first. They are there for a candidate that was tried.
	Middleware []Step `json:"middleware,omitempty"`
	Action     string `json:"action,omitempty"`
	// Says is the kind of answer that a scope or tenant gives: not_found or method_not_allowed. It is empty for all others.
	Says string `json:"says,omitempty"`
}

// Verdicts of a Check.
const (
	CheckYes     = "yes"
	CheckNo      = "no"
	CheckError   = "error"
	CheckUnasked = "not asked"
)

// Check is what one guard said.
type Check struct {
	Guard   string `json:"guard"`
	At      string `json:"at,omitempty"`
	Verdict string `json:"verdict"`
	// Layer says that the guard is that of a layer around the candidate.
	Layer bool   `json:"layer,omitempty"`
	Error string `json:"error,omitempty"`
	// Missed is the part of a guard of data that said no.
	Missed string `json:"missed,omitempty"`
}

// Verdicts of a Step.
const (
	StepPassed   = "passed"      // it handed the request on to what is inside
	StepAnswered = "answered"    // it answered itself
	StepDeclined = "declined"    // it declined
	StepFailed   = "failed"      // it ended in an error
	StepNotRun   = "not run"     // it was passed over
	StepUnasked  = "not reached" // something before it has answered
)

// Step is what one middleware did.
type Step struct {
	Middleware string `json:"middleware"`
	At         string `json:"at,omitempty"`
	Verdict    string `json:"verdict"`
	// Note is what the middleware has found, such as what is left of a limit.
	Note string `json:"note,omitempty"`
}

// Answers returns the candidate that answers, or that would have to be run to know, or nil.
func (d *Decision) Answers() *Candidate {
	for i := range d.Candidates {
		if c := &d.Candidates[i]; c.Fate == FateTaken || c.Fate == FateFailed || c.Fate == FateDecides {
			return c
		}
	}
	return nil
}

// MarshalJSON writes the place as a string.
func (d Decision) MarshalJSON() ([]byte, error) {
	type plain Decision
	out := struct {
		plain
		At string `json:"at,omitempty"`
	}{plain: plain(d), At: d.Origin.String()}
	if out.Candidates == nil {
		out.Candidates = []Candidate{}
	}
	return json.Marshal(out)
}

var _ json.Marshaler = Decision{}
