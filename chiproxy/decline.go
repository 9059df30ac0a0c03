package chiproxy

import (
	"io"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// HeldBody is a body of a request that a hook holds in memory. All who get the request read it from its beginning.
type HeldBody interface {
	io.ReadCloser
	// Again returns the body for the next reader. The one before may not have ended: a transport that has failed may
	// still read.
	Again() io.ReadCloser
	// Restore gives the request the body that the client has sent, if this is another. It is called when a candidate
	// declines; a body that was only read stays in memory.
	Restore(r *http.Request)
}

// snapshot is what a declined candidate must not have changed for the next one: method, URI, header and variables of
// the request, and the header of the response. A body that was read stays as it is, since it must not be read
// twice from the client. What is held is kept from request to request.
type snapshot struct {
	taken    bool
	w        http.ResponseWriter
	r        *http.Request
	line     requestLine
	done     int // functions that wait for the outcome
	in, out  savedHeader
	fields   []proxyField
	vars     map[string]any
	varsWere []savedVar
}

// Changing tells the exchange that the request, its variables or the header of the response are about to change, so that this can
// be undone. An Announcer calls it before each change; only the first one costs something.
func (ex *Exchange) Changing() {
	if ex.undoes && !ex.origin.taken {
		ex.origin.take(ex)
	}
}

// expect looks out for changes by middleware or an action that does not announce them.
func (ex *Exchange) expect(hook any) {
	if _, ok := hook.(Announcer); !ok {
		ex.Changing()
	}
}

// final says that nothing is asked after an action: it does not decline, and neither does the policy for it.
func (ex *Exchange) final(a Action) bool { return steady(a) && ex.policy().Mode == Closed }

// undo makes the request what it was before a candidate that declines.
func (ex *Exchange) undo() {
	if ex.origin.taken {
		ex.origin.restore(ex)
		ex.origin.clear()
	} else {
		restoreBody(ex.R)
	}
}

// restoreBody undoes what a hook did to the body, and begins it again.
func restoreBody(r *http.Request) {
	if body, ok := r.Body.(HeldBody); ok {
		body.Restore(r)
	}
}

// requestLine is what was at the top of a request.
type requestLine struct {
	method, uri, host string
	url               *url.URL
	urlWas            url.URL
}

type savedVar struct {
	name  string
	value any
}

// take copies what is in the exchange now.
func (s *snapshot) take(ex *Exchange) {
	r := ex.R
	s.taken, s.w, s.r = true, ex.W, r
	s.line = requestLine{r.Method, r.RequestURI, r.Host, r.URL, *r.URL}
	s.done = len(ex.done)
	s.in.save(r.Header)
	s.fields = append(s.fields[:0], ex.fields...)
	s.out.save(ex.W.Header())
	s.vars, _ = r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	s.varsWere = s.varsWere[:0]
	for name, v := range s.vars {
		s.varsWere = append(s.varsWere, savedVar{name, v})
	}
}

// restore puts back what was taken.
func (s *snapshot) restore(ex *Exchange) {
	ex.W, ex.R = s.w, s.r
	ex.done = ex.done[:s.done]
	r := s.r
	line := &s.line
	r.Method, r.RequestURI, r.Host = line.method, line.uri, line.host
	r.URL, *line.url = line.url, line.urlWas
	r.Header = s.in.restore()
	ex.fields = append(ex.fields[:0], s.fields...)
	restoreBody(r)
	s.out.restore()
	turns, turned := s.vars[turnsVar] // not the candidate's to take back
	clear(s.vars)
	for _, v := range s.varsWere {
		s.vars[v.name] = v.value
	}
	if turned {
		s.vars[turnsVar] = turns
	}
}

// clear forgets the request.
func (s *snapshot) clear() {
	if !s.taken {
		return
	}
	clear(s.varsWere)
	s.varsWere = s.varsWere[:0]
	clear(s.fields)
	s.fields = s.fields[:0]
	s.in.clear()
	s.out.clear()
	s.taken, s.w, s.r, s.vars, s.line = false, nil, nil, nil, requestLine{}
}

// savedHeader is a copy of a header that costs no allocation once it has grown.
type savedHeader struct {
	header http.Header
	fields []savedField
	more   []string // the values of all fields but their first ones, in their order
}

// savedField is a field, the number of its values, and the first of them, which mostly is the only one.
type savedField struct {
	name   string
	values []string
	n      int
	first  string
}

func (s *savedHeader) save(h http.Header) {
	s.header = h
	s.fields, s.more = s.fields[:0], s.more[:0]
	for name, values := range h {
		f := savedField{name: name, values: values, n: len(values)}
		if f.n > 0 {
			f.first = values[0]
			s.more = append(s.more, values[1:]...)
		}
		s.fields = append(s.fields, f)
	}
}

// restore makes the header again what it was. Values may have been replaced where they stood, so they are written
// back too.
func (s *savedHeader) restore() http.Header {
	clear(s.header)
	more := s.more
	for _, f := range s.fields {
		if f.n > 0 {
			f.values[0] = f.first
			more = more[copy(f.values[1:f.n], more):]
		}
		s.header[f.name] = f.values
	}
	return s.header
}

func (s *savedHeader) clear() {
	clear(s.fields)
	clear(s.more)
	s.header, s.fields, s.more = nil, s.fields[:0], s.more[:0]
}
