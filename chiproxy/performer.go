package chiproxy

// Performer stands between a table and what it does with a request. That of a table that serves lets everything happen; that of
// chiproxy/explain writes down what would, and does only what nobody outside notices. Its methods are called while the request is
// served, and an Exchange is what it is for hooks.
type Performer interface {
	// Guard, Middleware and Action return what is asked, runs and is performed in the place of what they get.
	Guard(*Exchange, Guard) Guard
	Middleware(*Exchange, Middleware) Middleware
	Action(*Exchange, Action) Action
	// Forward reports whether it has stood in for a pool, to which the request would be forwarded otherwise, and with which error.
	Forward(ex *Exchange, pool string) (bool, error)
	// Handler reports whether it has stood in for a handler of Caddy's that answers.
	Handler(ex *Exchange, name string) bool
	// Refuse is for Exchange.Refuse.
	Refuse() func(what string)
}

// Live is the performer that lets everything happen.
type Live struct{}

// Guard returns the guard.
func (Live) Guard(_ *Exchange, g Guard) Guard { return g }

// Middleware returns the middleware.
func (Live) Middleware(_ *Exchange, mw Middleware) Middleware { return mw }

// Action returns the action.
func (Live) Action(_ *Exchange, a Action) Action { return a }

// Forward stands in for no pool.
func (Live) Forward(*Exchange, string) (bool, error) { return false, nil }

// Handler stands in for no handler.
func (Live) Handler(*Exchange, string) bool { return false }

// Refuse refuses nothing.
func (Live) Refuse() func(string) { return nil }

// Refuse returns what is to be called, with a few words, by those who would reach the world outside and do not because the
// request is only explained. It is nil when the request is served. It may be called at any time, by any goroutine.
func (ex *Exchange) Refuse() func(what string) { return ex.performer.Refuse() }

// Forgives reports whether an error of a guard is one that the policy of what is being tried takes for a yes.
func (ex *Exchange) Forgives(err error) bool {
	return hookError(err) != nil && ex.place.Policy().Mode == FailOpen
}

var _ Performer = Live{}
