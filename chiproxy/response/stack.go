// Package response lets functions change the header and body of a response before they are sent, and records what was sent.
//
// A Stack belongs to one request. Record puts its recorder before the writer of the server, and Push a layer around the response of
// what runs inside:
//
//	w = stack.Record(w, owner)
//	hooks := stack.Push(w)
//	hooks.OnHeader(func(status int) (int, error) { … })
//	err := answer(hooks.Writer())
//	if err == nil {
//		err = hooks.Finish()
//	}
//	w = hooks.Close(false)
package response

import (
	"net/http"
	"net/textproto"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// Stack is the layers around the response of one request. The zero value is one without layers that records nothing.
type Stack struct {
	recorder recorder
	// inner is the innermost layer, changes what Changes returns.
	inner   *Hooks
	changes int
	// grown is how many bytes functions have set, at most.
	grown int
}

// Stamp sets fields of the header of a response when it leaves, whoever answers: over those of an upstream and of functions, and for
// errors, too.
type Stamp interface{ Stamp(http.Header) }

// Stamp adds a stamp. The stack records.
func (s *Stack) Stamp(stamp Stamp) {
	if s.recorder.stamps == nil {
		s.recorder.stamps = s.recorder.room[:0]
	}
	s.recorder.stamps = append(s.recorder.stamps, stamp)
}

// Stamps returns what was added.
func (s *Stack) Stamps() []Stamp { return s.recorder.stamps }

// StampError stamps the header that the answer of an error will have, which may leave without the recorder.
func (s *Stack) StampError(h http.Header) { s.recorder.stamp(h) }

// Owner is the request whose response it is.
type Owner interface {
	// Current returns what the step that runs writes to and reads from.
	Current() (http.ResponseWriter, *http.Request)
	// Answer returns an error with the status that is answered.
	Answer(err error) caddyhttp.HandlerError
	// Left is called when the header has left.
	Left()
}

// Record makes the stack notice writes, and returns the writer to use from here on. Routes that are plain data
// do without. Once it records, it returns the writer that it was given.
func (s *Stack) Record(w http.ResponseWriter, owner Owner) http.ResponseWriter {
	if s.recorder.ResponseWriterWrapper.ResponseWriter != nil {
		return w
	}
	s.recorder.owner, s.recorder.ResponseWriterWrapper.ResponseWriter = owner, w
	return &s.recorder
}

// Wrote reports whether the header has left.
func (s *Stack) Wrote() bool { return s.recorder.wrote }

// Sent returns the status that has left, 0 if none has, and the size of the body.
func (s *Stack) Sent() (status int, bytes int64) { return s.recorder.status, s.recorder.bytes }

// Push puts a new layer around the response of what is inside, which writes to its Writer. The stack records, to w.
func (s *Stack) Push(w http.ResponseWriter) *Hooks {
	h := &Hooks{stack: s, outer: w, around: s.inner}
	h.onHeader = h.first[:0]
	h.writer = layerWriter{caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, h}
	s.inner = h
	return h
}

// Err returns the error of a function that has failed, until its layer ends.
func (s *Stack) Err() error {
	for h := s.inner; h != nil; h = h.around {
		if h.err != nil {
			return h.err
		}
	}
	return nil
}

// Values returns the values of a header of the response as it will be sent so far: what functions have assigned over what is
// there.
func (s *Stack) Values(header http.Header, name string) []string {
	name = textproto.CanonicalMIMEHeaderKey(name)
	return s.layerNow().values(name, header[name])
}

// Names returns the names of the headers of which Values knows values.
func (s *Stack) Names(header http.Header) []string { return s.layerNow().names(header) }

// layerNow returns the innermost layer whose changes are still to be made.
func (s *Stack) layerNow() *Hooks {
	if s.recorder.wrote {
		return nil
	}
	return s.inner
}

// Changes returns how much functions have changed so far in headers of the response: all values, and more for long names. To read or
// to change a header takes time in proportion, some 10 ns for each, and five times that for Vary.
func (s *Stack) Changes() int { return s.changes }

// grow counts what a function sets. Only where that is much, it looks at all that is set. The error says that the header would be too
// large.
func (s *Stack) grow(name string, values []string, replaces bool) error {
	more := field.SizeOf(name, values)
	if s.grown += more; s.grown <= field.MaxHeader {
		return nil
	}
	size := field.Size(s.header())
	if name = textproto.CanonicalMIMEHeaderKey(name); replaces {
		size -= field.SizeOf(name, s.header()[name])
	}
	for h := s.inner; h != nil; h = h.around {
		h.inherit()
		size += field.Size(h.changes.Set) + field.Size(h.changes.Add) + field.SizeOf(varyHeader, h.vary)
		if replaces {
			size -= field.SizeOf(name, h.changes.Set[name]) + field.SizeOf(name, h.changes.Add[name])
		}
	}
	s.grown = size + more
	return field.CheckSize(s.grown)
}

func (s *Stack) header() http.Header {
	w, _ := s.recorder.owner.Current()
	return w.Header()
}

func (s *Stack) request() *http.Request {
	_, r := s.recorder.owner.Current()
	return r
}

// handOn passes the changes of a layer that ended before anything was sent to the layer around, except its body functions, which are not
// for the answer of an error.
func (s *Stack) handOn(h *Hooks) {
	h.onBody, h.onWhole, h.held, h.masked, h.err = nil, nil, nil, nil, nil
	h.body, h.bare, h.wrote = false, false, false
	if s.inner == nil {
		root := &Hooks{stack: s, outer: s.recorder.ResponseWriter}
		s.inner, s.recorder.root = root, root
	}
	s.inner.failed = append(s.inner.failed, h)
}

// Mark is the pending changes of failed layers.
type Mark struct {
	layer *Hooks
	n     int
}

// Mark returns the pending changes of failed layers.
func (s *Stack) Mark() Mark {
	m := Mark{layer: s.inner}
	if s.inner != nil {
		m.n = len(s.inner.failed)
	}
	return m
}

// Forget drops the changes of layers that failed since the mark, for a step that declines.
func (s *Stack) Forget(m Mark) {
	switch {
	case m.layer == nil:
		s.inner, s.recorder.root = nil, nil
	case m.n < len(m.layer.failed):
		m.layer.failed = slices.Delete(m.layer.failed, m.n, len(m.layer.failed))
	}
}

// End sends the header of a response that was left to net/http, with the pending changes of failed layers, or stamps it.
func (s *Stack) End() {
	if s.Pending() && !s.recorder.wrote {
		s.recorder.WriteHeader(http.StatusOK)
	}
	if len(s.recorder.stamps) > 0 && !s.recorder.wrote {
		s.recorder.stamp(s.recorder.Header())
	}
}

// Pending reports whether failed layers have changes for the response.
func (s *Stack) Pending() bool { return s.recorder.root != nil }

// HandOver makes pending changes on the header that Caddy's handle_errors writes to. It returns the status to answer, and the error of a
// function that has failed now.
func (s *Stack) HandOver(status int) (int, error) {
	left, failed := s.recorder.root.leaveLast(status)
	s.inner, s.recorder.root = nil, nil
	return left, failed
}
