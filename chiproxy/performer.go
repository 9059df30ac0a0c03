package chiproxy

// Performer stands between a table and what it does with a request. That of Table.Serve lets everything happen; that of
// chiproxy/explain writes down what would, and does only what nobody outside notices. Its methods are called while the request is
// served, and an Exchange is what it is for hooks.
type Performer interface {
	// Begin is told whose turn it is. Whatever was asked before has not answered.
	Begin(*Exchange, Turn)
	// Says is told which answer the scope gives whose turn it is.
	Says(*Exchange, Saying)
	// Through is told that nothing in the table has answered.
	Through(*Exchange)
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

// actual lets everything happen.
type actual struct{}

func (actual) Begin(*Exchange, Turn)                            {}
func (actual) Says(*Exchange, Saying)                           {}
func (actual) Through(*Exchange)                                {}
func (actual) Guard(_ *Exchange, g Guard) Guard                 { return g }
func (actual) Middleware(_ *Exchange, mw Middleware) Middleware { return mw }
func (actual) Action(_ *Exchange, a Action) Action              { return a }
func (actual) Forward(*Exchange, string) (bool, error)          { return false, nil }
func (actual) Handler(*Exchange, string) bool                   { return false }
func (actual) Refuse() func(string)                             { return nil }

// Refuse returns what is to be called, with a few words, by those who would reach the world outside and do not because the
// request is only explained. It is nil when the request is served. It may be called at any time, by any goroutine.
func (ex *Exchange) Refuse() func(what string) { return ex.performer.Refuse() }

// Forgives reports whether an error of a guard is one that the policy of what is being tried takes for a yes.
func (ex *Exchange) Forgives(err error) bool {
	return hookError(err) != nil && ex.policy().Mode == FailOpen
}

var _ Performer = actual{}
