package chiproxy

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// Report is what became of a request, for those around the table: logs, spans and placeholders. It is filled while the request runs, with the
// candidate that is tried, and its strings stay valid afterwards.
type Report struct {
	// Tenant is the name of the tenant, empty for the default tenant and for a request that no tenant took.
	Tenant string
	// Route is the one that is tried or has answered; nil where a scope answers.
	Route *Route
	// Prefix is that of the tenant, and Pattern that of the route with what the scopes around it own.
	Prefix, Pattern string
	// At is where the route was declared, empty where a scope answers.
	At string
	// Pool is the one that was forwarded to, empty for none, and Variant the part of a split that was taken.
	Pool, Variant string
	// Fault is what a policy for tests of clients has done to the request, empty for nothing.
	Fault   string
	Outcome telemetry.Outcome
	// Status is what the client got, as Outcome.Status.
	Status int
	// Lua is how long Lua ran for the request.
	Lua time.Duration
	// Trace is that of the request; nil unless it is recorded.
	Trace *telemetry.Trace

	names  []string
	values [4]string // most patterns have no more
	more   []string
}

// Param returns the decoded value of a parameter of the pattern, and whether the pattern has it.
func (r *Report) Param(name string) (string, bool) {
	for i, n := range r.names {
		if n != name {
			continue
		}
		if i < len(r.values) {
			return r.values[i], true
		}
		return r.more[i-len(r.values)], true
	}
	return "", false
}

// Tries notes the candidate that is tried.
func (r *Report) Tries(at Place) {
	r.Tenant, r.Route, r.Pattern, r.At = at.Tenant(), at.Route(), at.Pattern(), at.At()
	r.names, r.more = at.Names(), nil
	for i := range r.names {
		if v := urlpath.Decode(at.Matched(i)); i < len(r.values) {
			r.values[i] = v
		} else {
			r.more = append(r.more, v)
		}
	}
}

// Becomes says what became of the request, for counters and logs. What answers an error does not change what the request came to.
func (ex *Exchange) Becomes(o telemetry.Outcome) {
	if o.Refuses() || !ex.became.Refuses() {
		ex.became = o
		if ex.report != nil {
			ex.report.Outcome = o
		}
	}
}

// TakesVariant says which part of a split the request takes, for counters and logs.
func (ex *Exchange) TakesVariant(name string) {
	if ex.performer != nil {
		ex.performer.Variant(name)
	}
	if ex.report != nil {
		ex.report.Variant = name
	}
}

// Faulted says what a policy for tests of clients has done to the request, for logs.
func (ex *Exchange) Faulted(text string) {
	if ex.report != nil {
		ex.report.Fault = text
	}
}

// Anew forgets what became of the request, for the next candidate.
func (d *Driver) Anew() {
	d.became = telemetry.Responded
	if d.report != nil {
		d.report.Outcome, d.report.Variant, d.report.Fault = telemetry.Responded, "", ""
	}
}

// ReportTo makes the exchange notice what is sent, for Became, and fill in a report, which may be nil.
func (d *Driver) ReportTo(r *Report) {
	d.record()
	d.report = r
}

// Became returns what became of the request: the outcome and the status. A request that did not return was aborted.
func (d *Driver) Became(err error, returned bool) (telemetry.Outcome, int) {
	status, _ := d.response.Sent()
	switch {
	case !returned:
		return telemetry.Failed, status
	case err == nil:
		if status == 0 {
			status = http.StatusOK
		}
		return d.became, status
	}
	if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok && status == 0 {
		status = failed.StatusCode
	}
	if d.became.Refuses() {
		return d.became, status
	}
	if _, raised := errors.AsType[failure.RaisedError](err); raised {
		return telemetry.Responded, status
	}
	return telemetry.Failed, status
}

// RanLua notes that Lua ran for the request, for reports.
func (ex *Exchange) RanLua(took time.Duration) {
	if ex.report != nil {
		ex.report.Lua += took
	}
}

// Nested reports whether another table has passed the request to a handler that led here.
func (d *Driver) Nested() bool {
	if d.turns != nil {
		return d.turns.n > 1
	}
	if !turned.Load() {
		return false
	}
	t, _ := caddyhttp.GetVar(d.R.Context(), turnsVar).(*turns)
	return t != nil && t.n > 0
}
