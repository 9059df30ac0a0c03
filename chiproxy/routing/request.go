package routing

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// request is one request on its way through a table: the exchange that hooks see, and the state of the search.
type request struct {
	chiproxy.Driver
	state
	kept
}

// state is what is known of a request.
type state struct {
	table *Table
	// walker is told where the request is, and is the performer of the exchange; nil where the request is really served.
	walker Walker
	tenant *tenant
	// report is filled in, if there is one; series counts what becomes of the request.
	report *chiproxy.Report
	series *telemetry.Series
	// chosen is the route that is being tried; nil while a layer's guards are asked and while a scope answers.
	chosen *candidate
	// upgrade is the writer of a request that may become a stream of another protocol, nil for all others.
	upgrade *response.UpgradeWriter

	host, method string
	// fullPath is the path as the request came in, in the form patterns are matched against, spelled what that was before it was
	// cleaned, and path what of fullPath lies in the tenant.
	spelled, fullPath, path string
	// ambiguous says that other servers may read the path differently.
	ambiguous bool
	// readings are the paths that others may read it as, once something has asked.
	readings []urlpath.Reading
	// at is the layer that is being searched, and entry the shape in it whose turn it is; nil when all had theirs.
	at     *layer
	entry  *entry
	search search
	// steps is what the searches in tenants with a bound have cost, see affords, and unsearched the tenant that was not searched for that.
	steps      int64
	unsearched *tenant
}

// kept is what a request leaves to the next one, emptied.
type kept struct {
	match   pathmux.Match
	tenants []ranked
	gates   []gateVerdict
	found   finder
}

// reset forgets the request and keeps what was allocated.
func (rq *request) reset() {
	rq.match.Reset()
	clear(rq.tenants)
	clear(rq.gates)
	rq.tenants, rq.gates = rq.tenants[:0], rq.gates[:0]
	rq.state = state{}
}

// perform runs middleware around an action as a candidate of scope s: its changes are undone when it declines, and the scope's Failed
// answers its errors.
func (rq *request) perform(mw []chiproxy.Middleware, a chiproxy.Action, s *scope, restores bool) (chiproxy.Verdict, error) {
	v, err := rq.Run(mw, a, restores)
	return rq.settled(v, err, s)
}

// allows asks guards in scope s. If they do not allow, the other results are the verdict.
func (rq *request) allows(guards []chiproxy.Guard, s *scope) (bool, chiproxy.Verdict, error) {
	open, v, err := rq.Allows(guards)
	if err != nil {
		v, err = rq.settled(v, err, s)
	}
	return open, v, err
}

// settled lets the Failed of a scope answer an error, if there is one.
func (rq *request) settled(v chiproxy.Verdict, err error, s *scope) (chiproxy.Verdict, error) {
	if err == nil {
		return v, nil
	}
	answer := s.failed
	if answer != nil && rq.walksAround(s) {
		answer = nil
	}
	return rq.Fail(v, err, answer)
}

// place is what a request tells its exchange.
type place struct{ rq *request }

func (p place) Tenant() string {
	if p.rq.tenant == nil {
		return ""
	}
	return p.rq.tenant.name
}

func (p place) Route() *chiproxy.Route {
	if p.rq.chosen == nil {
		return nil
	}
	return p.rq.chosen.route
}

func (p place) Pattern() string {
	switch c := p.rq.chosen; {
	case c == nil:
		return ""
	case c.text.prefix == "":
		return c.route.Pattern
	default:
		return p.rq.table.saidOf(c).pattern
	}
}

func (p place) At() string {
	if p.rq.chosen == nil {
		return ""
	}
	return p.rq.table.saidOf(p.rq.chosen).at
}

func (p place) Names() []string {
	if p.rq.chosen == nil {
		return nil
	}
	return p.rq.chosen.text.names
}

// Matched returns the value of a parameter. At the root of an owner, the catch-all has none. A catch-all keeps double slashes, as in
// /path/https://a.example.
func (p place) Matched(i int) string {
	rq, values := p.rq, p.rq.match.Values()
	if i >= len(values) {
		return ""
	}
	v := values[i]
	if len(rq.spelled) > len(rq.fullPath) && rq.chosen.text.names[i] == "*" {
		v = urlpath.UnmergedSuffix(urlpath.Resolved(rq.spelled), v)
	}
	return v
}

func (p place) Pools() *chiproxy.PoolScope { return p.rq.tenant.pools }

func (p place) Policy() *chiproxy.ErrorPolicy {
	if c := p.rq.chosen; c != nil && c.route.OnError != nil {
		return c.route.OnError
	}
	return p.rq.tenant.policy
}

// Around looks from the scope of the route that is being tried, or of the layer.
func (p place) Around() error {
	in := p.rq.at.scope
	if c := p.rq.chosen; c != nil {
		in = c.scope
	}
	if p.rq.walksAround(in) {
		return errAround
	}
	return nil
}

func (p place) Onward() error {
	if p.rq.bypassesBy() {
		return caddyhttp.Error(http.StatusNotFound, errBypass)
	}
	return p.rq.Onward()
}

var _ chiproxy.Place = place{}
