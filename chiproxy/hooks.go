package chiproxy

import "github.com/luaroute/caddy-luaroute/chiproxy/origin"

// Verdict is what an action or a middleware did with a request.
type Verdict int

const (
	// Done says that the request was answered.
	Done Verdict = iota
	// Declined says that it was not, and that the next candidate is tried.
	Declined
)

// Guard decides whether a route or layer takes a request. It must not change the request.
type Guard interface {
	Allow(*Exchange) (bool, error)
}

// Middleware wraps an action. It calls next at most once, or answers itself.
type Middleware interface {
	Handle(ex *Exchange, next func() (Verdict, error)) (Verdict, error)
	Traits() Traits
}

// CrossOrigin is middleware that tells browsers which sites may use responses, and answers the preflights that they send. A preflight comes to
// that of the route for the request it asks for, if no route takes OPTIONS.
type CrossOrigin interface {
	Middleware
	// Share adds to the header of a response that leaves without having come through the middleware.
	Share(*Exchange)
}

// Action answers a request or declines it.
type Action interface {
	Do(*Exchange) (Verdict, error)
	Traits() Traits
}

// Describer is a guard, middleware or action that can say where it comes from.
type Describer interface {
	Describe() origin.Origin
}

// Describe returns the origin of a guard, middleware or action, if it is a Describer.
func Describe(x any) origin.Origin {
	if d, ok := x.(Describer); ok {
		return d.Describe()
	}
	return origin.Origin{Kind: "unknown"}
}

// Holder is what a hook keeps on an exchange between its calls, such as a virtual machine. It belongs to one
// tenant of the request.
type Holder interface {
	// Yield is called before Go waits for something long, such as an upstream. The holder releases what is not needed while Go waits.
	Yield()
	// Left is called when the header of the response has left.
	Left()
	// Release is called once, when the tenant is done with the request.
	Release()
}

// HookError is the failure of a hook: a script error, or a reached limit. ErrorPolicy applies to it, and its
// text is for logs only.
type HookError struct {
	Err error
	// ID is what the log calls it, or empty.
	ID string
	// Budget says that the hook reached a limit, not that it raised an error.
	Budget bool
	Origin origin.Origin
}

// Error returns the message of the script, with its place.
func (e *HookError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the script.
func (e *HookError) Unwrap() error { return e.Err }
