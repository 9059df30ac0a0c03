package limit

import (
	"bytes"
	"net/http"
	"strconv"
	"unsafe"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// fields are the header fields of all limits of a request. They replace those of an upstream, and stand on errors, too.
type fields struct {
	shown []shown
	// What follows is for the usual number of limits, in the same piece of memory. The text is written once: values are made of it.
	room    [2]shown
	values  [2]string
	text    [56]byte
	written int
}

// shown is what one limit says.
type shown struct {
	*Rate
	Budget
}

// The names of the fields, in Go's form.
const (
	draftPolicy = "Ratelimit-Policy"
	draftLimit  = "Ratelimit"
	xLimit      = "X-Ratelimit-Limit"
	xRemaining  = "X-Ratelimit-Remaining"
	xReset      = "X-Ratelimit-Reset"
)

// fieldsOf returns the fields of a request. The first limit that asks puts them on its response.
func fieldsOf(ex *chiproxy.Exchange) *fields {
	for _, s := range ex.Stamps() {
		if f, ok := s.(*fields); ok {
			return f
		}
	}
	f := new(fields)
	f.shown = f.room[:0]
	ex.Stamp(f)
	return f
}

// show adds what a limit says, or replaces what it said for another candidate.
func (f *fields) show(l *Rate, t Budget) {
	for i := range f.shown {
		if f.shown[i].Rate == l {
			f.shown[i].Budget = t
			return
		}
	}
	f.shown = append(f.shown, shown{l, t})
}

// hide removes what a limit said of a candidate that has declined.
func (f *fields) hide(l *Rate) {
	for i := range f.shown {
		if f.shown[i].Rate == l {
			f.shown = append(f.shown[:i], f.shown[i+1:]...)
			return
		}
	}
}

// Stamp sets the fields.
func (f *fields) Stamp(h http.Header) {
	f.draft(h)
	f.x(h)
}

// draft sets the fields of draft-ietf-httpapi-ratelimit-headers-10, which are lists.
func (f *fields) draft(h http.Header) {
	var room [256]byte
	at := room[:0]
	policy, several := "", false
	for i := range f.shown {
		s := &f.shown[i]
		if s.options.Headers == HeadersX {
			continue
		}
		if several = len(at) > 0; several {
			at = append(at, ", "...)
			policy += ", "
		}
		policy += s.policy
		at = append(at, '"')
		at = append(at, s.name...)
		at = append(at, `";r=`...)
		at = strconv.AppendInt(at, s.Remaining, 10)
		at = append(at, ";t="...)
		at = strconv.AppendInt(at, Seconds(s.Budget.Reset), 10)
	}
	if len(at) > 0 { // the values are of this request alone: others may change them where they stand
		f.values = [2]string{policy, f.string(at)}
		h[draftPolicy], h[draftLimit] = f.values[0:1:1], f.values[1:2:2]
	}
}

// string returns a string with the bytes, without another allocation if it is the first one and is short.
func (f *fields) string(b []byte) string {
	if f.written == 0 {
		f.written = copy(f.text[:], b)
	}
	if own := f.text[:f.written]; bytes.Equal(own, b) {
		return unsafe.String(&f.text[0], f.written)
	}
	return string(b)
}

// x sets the fields that most clients know, which have one value: that of the limit of which the least is left.
func (f *fields) x(h http.Header) {
	var least *shown
	for i := range f.shown {
		s := &f.shown[i]
		if s.options.Headers == HeadersDraft {
			continue
		}
		if least == nil || s.Remaining < least.Remaining || s.Remaining == least.Remaining && s.Budget.Reset > least.Budget.Reset {
			least = s
		}
	}
	if least == nil {
		return
	}
	values := &[3]string{
		strconv.FormatInt(least.pace.burst, 10), strconv.FormatInt(least.Remaining, 10), strconv.FormatInt(Seconds(least.Budget.Reset), 10),
	}
	h[xLimit], h[xRemaining], h[xReset] = values[0:1:1], values[1:2:2], values[2:3:3]
}
