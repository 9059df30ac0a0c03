package chiproxy

import "net/http"

// Traits are what is known of an action or middleware before it runs. Computing them must be cheap, as each request does.
type Traits struct {
	// Declines reports whether it may pass the request to the next candidate. Errors are up to ErrorPolicy.
	Declines bool
	// Changes reports whether it may change the request, its variables or the header of the response without calling
	// Exchange.Snapshot before. All of its requests are copied where something may decline. Middleware of which it is false
	// passes on what next has returned: after an error in there it does not decline.
	Changes bool
	// Forwards reports whether it gives the request to a pool.
	Forwards bool
	// Pure reports whether an action runs no code but ours: what reaches beyond the request it leaves to the exchange, which does
	// not do it while the request is only explained.
	Pure bool
	// Status is its fixed status, 0 if that depends on the request.
	Status int
	// Admits says from whom middleware keeps nothing. What is not known to admit is a guard, which no other spelling of a path gets around.
	Admits Admission
}

// Admission says from whom middleware keeps nothing: who comes around it can do and see no more than who comes through it.
type Admission int

const (
	// AdmitsSome is what guards, or may do so.
	AdmitsSome Admission = iota
	// AdmitsAllButSites keeps something from scripts of other sites only, which browsers tell by the field Origin.
	AdmitsAllButSites
	// AdmitsAll keeps nothing from anybody.
	AdmitsAll
)

// TraitsOf returns the traits of an action. An unknown one, as when its names could not be resolved, may do anything.
func TraitsOf(a Action) Traits {
	if a == nil {
		return Traits{Declines: true, Changes: true}
	}
	return a.Traits()
}

// NeverDeclines reports whether nothing is asked after it: it does not decline, and neither does the policy for its errors.
func (t Traits) NeverDeclines(policy *ErrorPolicy) bool {
	return !t.Declines && policy.Mode == FailClosed
}

// Open reports whether it admits everybody: it forwards, or answers with a status below 300.
func (t Traits) Open() bool { return t.Forwards || t.Status != 0 && t.Status < 300 }

// Refuses reports whether it denies the client access.
func (t Traits) Refuses() bool {
	switch t.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		return false
	}
	return t.Status >= 400
}
