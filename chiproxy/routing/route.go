package routing

import (
	"net/http"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// entry is the routes of a layer on one shape.
type entry struct {
	// routes are in the order they are tried.
	routes []candidate
	// index narrows the routes of a long entry by their data guards; nil when it has none.
	index *guardIndex
	// miss is the owner of the request if no route takes it; nil outside owners.
	miss *scope
	// head says that a route names HEAD, so that those for GET do not answer it.
	head bool
}

// candidate is one route of an entry.
type candidate struct {
	route *chiproxy.Route
	// action is the route's, with its names resolved.
	action chiproxy.Action
	scope  *scope
	// series counts what becomes of its requests; nil where nothing is counted.
	series *telemetry.Series
	*common
}

// common are what many candidates have in common; equal ones share them.
type common struct {
	methods *pathmux.Methods
	text    *text
	// restores says that the route may change the request and decline afterwards, so that it must be restored then.
	restores bool
}

// text is what a route's pattern says. Routes outside owners with the same names share one.
type text struct {
	// prefix is what the owners around the route own.
	prefix string
	// names are those of the parameters, in the order of their values.
	names []string
}

// takes reports whether the candidate serves the method.
func (c *candidate) takes(method string, e *entry) bool {
	if c.methods.Has(method) {
		return true
	}
	return method == http.MethodHead && !e.head && c.methods.Has(http.MethodGet)
}

// mayDecline reports whether the route can pass on a request whose method it has.
func (c *candidate) mayDecline() bool { return len(c.route.Guards) > 0 || c.restores }

// pattern is the route's, with what the owners around it own.
func (c *candidate) pattern() string { return c.text.prefix + c.route.Pattern }

// said is what logs and the like say of a candidate. Most routes of a large table are never asked for.
type said struct{ pattern, at string }

// saidOf returns what is said of a candidate: 0 allocations after the first.
func (t *Table) saidOf(c *candidate) *said {
	known, ok := t.said.Load(c)
	if !ok {
		known, _ = t.said.LoadOrStore(c, &said{c.pattern(), c.route.Origin.String()})
	}
	return known.(*said)
}

// routeMethod is the method to route a request by. A WebSocket over HTTP/2 or HTTP/3 arrives as an extended
// CONNECT and is meant for what a GET with Upgrade is meant for in HTTP/1.
func routeMethod(r *http.Request) string {
	if field.IsWebSocketConnect(r) {
		return http.MethodGet
	}
	return r.Method
}
