package chiproxy

// Place is where in its table a request is. chiproxy/routing implements it; its answers change as the search continues.
type Place interface {
	// Tenant, Route and Pattern are for the methods of Exchange that have their names.
	Tenant() string
	Route() *Route
	Pattern() string
	// At is where the route was declared: script:line, or the place in the configuration.
	At() string
	// Names are those of the parameters of the pattern, and Matched returns the value of one of them as it was matched: decoded, but for
	// the escapes of slashes and percent signs.
	Names() []string
	Matched(i int) string
	// Pools are those that the tenant sees.
	Pools() *PoolScope
	// Policy is the one for failed hooks: the route's, the tenant's or the table's.
	Policy() *ErrorPolicy
	// Around returns an error if the request must not be taken here, since other servers may read its path as one that something else guards.
	Around() error
	// Onward passes the request to Caddy's next handler, by Driver.Onward, unless that would bypass a guard.
	Onward() error
}
