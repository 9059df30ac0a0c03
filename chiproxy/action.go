package chiproxy

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Next hands the request to Caddy's next handler, inside the middleware of the route. What that handler does is the
// answer, so no other candidate is tried. If an earlier route would match the path as Caddy's path matchers read it,
// the answer is 404 instead.
type Next struct{}

// Do calls the next handler.
func (Next) Do(ex *Exchange) (Verdict, error) {
	ex.Yield()
	ex.Becomes(telemetry.Declined)
	return Done, ex.place.Onward()
}

// Traits are those of an action that never declines.
func (Next) Traits() Traits { return Traits{Changes: true, Pure: true} }

// Describe names the action.
func (Next) Describe() origin.Origin { return origin.Origin{Kind: "next"} }

// Decline declines the request, as if a guard had done so.
type Decline struct{}

// Do declines.
func (Decline) Do(*Exchange) (Verdict, error) { return Declined, nil }

// Traits are those of an action that declines.
func (Decline) Traits() Traits { return Traits{Declines: true, Pure: true} }

// Describe names the action.
func (Decline) Describe() origin.Origin { return origin.Origin{Kind: "decline"} }

// Error ends the request with an error, which Caddy's handle_errors sees. Without such a handler
// the client gets the status and an empty body.
type Error struct {
	// Status is from 400 to 999. Zero stands for 500.
	Status int
	// Message is for logs and placeholders. Empty stands for the name of the status.
	Message string
}

// Check reports a status that is not an error.
func (a Error) Check() error {
	if a.Status != 0 && (a.Status < 400 || a.Status > 999) {
		return fmt.Errorf("error: status %d: expected 400 to 999", a.Status)
	}
	return nil
}

// Do returns the error.
func (a Error) Do(*Exchange) (Verdict, error) {
	if err := a.Check(); err != nil {
		return Done, err
	}
	message := a.Message
	if message == "" {
		message = http.StatusText(a.status())
	}
	return Done, caddyhttp.Error(a.status(), failure.RaisedError(message))
}

func (a Error) status() int {
	if a.Status == 0 {
		return http.StatusInternalServerError
	}
	return a.Status
}

// Traits are those of an answer.
func (a Error) Traits() Traits { return Traits{Pure: true, Status: a.status()} }

// Describe shows the status.
func (a Error) Describe() origin.Origin {
	return origin.Origin{Kind: "error", Text: strconv.Itoa(a.status())}
}

// Bind checks the status when the table is built.
func (a Error) Bind(*PoolScope) (Action, error) { return a, a.Check() }

// Binder is an action that refers to something by name, or has something to check. Build binds every action of the
// specification once, so that a wrong name is an error of the load and costs nothing per request; an action that a
// hook returns is bound when it is performed.
type Binder interface {
	Bind(*PoolScope) (Action, error)
}

// MiddlewareBinder is a Binder among middleware. It is bound for each scope that uses it.
type MiddlewareBinder interface {
	BindMiddleware(*PoolScope) (Middleware, error)
}

// Bind resolves the names in an action, if it has any.
func (s *PoolScope) Bind(a Action) (Action, error) {
	if b, ok := a.(Binder); ok {
		return b.Bind(s)
	}
	return a, nil
}

// BindMiddleware resolves the names in middleware, if it has any.
func (s *PoolScope) BindMiddleware(mw Middleware) (Middleware, error) {
	if b, ok := mw.(MiddlewareBinder); ok {
		return b.BindMiddleware(s)
	}
	return mw, nil
}

var (
	_ Action = Next{}
	_ Action = Decline{}
	_ Action = Error{}
	_ Binder = Error{}
)
