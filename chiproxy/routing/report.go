package routing

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// epoch is what times are measured from: to read the monotonic clock alone takes half as long as time.Now.
var epoch = time.Now()

// serveCounted is serve, and reports what became of the request.
func (rq *request) serveCounted() (err error) {
	var started time.Duration
	timed := rq.table.base.series.Timed()
	if timed {
		started = time.Since(epoch)
	}
	rq.ReportTo(rq.report)
	rq.series = rq.table.base.series
	returned, method := false, rq.R.Method // before anything has changed it
	defer func() {                         // a response that cannot be finished panics
		if !returned && rq.tenant != nil {
			rq.taken(rq.tenant)
		}
		outcome, status := rq.Became(err, returned)
		took := time.Duration(-1)
		if timed && rq.upgrade == nil { // that of a stream says nothing
			took = time.Since(epoch) - started
		}
		if !rq.Nested() { // it is counted further out
			r := telemetry.Request{Outcome: outcome, Status: status, Method: method, Took: took}
			if rq.report != nil {
				r.Trace = rq.report.Trace
			}
			rq.series.Count(&r)
		}
		if r := rq.report; r != nil {
			r.Outcome, r.Status = outcome, status
		}
	}()
	err = rq.serve()
	returned = true
	return err
}

// taken notes what has taken the request: the route that was chosen, or its tenant.
func (rq *request) taken(t *tenant) {
	rq.series = t.series
	if rq.chosen != nil {
		rq.series = rq.chosen.series
	}
	if r := rq.report; r != nil {
		r.Tries(place{rq})
		r.Prefix = t.prefix
	}
}

// passed notes that no tenant took the request.
func (rq *request) passed() {
	rq.Anew()
	rq.Becomes(telemetry.Declined)
	if r := rq.report; r != nil {
		*r = chiproxy.Report{Lua: r.Lua, Trace: r.Trace}
	}
}

// counted gives the routes of a table their series, those with the longest fixed texts first: where there are too many, the rest share one.
func (t *Table) counted(d *telemetry.Draft) {
	if d == nil {
		return
	}
	type pending struct {
		key telemetry.Key
		c   *candidate
	}
	var all []pending
	for _, tn := range append([]*tenant{t.base}, t.tenants...) {
		tn.series = d.Series(telemetry.Key{Tenant: tn.name})
		for _, l := range tn.layers.all {
			eachCandidate(l, func(c *candidate, methods string) {
				all = append(all, pending{telemetry.Key{Tenant: tn.name, Pattern: c.pattern(), Methods: methods}, c})
			})
		}
		eachCandidate(tn.base, func(c *candidate, methods string) {
			all = append(all, pending{telemetry.Key{Tenant: tn.name, Pattern: c.pattern(), Methods: methods}, c})
		})
	}
	slices.SortStableFunc(all, func(a, b pending) int { return cmp.Compare(fixed(b.key.Pattern), fixed(a.key.Pattern)) })
	for _, p := range all {
		p.c.series = d.Series(p.key)
	}
}

// eachCandidate calls f with the routes of a layer, and with their methods where a shape has several sets of them; empty for all methods.
func eachCandidate(l *layer, f func(c *candidate, methods string)) {
	for e := range l.mux.Entries() {
		several := slices.ContainsFunc(e.routes, func(c candidate) bool { return c.methods != e.routes[0].methods })
		for i := range e.routes {
			methods := ""
			if several {
				methods = strings.Join(e.routes[i].methods.Names(), " ")
			}
			f(&e.routes[i], methods)
		}
	}
}

// fixed returns how many bytes of a pattern are outside of parameters.
func fixed(pattern string) int {
	n, depth := 0, 0
	for i := range len(pattern) {
		switch pattern[i] {
		case '{':
			depth++
		case '}':
			depth--
		case '*':
		default:
			if depth == 0 {
				n++
			}
		}
	}
	return n
}
