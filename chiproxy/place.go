package chiproxy

// Place is where in its table a request is, for the exchange to tell hooks and to go by. The search for the route knows it, in
// chiproxy/routing, and what it says changes while the request goes on.
type Place interface {
	// Tenant, Route and Pattern are for the methods of Exchange that have their names.
	Tenant() string
	Route() *Route
	Pattern() string
	// Names are those of the parameters of the pattern, and Value returns the decoded value of one of them.
	Names() []string
	Value(i int) string
	// Pools are those that the tenant sees.
	Pools() *PoolScope
	// Policy is what holds for hooks that fail: the route's, the tenant's or the table's.
	Policy() *ErrorPolicy
	// Around returns the error of a request that must not be taken here, as others may read its path as one that something else
	// guards; nil for all others.
	Around() error
	// Onward gives the request to the handler behind ours, with Driver.Onward, unless it would pass by a guard in that way.
	Onward() error
}
