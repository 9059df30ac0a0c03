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
	w           http.ResponseWriter
	r           *http.Request
	method, uri string
	host        string
	done        int // functions that wait for the outcome
	url         *url.URL
	urlWas      url.URL
	in, out     savedHeader
	vars        map[string]any
	varsWere    []savedVar
}

type savedVar struct {
	name  string
	value any
}

// take copies what is in the exchange now.
func (s *snapshot) take(ex *Exchange) {
	r := ex.R
	s.w, s.r = ex.W, r
	s.method, s.uri, s.host = r.Method, r.RequestURI, r.Host
	s.url, s.urlWas = r.URL, *r.URL
	s.done = len(ex.done)
	s.in.save(r.Header)
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
	r.Method, r.RequestURI, r.Host = s.method, s.uri, s.host
	r.URL, *s.url = s.url, s.urlWas
	r.Header = s.in.restore()
	if body, ok := r.Body.(HeldBody); ok {
		body.Restore(r)
	}
	s.out.restore()
	clear(s.vars)
	for _, v := range s.varsWere {
		s.vars[v.name] = v.value
	}
}

// clear forgets the request.
func (s *snapshot) clear() {
	clear(s.varsWere)
	s.in.clear()
	s.out.clear()
	*s = snapshot{in: s.in, out: s.out, varsWere: s.varsWere[:0]}
}

// savedHeader is a copy of a header that costs no allocation once it has grown.
type savedHeader struct {
	header http.Header
	fields []savedField
	values []string
}

// savedField is a field and the number of its values.
type savedField struct {
	name   string
	values []string
	n      int
}

func (s *savedHeader) save(h http.Header) {
	s.header = h
	s.fields, s.values = s.fields[:0], s.values[:0]
	for name, values := range h {
		s.fields = append(s.fields, savedField{name, values, len(values)})
		s.values = append(s.values, values...)
	}
}

// restore makes the header again what it was. Values may have been replaced where they stood, so they are written
// back too.
func (s *savedHeader) restore() http.Header {
	clear(s.header)
	values := s.values
	for _, f := range s.fields {
		copy(f.values, values[:f.n])
		values = values[f.n:]
		s.header[f.name] = f.values
	}
	return s.header
}

func (s *savedHeader) clear() {
	clear(s.fields)
	clear(s.values)
	*s = savedHeader{fields: s.fields[:0], values: s.values[:0]}
}
