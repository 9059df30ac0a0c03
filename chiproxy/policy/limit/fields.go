package limit

import (
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// fields are the header fields of all limits of a request. They replace those of an upstream, and stand on errors, too.
type fields struct {
	shown []shown
	// What follows is in the same piece of memory: room for the usual number of limits, and the values of the first response, which is mostly the
	// only one. They are of this response alone: others may change them where they stand.
	room    [2]shown
	values  [2]string
	stamped bool
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
	policy, rest := "", ""
	for i := range f.shown {
		s := &f.shown[i]
		switch {
		case s.options.Headers == HeadersX:
		case policy == "":
			policy, rest = s.policy, s.says()
		default:
			policy, rest = policy+", "+s.policy, rest+", "+s.says()
		}
	}
	if policy == "" {
		return
	}
	values := &f.values
	if f.stamped { // others have those of before
		values = new([2]string)
	}
	f.stamped = true
	*values = [2]string{policy, rest}
	h[draftPolicy], h[draftLimit] = values[0:1:1], values[1:2:2]
}

// said is what a limit says of a budget of which so much is left.
type said struct {
	remaining, reset int64
	text             string
}

// usual is how many texts a limit keeps: for the budgets of which the least is used, which most clients have.
const usual = 32

// says returns what the field RateLimit says of a budget.
func (s *shown) says() string {
	var kept *atomic.Pointer[said]
	if used := s.pace.burst - s.Remaining; used >= 0 && used < usual {
		kept = &s.kept[used]
	}
	reset := Seconds(s.Budget.Reset)
	if kept != nil {
		if k := kept.Load(); k != nil && k.remaining == s.Remaining && k.reset == reset {
			return k.text
		}
	}
	var room [128]byte
	b := append(room[:0], '"')
	b = append(b, s.name...)
	b = append(b, `";r=`...)
	b = strconv.AppendInt(b, s.Remaining, 10)
	b = append(b, ";t="...)
	b = strconv.AppendInt(b, reset, 10)
	text := string(b)
	if kept != nil {
		kept.Store(&said{s.Remaining, reset, text})
	}
	return text
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
