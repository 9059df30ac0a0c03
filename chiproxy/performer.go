package chiproxy

// Performer decides whether a table acts or only simulates. Live, for serving, does everything; that of chiproxy/explain records what would
// happen, and does nothing that leaves the process. Its methods are called while the request is served, with the Exchange that hooks see.
type Performer interface {
	// Guard, Middleware and Action return what to use instead of their argument.
	Guard(*Exchange, Guard) Guard
	Middleware(*Exchange, Middleware) Middleware
	Action(*Exchange, Action) Action
	// Forward reports whether it has replaced forwarding to a pool, and with which error.
	Forward(ex *Exchange, pool string) (bool, error)
	// Asks reports whether functions of pools are asked for upstreams.
	Asks() bool
	// Handler reports whether it has replaced a Caddy handler that answers.
	Handler(ex *Exchange, name string) bool
	// Variant is told the part of a split that the request takes.
	Variant(name string)
	// Note is for Exchange.Note.
	Note(text string)
	// Refuse is for Exchange.Refuse.
	Refuse() func(what string)
}

// Live is the performer of requests that are served.
type Live struct{}

// Guard returns the guard.
func (Live) Guard(_ *Exchange, g Guard) Guard { return g }

// Middleware returns the middleware.
func (Live) Middleware(_ *Exchange, mw Middleware) Middleware { return mw }

// Action returns the action.
func (Live) Action(_ *Exchange, a Action) Action { return a }

// Forward stands in for no pool.
func (Live) Forward(*Exchange, string) (bool, error) { return false, nil }

// Asks has functions asked.
func (Live) Asks() bool { return true }

// Handler stands in for no handler.
func (Live) Handler(*Exchange, string) bool { return false }

// Variant writes nothing down.
func (Live) Variant(string) {}

// Note writes nothing down.
func (Live) Note(string) {}

// Refuse refuses nothing.
func (Live) Refuse() func(string) { return nil }

// Refuse returns the function to call, with a short description, instead of an action that leaves the process, because the request is only
// explained. It is nil when the request is served. It is safe for concurrent use.
func (ex *Exchange) Refuse() func(what string) { return ex.performer.Refuse() }

// Note says what the middleware that runs has found, for the step of an explanation: "api: 58 of 100 left". It must hold no secret. What
// composes a text asks Refuse before, since nobody reads it while the request is served.
func (ex *Exchange) Note(text string) { ex.performer.Note(text) }

// Forgives reports whether the current policy treats an error of a guard as a yes.
func (ex *Exchange) Forgives(err error) bool {
	return hookError(err) != nil && ex.place.Policy().Mode == FailOpen
}

var _ Performer = Live{}
