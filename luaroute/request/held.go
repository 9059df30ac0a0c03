package request

import (
	"io"
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// What a function writes is held until there is more of it, or the function flushes, calls next() or ends: Go's server would hold as much itself.
// If the function fails before that, nothing has left, and the error is answered as any other.

// maxHeld is how many bytes of a response are held, as many as Go's server does.
const maxHeld = 2 << 10

// send writes a piece of the body.
func (r *Request) send(L *lua.LState, what, body string, json bool) {
	r.answering(L, what)
	if !r.sent && r.ex.Wrote() {
		L.RaiseError("a body was written after next() answered")
	}
	if status := r.answerStatus(); body != "" && (status == http.StatusNoContent || status == http.StatusNotModified) {
		L.RaiseError("%s: status %d has no body", what, status)
	}
	s := vm.Of(L)
	s.StepAside()
	if !r.sent {
		r.sent, r.held, r.heldSize, r.json = true, r.room[:0], 0, json
	}
	var err error
	switch {
	case r.held == nil:
		err = r.put(s, body)
	case body != "":
		r.held = append(r.held, body)
		if r.heldSize += len(body); r.heldSize > maxHeld {
			err = r.SendHeld(s)
		}
	}
	if err != nil {
		vm.Throw(L, err)
	}
}

// SendHeld sends what is held.
func (r *Request) SendHeld(s *vm.State) error {
	if r.held == nil {
		return nil
	}
	held := r.held
	r.held = nil
	contentType := "text/plain; charset=utf-8"
	if r.json {
		contentType = "application/json"
	}
	r.begin(contentType)
	for i, body := range held {
		held[i] = ""
		if err := r.put(s, body); err != nil {
			return err
		}
	}
	return nil
}

// DropHeld forgets what is held: the function that has written it has failed.
func (r *Request) DropHeld() {
	if r.held != nil {
		r.held, r.room[0], r.sent = nil, "", false
	}
}

// begin sends the header, unless it has left.
func (r *Request) begin(contentType string) {
	if r.ex.Wrote() {
		return
	}
	header := r.ex.W.Header()
	if _, ok := header["Content-Type"]; !ok && contentType != "" { // what a script has assigned replaces it
		header["Content-Type"] = []string{contentType}
	}
	r.ex.W.WriteHeader(r.answerStatus())
}

// put sends a piece of the body.
func (r *Request) put(s *vm.State, body string) error {
	if body == "" {
		return nil
	}
	r.writes = true
	err := r.wait(s, func() error {
		_, err := io.WriteString(r.ex.W, body)
		return err
	})
	if r.writes = false; err == nil && r.http().Method != http.MethodHead { // whose client gets no body
		s.Streamed(len(body))
	}
	return err
}
