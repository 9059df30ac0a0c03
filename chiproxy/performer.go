package chiproxy

// Performer simulates what a table would do: that of chiproxy/explain records what would happen, and does nothing that leaves the process. Its
// methods are called while the request is served, with the Exchange that hooks see. A request that is really served has none: what does
// everything costs no call.
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

// guard returns the guard to ask instead of another one.
func (ex *Exchange) guard(g Guard) Guard {
	if ex.performer == nil {
		return g
	}
	return ex.performer.Guard(ex, g)
}

// middleware returns the middleware to run instead of another one.
func (ex *Exchange) middleware(mw Middleware) Middleware {
	if ex.performer == nil {
		return mw
	}
	return ex.performer.Middleware(ex, mw)
}

// action returns the action to perform instead of another one.
func (ex *Exchange) action(a Action) Action {
	if ex.performer == nil {
		return a
	}
	return ex.performer.Action(ex, a)
}

// Refuse returns the function to call, with a short description, instead of an action that leaves the process, because the request is only
// explained. It is nil when the request is served. It is safe for concurrent use.
func (ex *Exchange) Refuse() func(what string) {
	if ex.performer == nil {
		return nil
	}
	return ex.performer.Refuse()
}

// Note says what the middleware that runs has found, for the step of an explanation: "api: 58 of 100 left". It must hold no secret. What
// composes a text asks Refuse before, since nobody reads it while the request is served.
func (ex *Exchange) Note(text string) {
	if ex.performer != nil {
		ex.performer.Note(text)
	}
}

// Forgives reports whether the current policy treats an error of a guard as a yes.
func (ex *Exchange) Forgives(err error) bool {
	return hookError(err) != nil && ex.place.Policy().Mode == FailOpen
}
