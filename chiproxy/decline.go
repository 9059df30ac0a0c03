package chiproxy

import (
	"io"
	"net/http"
	"net/url"

	"github.com/luaroute/caddy-luaroute/chiproxy/forward"
)

// HeldBody is a request body that a hook holds in memory. Every reader of the request reads it from the beginning.
type HeldBody interface {
	io.ReadCloser
	// Again returns the body for the next reader. The reader before may still be active: a failed transport may still read.
	Again() io.ReadCloser
	// Restore gives the request the client's body, if this is another. It is called when a candidate
	// declines; a body that was only read stays in memory.
	Restore(r *http.Request)
}

// snapshot is what a declined candidate must not have changed for the next one: method, URI, header and variables of
// the request, and the header of the response. A body that was read stays as it is, since it must not be read
// twice from the client. What is held is kept from request to request.
type snapshot struct {
	// level is that of the step before whose first change it was taken.
	level   int
	line    requestLine
	body    receivedBody
	done    int // functions that wait for the outcome
	in, out savedHeader
	changed forward.Saved
	vars    []savedVar
}

// Snapshot tells the exchange that the request, its variables or the header of the response are about to change, so that this can
// be restored. What changes them calls it before each change, unless its Traits say Changes; only the first call costs something.
func (ex *Exchange) Snapshot() {
	if !ex.wantsSnapshot() {
		return
	}
	n := len(ex.snapshots)
	if n == cap(ex.snapshots) {
		ex.snapshots = append(ex.snapshots, snapshot{})
	} else {
		ex.snapshots = ex.snapshots[:n+1] // one that has room already
	}
	ex.snapshots[n].take(ex)
}

// wantsSnapshot reports whether a change would have to be restored, and no snapshot was taken for that.
func (ex *Exchange) wantsSnapshot() bool {
	n := len(ex.snapshots)
	return ex.restores && (n == 0 || ex.snapshots[n-1].level < ex.level)
}

// Restoring runs what is inside middleware that may answer after it. If that declines, its changes are undone; those of the middleware
// stay.
func (ex *Exchange) Restoring(inside func() (Verdict, error)) (Verdict, error) {
	ex.level++
	defer ex.endLevel(ex.level)
	w, r, level := ex.W, ex.R, ex.level
	v, err := inside()
	if v == Declined && err == nil {
		ex.W, ex.R = w, r
		ex.restore(level)
	}
	return v, err
}

// endLevel ends a level. What was taken first in it is the level around's now, if that has nothing.
func (ex *Exchange) endLevel(level int) {
	ex.level = level - 1
	n := ex.since(level)
	if n == len(ex.snapshots) {
		return
	}
	if n == 0 || ex.snapshots[n-1].level < ex.level {
		ex.snapshots[n].level = ex.level
		n++
	}
	ex.drop(n)
}

// since returns the number of snapshots that were taken outside of a level.
func (ex *Exchange) since(level int) int {
	n := len(ex.snapshots)
	for n > 0 && ex.snapshots[n-1].level >= level {
		n--
	}
	return n
}

// drop forgets all snapshots but the first n.
func (ex *Exchange) drop(n int) {
	for i := n; i < len(ex.snapshots); i++ {
		ex.snapshots[i].clear()
	}
	ex.snapshots = ex.snapshots[:n]
}

// beforeAction takes a snapshot before an action that may change the request and decline, and that does not take one itself.
func (ex *Exchange) beforeAction(a Action) {
	if !ex.wantsSnapshot() {
		return
	}
	if t := a.Traits(); t.Changes && !t.NeverDeclines(ex.place.Policy()) {
		ex.Snapshot()
	}
}

// restore restores the request to before a level; level 0 is the candidate. What a client has claimed stays removed.
func (ex *Exchange) restore(level int) {
	n := ex.since(level)
	if n < len(ex.snapshots) {
		ex.snapshots[n].restore(ex)
		ex.drop(n)
	} else if body, ok := ex.R.Body.(HeldBody); ok { // one that was read
		ex.R.Body = body.Again()
	}
	for _, names := range ex.claimed {
		ex.removeClaimed(names, func() {})
	}
}

// receivedBody is a body with what the request says of it.
type receivedBody struct {
	body     io.ReadCloser
	length   int64
	encoding []string
	trailer  http.Header
}

// restore gives the request the body again, from its beginning if it is held. One that was only read since is held.
func (b *receivedBody) restore(r *http.Request) {
	if held, ok := b.body.(HeldBody); ok {
		r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = held.Again(), b.length, b.encoding, b.trailer
	} else if held, ok := r.Body.(HeldBody); ok {
		held.Restore(r)
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
	s.level = ex.level
	s.body = receivedBody{r.Body, r.ContentLength, r.TransferEncoding, r.Trailer}
	s.line = requestLine{r.Method, r.RequestURI, r.Host, r.URL, *r.URL}
	s.done = len(ex.done)
	s.in.save(r.Header)
	ex.changed.Save(&s.changed)
	s.out.save(ex.W.Header())
	s.vars = s.vars[:0]
	for name, v := range varsOf(r) {
		s.vars = append(s.vars, savedVar{name, v})
	}
}

// restore puts back what was taken.
func (s *snapshot) restore(ex *Exchange) {
	ex.done = ex.done[:s.done]
	r, line := ex.R, &s.line
	r.Method, r.RequestURI, r.Host = line.method, line.uri, line.host
	r.URL, *line.url = line.url, line.urlWas
	r.Header = s.in.restore()
	ex.changed.Restore(&s.changed)
	s.body.restore(r)
	s.out.restore()
	s.restoreVars(ex.ownVars())
}

// restoreVars restores variables, except the count of turns.
func (s *snapshot) restoreVars(vars map[string]any) {
	turns, counted := vars[turnsVar]
	clear(vars)
	for _, v := range s.vars {
		vars[v.name] = v.value
	}
	if counted {
		vars[turnsVar] = turns
	}
}

// clear forgets the request.
func (s *snapshot) clear() {
	clear(s.vars)
	s.vars = s.vars[:0]
	s.changed.Clear()
	s.in.clear()
	s.out.clear()
	s.line, s.body, s.level, s.done = requestLine{}, receivedBody{}, 0, 0
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
		s.fields = append(s.fields, savedField{})
		f := &s.fields[len(s.fields)-1] // to fill it in here takes half as long as to copy it
		f.name, f.values, f.n = name, values, len(values)
		if f.n > 0 {
			f.first = values[0]
		}
		if f.n > 1 {
			s.more = append(s.more, values[1:]...)
		}
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
