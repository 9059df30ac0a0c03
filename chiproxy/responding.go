package chiproxy

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/response"
)

// ErrHeaderSent is a cause of every error that a table returns after the response header was sent. The client may see a truncated response.
var ErrHeaderSent = errors.New("the response header was already sent")

// ErrBodySent is another cause if the body was sent, too: the client has a whole response.
var ErrBodySent = errors.New("the response was already sent")

// sent is an error after the header has left.
func (ex *Exchange) sent(err error) error {
	err = lateError(err)
	if late, ok := errors.AsType[caddyhttp.HandlerError](err); ok && ex.chain.complete {
		late.Err = fmt.Errorf("%w: %w", ErrBodySent, late.Err)
		return late
	}
	return err
}

func lateError(err error) error {
	late, ok := errors.AsType[caddyhttp.HandlerError](err)
	if !ok {
		late = caddyhttp.Error(http.StatusInternalServerError, err)
	}
	late.Err = fmt.Errorf("%w: %w", ErrHeaderSent, late.Err)
	return late
}

// responder is an exchange as its response sees it.
type responder Exchange

// Current returns the writer and the request of the step that runs.
func (r *responder) Current() (http.ResponseWriter, *http.Request) { return r.W, r.R }

// Answer returns an error with the status that Caddy answers.
func (r *responder) Answer(err error) caddyhttp.HandlerError { return (*Exchange)(r).answerOf(err) }

// Left tells the hooks that the header has left.
func (r *responder) Left() {
	if r.Hold != nil {
		r.Hold.Left()
	}
}

// record makes the exchange notice writes. Routes that are plain data do without.
func (ex *Exchange) record() { ex.W = ex.response.Record(ex.W, (*responder)(ex)) }

// ResponseHooks puts a new layer around the response of what is inside. The caller runs that with Around.
func (ex *Exchange) ResponseHooks() *response.Hooks {
	ex.record()
	h := ex.response.Push(ex.W)
	ex.W = h.Writer()
	return h
}

// Around runs what is inside a layer around the response, and ends the layer with it: the last piece of the body goes out.
func (ex *Exchange) Around(h *response.Hooks, inside func() (Verdict, error)) (v Verdict, err error) {
	defer func() {
		if failed := h.Err(); failed != nil {
			if p := recover(); p != nil && p != http.ErrAbortHandler { // those who could not write have aborted
				ex.W = h.Close(false)
				panic(p)
			}
			ex.chain.complete = false
			v, err = Done, failed
		}
		ex.W = h.Close(v == Declined && err == nil)
	}()
	if v, err = inside(); err != nil || v == Declined {
		return v, err
	}
	return v, h.Finish()
}

// ResponseErr returns the error of a response hook that has failed, until its layer ends. What is inside cannot write
// any more, and those who tried may have aborted.
func (ex *Exchange) ResponseErr() error { return ex.response.Err() }

// ResponseValues returns the values of a header of the response as it will be sent so far: what hooks have assigned over
// what is there.
func (ex *Exchange) ResponseValues(name string) []string {
	return ex.response.Values(ex.W.Header(), name)
}

// ResponseNames returns the names of the headers of which ResponseValues knows values.
func (ex *Exchange) ResponseNames() []string { return ex.response.Names(ex.W.Header()) }

// Changes returns how much hooks have changed so far in headers of the response: all values, and more for long names. To read or to
// change a header takes time in proportion, some 10 ns for each, and five times that for Vary.
func (ex *Exchange) Changes() int { return ex.response.Changes() }
