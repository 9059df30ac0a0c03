package response

import (
	"maps"
	"net/http"
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// Hooks is what one step of a chain wants to do with the response of what is inside it. It is a layer around the
// response: the functions further in see the response first, and of two assignments to one header the later one
// holds, which is the one further in.
//
// Assignments apply to the response that is sent. If what is inside fails before anything was sent, the layer around inherits them, and the
// outermost one applies them to the answer of the error.
type Hooks struct {
	changes field.Ops // made to the header when it leaves, so they replace what the action has set
	vary    []string  // added to Vary, each once

	onHeader []func(status int) (int, error)
	onBody   []func(piece []byte, last bool) ([]byte, error)
	onWhole  []WholeBody
	first    [1]func(status int) (int, error) // room for onHeader: mostly there is one
	writer   layerWriter

	stack *Stack
	outer http.ResponseWriter
	// around is the next layer further out. failed are layers inside of this one that could not answer, and heir is the
	// layer that has taken this one over.
	around *Hooks
	failed []*Hooks
	heir   *Hooks
	// masked are headers that an inner layer decides, and ruled those that this one decides, besides those of changes.
	masked, ruled []string

	was     http.Header // the header before anything inside ran, for those who answer a failure
	leaving bool        // while the functions for the header run
	wrote   bool        // whether the header has left, or is held with its body
	held    *heldBody
	body    bool // whether there is a body for onBody
	bare    bool // whether a function has chosen a status without a body, for a response that has one
	err     error
}

// Writer returns the writer for what is inside.
func (h *Hooks) Writer() http.ResponseWriter { return &h.writer }

// now returns the layer that does what this one was to do.
func (h *Hooks) now() *Hooks {
	for h.heir != nil {
		h = h.heir
	}
	return h
}

// OnHeader adds a function that is called just before the header leaves, with the status, and returns the status to
// send. It is not called for informational responses, 101 among them. If it fails, the response is not sent, and
// Err returns the error.
func (h *Hooks) OnHeader(fn func(status int) (int, error)) {
	h.remember()
	h.onHeader = append(h.onHeader, fn)
}

// OnBody adds a function that is called with each piece of the body and returns what to send instead, and at the end once
// with last, perhaps with an empty piece. It is not called where there is no body: for HEAD, 1xx, 204, 304 and
// upgrades; nor for the answer of an error. If it fails, the body ends there, and Err returns the error.
func (h *Hooks) OnBody(fn func(piece []byte, last bool) ([]byte, error)) {
	h = h.now()
	h.onBody = append(h.onBody, fn)
	plainBody(h.stack.request().Header)
}

// remember keeps the header as it is before anything inside runs.
func (h *Hooks) remember() {
	if h.was == nil {
		h.was = h.outer.Header().Clone()
	}
}

// restore makes the header again what it was.
func (h *Hooks) restore() {
	header := h.outer.Header()
	clear(header)
	maps.Copy(header, h.was)
}

// Finish ends the response of the layer: the last piece of the body goes out, be it an empty one. The response may have been left
// to net/http, which sends an empty one.
func (h *Hooks) Finish() error {
	if !h.wrote {
		h.send(http.StatusOK)
	}
	if h.err == nil && h.held != nil {
		h.change()
	}
	if !h.body {
		return h.err
	}
	h.body = false
	piece, err := h.filter(nil, true)
	if err == nil && len(piece) > 0 {
		_, err = h.outer.Write(piece)
	}
	return err
}

// Err returns the error of a function that has failed. What is inside cannot write any more, and those who tried may have aborted.
func (h *Hooks) Err() error { return h.err }

// Close takes the layer off the response, and returns the writer of what is around it. Unless what is inside has declined, the layer
// around takes over what the layer wanted, if nothing has left yet.
func (h *Hooks) Close(declined bool) http.ResponseWriter {
	s := h.stack
	s.inner = h.around
	if h.err != nil && (!h.wrote || h.held != nil) {
		h.restore()
	}
	if !declined && !s.recorder.wrote {
		s.handOn(h)
	}
	return h.outer
}

// inherit takes over the changes of failed layers inside; its own later ones replace them.
func (h *Hooks) inherit() {
	if len(h.failed) == 0 {
		return
	}
	var hooks []func(int) (int, error)
	for _, in := range h.failed {
		in.inherit()
		in.heir = h
		if in.changes.Assigns(varyHeader) {
			h.vary = nil
		}
		h.changes.Then(in.changes)
		for _, token := range in.vary {
			h.addVary(token)
		}
		hooks = append(hooks, in.onHeader...)
		if h.was == nil {
			h.was = in.was
		}
	}
	h.failed, h.onHeader = nil, append(hooks, h.onHeader...)
}

func (h *Hooks) filter(piece []byte, last bool) (_ []byte, err error) {
	for _, fn := range h.onBody {
		if piece, err = fn(piece, last); err != nil {
			h.err = err
			return nil, err
		}
	}
	return piece, nil
}

// send makes the changes, calls the functions, and sends the header if none of them failed, or holds it with its body.
func (h *Hooks) send(status int) {
	was := status
	if status = h.leave(status); h.err != nil {
		return
	}
	header := h.outer.Header()
	if status >= 200 { // at 101 the connection belongs to another protocol from here on
		if h.bare = status != was && !hasBody("", status); h.bare {
			delete(header, "Content-Length")
		}
		if h.wrote = h.holds(status); h.wrote {
			return
		}
		h.filters(status)
	}
	h.wrote = true
	h.outer.WriteHeader(status)
}

// filters gets the header ready for a body that functions change piece by piece, if there are any.
func (h *Hooks) filters(status int) {
	if len(h.onBody) == 0 {
		return
	}
	h.body = hasBody(h.stack.request().Method, status)
	for _, name := range bodyFields {
		delete(h.outer.Header(), name)
	}
}

// leave makes the changes and calls the functions. One that fails is called for no other response.
func (h *Hooks) leave(status int) int {
	h.inherit()
	h.apply(h.outer.Header())
	if status >= 200 {
		h.leaving = true
		for i, fn := range h.onHeader {
			if status, h.err = fn(status); h.err != nil {
				h.onHeader = slices.Delete(h.onHeader, i, i+1)
				break
			}
		}
		h.leaving = false
	}
	if h.err == nil {
		h.overrule()
	}
	h.ruled = nil
	return status
}

// leaveLast is leave for what answers an error outside of all functions, until none of them fails. A status that is the error of one
// comes with it.
func (h *Hooks) leaveLast(status int) (int, error) {
	var failed error
	for {
		left := h.leave(status)
		if h.err == nil {
			return left, failed
		}
		h.restore()
		answer := h.stack.recorder.owner.Answer(h.err)
		status, failed, h.err, h.masked = answer.StatusCode, answer, nil, nil
	}
}

// hasBody reports whether a response may have a body.
func hasBody(method string, status int) bool {
	return method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified
}

// bodyFields are the fields of a header that are wrong for a body that was changed.
var bodyFields = []string{
	"Content-Length", "Etag", "Last-Modified", "Accept-Ranges", "Content-Range", "Content-Md5", "Content-Digest", "Digest", "Repr-Digest",
}

// plainBody takes from the request what would make the response to it something else than the whole plain body: a hook
// that reads the body wants no compressed one, no part of it, and no 304.
func plainBody(header http.Header) {
	for _, name := range []string{
		"Accept-Encoding", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
	} {
		delete(header, name)
	}
}
