package response

import (
	"bytes"
	"net/http"
	"strconv"
)

// WholeBody changes the whole body of a response.
type WholeBody struct {
	// Takes reports whether the response is one that the hook changes. It is asked for those that succeed and are whole: 2xx,
	// but not 206.
	Takes func(header http.Header) bool
	// Limit is the largest body that is held in memory, in bytes. Larger ones pass as they are.
	Limit int64
	// Change returns the new body, or the one it got where it cannot read that.
	Change func(status int, header http.Header, body []byte) ([]byte, error)
	// Passed is told that a body was larger than the limit. It may be nil.
	Passed func()
	// TooLarge is the error of a body that is larger than the limit and must not pass as it is. Nil for one that may.
	TooLarge error
}

// heldBody is a response whose header waits for its body.
type heldBody struct {
	status int
	limit  int64
	hooks  []WholeBody
	bytes.Buffer
}

// OnWhole adds a hook for whole bodies. It is not called for HEAD, 1xx, 204, 304 and upgrades, nor for the answer of an error.
func (h *Hooks) OnWhole(hook WholeBody) {
	h = h.now()
	h.remember()
	h.onWhole = append(h.onWhole, hook)
	plainBody(h.stack.request().Header)
}

// holds keeps a response back that hooks want whole, and reports whether it does. For a HEAD it removes length and validators of a body
// that hooks would change for a GET, since they are unknown. A body that hooks would not change keeps them.
func (h *Hooks) holds(status int) bool {
	if len(h.onWhole) == 0 || status >= 300 || status == http.StatusNoContent || status == http.StatusResetContent || status == http.StatusPartialContent {
		return false
	}
	header := h.outer.Header()
	held := &heldBody{status: status}
	for _, hook := range h.onWhole {
		if hook.Takes(header) {
			held.hooks = append(held.hooks, hook)
			held.limit = hook.Limit
		}
	}
	if len(held.hooks) == 0 {
		return false
	}
	bodyComes := hasBody(h.stack.request().Method, status)
	if length, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64); err == nil && length > held.limit {
		if !bodyComes {
			return false
		}
		if h.err = held.passed(); h.err == nil {
			return false
		}
		h.held = held
		return true
	}
	if !bodyComes {
		for _, name := range bodyFields {
			delete(header, name)
		}
		return false
	}
	h.held = held
	return true
}

// passed tells the hooks that the body passes as it is, or returns the error that it must not.
func (b *heldBody) passed() error {
	for _, hook := range b.hooks {
		if hook.TooLarge != nil {
			return hook.TooLarge
		}
	}
	for _, hook := range b.hooks {
		if hook.Passed != nil {
			hook.Passed()
		}
	}
	return nil
}

// hold keeps a piece of the body. Where that becomes too large, all goes out as it is.
func (h *Hooks) hold(piece []byte) error {
	held := h.held
	if int64(held.Len()+len(piece)) <= held.limit {
		_, err := held.Buffer.Write(piece)
		return err
	}
	if h.err = held.passed(); h.err != nil {
		return h.err
	}
	return h.letGo(append(held.Bytes(), piece...))
}

// letGo sends the header that was held, and a piece of the body.
func (h *Hooks) letGo(body []byte) error {
	status := h.held.status
	h.held = nil
	h.filters(status)
	h.outer.WriteHeader(status)
	return h.put(body)
}

// change lets the hooks change the body that was held, and sends it.
func (h *Hooks) change() {
	held, header := h.held, h.outer.Header()
	was := held.Bytes()
	body := was
	for _, hook := range held.hooks {
		if body, h.err = hook.Change(held.status, header, body); h.err != nil {
			return
		}
	}
	if !bytes.Equal(body, was) {
		for _, name := range bodyFields {
			delete(header, name)
		}
		if header["Trailer"] == nil { // a trailer needs a body in chunks
			header["Content-Length"] = []string{strconv.Itoa(len(body))}
		}
	}
	_ = h.letGo(body) // the client has left
}
