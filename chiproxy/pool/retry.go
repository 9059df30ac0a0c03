package pool

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Caddy asks its retry_match about errors of round trips, and about responses only where an expression in it reads the status (reverseproxy.go,
// matcherSetReferencesResponse). It asks about the last try, too, and a yes then throws the response away: so the answer is no before anybody is
// asked where no try is left.

// responseExpression is an expression that reads the status and always holds.
const responseExpression = `{http.reverse_proxy.status_code} != "never"`

// newResponseExpression returns the matcher that has Caddy ask about responses.
func newResponseExpression(ctx caddy.Context) (caddyhttp.RequestMatcherWithError, error) {
	expression := &caddyhttp.MatchExpression{Expr: responseExpression}
	return expression, expression.Provision(ctx)
}

// retrier is the matcher that asks the function of a request. It stands before the expression, which is evaluated only for a yes.
type retrier struct{ pool *Pool }

// MatchWithError reports whether there is to be another try.
func (m retrier) MatchWithError(r *http.Request) (bool, error) {
	// The status may be that of an earlier try.
	_, broken := replacerOf(r).Get("http.reverse_proxy.is_transport_error")
	if a := askingOf(r, m.pool); a != nil {
		return a.retries(r, broken), nil
	}
	return asCaddy(r, broken), nil
}

// asCaddy reports whether Caddy would try again without a matcher.
func asCaddy(r *http.Request, broken bool) bool { return broken && r.Method == http.MethodGet }

func (a *Asking) retries(r *http.Request, broken bool) bool {
	if isUpgrade(a.client) {
		return asCaddy(r, broken)
	}
	try := &Try{Number: a.number, Upstream: a.trip.Upstream.Dial, Elapsed: time.Since(a.start)}
	var is bool
	if try.Left, is = a.left(); !is {
		return false
	}
	if broken {
		try.Err = a.trip.Err
	} else {
		try.Status, try.Header = a.trip.Response.StatusCode, a.trip.Response.Header
	}
	again, says, err := a.asker.Retry(try)
	switch {
	case err != nil:
		a.fails(err)
		if again = a.err != nil; !again { // else the next try ends the request with the error
			again = asCaddy(r, broken)
		}
	case !says:
		again = asCaddy(r, broken)
	}
	if _, is := a.left(); !again || !is { // the function may have waited
		return false
	}
	if a.err == nil && !a.mayResend() {
		if says {
			a.asker.Log("retry says to try again, but the upstream has read the body and it is not in memory; read it by req:body() before, or set request_buffers")
		}
		return false
	}
	return true
}

func isUpgrade(r *http.Request) bool {
	return r.Header.Get("Upgrade") != "" || r.Method == http.MethodConnect
}

// spareTime is what must be left of the time for another try, so that it has not run out when Caddy looks at its clock, after ours.
const spareTime = 10 * time.Millisecond

// left returns how many tries may follow, -1 if only the time bounds them, and whether there is any.
func (a *Asking) left() (int, bool) {
	lb := a.pool.handler.LoadBalancing
	if lb.TryDuration > 0 && time.Since(a.start)+spareTime >= time.Duration(lb.TryDuration) {
		return 0, false
	}
	if lb.Retries > 0 {
		n := lb.Retries - (a.number - 1)
		return n, n > 0
	}
	return -1, lb.TryDuration > 0
}

// prepareBody gives a try its body.
func (a *Asking) prepareBody(r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	if a.number > 1 || !a.held {
		if a.asker.Body(r) {
			a.body = nil
			return
		}
	}
	if !a.pool.kinds.Retry || a.held {
		return
	}
	if _, buffered := r.Body.(io.WriterTo); buffered { // by Caddy's request_buffers: it is there for each try
		return
	}
	if a.body == nil {
		a.body = &sentBody{ReadCloser: r.Body}
	} else if a.body.revoke() {
		a.body = &sentBody{ReadCloser: a.body.ReadCloser}
	}
	r.Body = a.body
}

// mayResend reports whether the body can be sent once more. No earlier try reads it from then on.
func (a *Asking) mayResend() bool { return a.body == nil || a.asker.Body(nil) || a.body.revoke() }

// sentBody is a body that one try has. The transport of a try may read after the response has come.
type sentBody struct {
	io.ReadCloser
	state atomic.Int32
}

const (
	untouched int32 = iota
	touched
	revoked
)

var errRevoked = errors.New("another try has the body")

// revoke takes the body from the try, and reports whether it had read nothing.
func (b *sentBody) revoke() bool {
	return b.state.CompareAndSwap(untouched, revoked) || b.state.Load() == revoked
}

// Read reads the body.
func (b *sentBody) Read(p []byte) (int, error) {
	if !b.state.CompareAndSwap(untouched, touched) && b.state.Load() == revoked {
		return 0, errRevoked
	}
	return b.ReadCloser.Read(p)
}

// Close closes the body, unless another try has it.
func (b *sentBody) Close() error {
	if b.state.Load() == revoked {
		return nil
	}
	return b.ReadCloser.Close()
}

// takenBody is the body that functions see once an upstream has been sent it.
type takenBody struct{ io.ReadCloser }

var errTaken = errors.New("an upstream has been sent the body, which was not read into memory before")

// Read fails: there must be one reader at a time.
func (takenBody) Read([]byte) (int, error) { return 0, errTaken }

// Interface guards
var _ caddyhttp.RequestMatcherWithError = retrier{}
