package chiproxy

import (
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Spec is everything one load declared. Build checks it as a whole.
type Spec struct {
	// Default is the tenant of what is declared outside any tenant. It has no hosts and no prefix and is
	// always asked last.
	Default Tenant
	// Tenants are all others, as written.
	Tenants []Tenant
	// Pools are visible to every tenant. A tenant's own pool hides one of them that has its name.
	Pools []pool.Spec
	// MethodMismatch says what happens when a path is known, but not for the request's method.
	MethodMismatch MethodMismatch
	// OnError is the policy of tenants and routes that have none of their own.
	OnError ErrorPolicy
	// Exports are functions of the default tenant, by name, that any reverse_proxy may ask.
	Exports map[string]Export
	// Certifier decides for which hosts certificates are issued. It may be nil.
	Certifier Certifier
	// Series counts what becomes of requests; nil counts nothing. The owner publishes it together with the table.
	Series *telemetry.Draft
	// Release is run once, when the table was retired and its last request is over. It may be nil.
	Release func()
}

// Export is a function that any reverse_proxy may ask, as either of these functions of a pool.
type Export struct {
	Select, Upstreams Balancer
	Origin            origin.Origin
}

// MethodMismatch says what happens when a path has routes for other methods only.
type MethodMismatch int

const (
	// AnswerMismatch answers 405 with the union of the methods in Allow. It is the default.
	AnswerMismatch MethodMismatch = iota
	// DeclineMismatch goes on as if the path were unknown.
	DeclineMismatch
)

// Tenant is a set of routes for some hosts, a path prefix, or both.
type Tenant struct {
	Name string
	// Hosts are exact names, wildcards for one label (*.example.com), or IP addresses. None stands for all.
	Hosts []string
	// PathPrefix is the part of the path the tenant owns: /acme owns /acme and /acme/…, not /acmefoo. Patterns
	// are relative to it. Empty stands for all paths.
	PathPrefix string
	// StripPrefix strips PathPrefix from the forwarded path. It does not affect matching.
	StripPrefix bool
	// Fallthrough lets the next tenant be tried when this one has no route for a request.
	Fallthrough bool
	// Priority orders tenants that match one request; higher is tried first.
	Priority int
	// Pools are visible to this tenant, and to those declared inside it.
	Pools []pool.Spec
	// Inside says that the tenant was declared inside the default tenant and can name its pools.
	Inside bool
	// MayUse returns nil for a pool that the tenant may name though it is not its own. A nil MayUse allows all.
	MayUse func(pool string) error
	// BoundPlaceholders bounds the expansion of Caddy's placeholders in requests that the tenant sees.
	BoundPlaceholders bool
	// Patterns bounds what the regular expressions in the patterns of its routes cost; nil for no bound.
	Patterns *PatternBound
	// Fallback answers requests that no route of the tenant matches, except plain CONNECT. It is tried before UsePool. It may be nil.
	Fallback Action
	// UsePool names the pool for requests that neither a route of the tenant nor Fallback answers. Empty stands for none.
	UsePool string
	// Split divides those requests among several pools instead. It may be nil.
	Split Action
	// OnError replaces Spec.OnError for this tenant, unless it is nil.
	OnError *ErrorPolicy
	// Root holds the tenant's routes. Its Kind is Group.
	Root   Scope
	Origin origin.Origin
}

// PatternBound bounds what the regular expressions in the patterns of a tenant cost. A search among them cannot be interrupted.
type PatternBound struct {
	// Allow returns nil if those that one path may meet may have so many instructions together.
	Allow func(instructions int) error
	// Steps is how many instructions times bytes of the path a request may cost. One that would cost more is answered with 414.
	Steps int64
	// Meter counts the time of searches that may take long; nil for none.
	Meter Meter
}

// ScopeKind says what a Scope owns.
type ScopeKind int

const (
	// Group owns nothing: its routes are those of the scope around it, with more middleware.
	Group ScopeKind = iota
	// Owner owns its pattern as a prefix: a request below it that no route in it answers leaves the tenant's
	// layer, and runs the scope's middleware before.
	Owner
	// Layer is tried before every unlayered route of its tenant, for requests of its Hosts that its Guards let
	// pass.
	Layer
)

// Scope is a set of routes which share middleware.
type Scope struct {
	Kind ScopeKind
	// Pattern is the prefix that an Owner owns, relative to the scope around it.
	Pattern string
	// Hosts restrict a Layer. None stands for all.
	Hosts []string
	// Guards restrict a Layer; all must allow a request. Each is asked at most once per request.
	Guards []Guard
	// Priority orders the layers of a tenant; higher is tried first.
	Priority int
	// Middleware runs around the routes of the scope, the first one outermost.
	Middleware []Middleware
	// Items are the routes and scopes inside, as written.
	Items []Item
	// NotFound answers for a path that no route in the scope matches. It may be nil. A Group owns no paths: its answer is for
	// the owners in it, and for the scope around it if that has none and no other group in that has one.
	NotFound *Answer
	// MethodNotAllowed answers for a path that routes in the scope have for other methods only. It may be nil.
	MethodNotAllowed *Answer
	// Failed answers when a route in the scope ended in an error before it wrote anything. It may be nil.
	Failed *Answer
	Origin origin.Origin
}

// Answer is what a scope says itself, inside its middleware.
type Answer struct {
	Action Action
	Origin origin.Origin
}

// Item is one thing written in a scope: exactly one of its fields is set.
type Item struct {
	Route *Route
	Scope *Scope
}

// Route is one route: its path, its conditions and its action.
type Route struct {
	// Methods are HTTP method tokens, in upper case for the standard ones. None stands for all methods.
	Methods []string
	// Pattern is a chi pattern, relative to the scope around it.
	Pattern string
	// Guards restrict the route; all must allow a request.
	Guards []Guard
	// Action answers.
	Action Action
	// Name identifies the route in placeholders, logs and the admin API. It may be empty.
	Name string
	// Priority orders routes of one shape and method; higher is tried first.
	Priority int
	// OnError replaces the tenant's policy for this route, unless it is nil.
	OnError *ErrorPolicy
	// Meta is plain data for placeholders and the admin API. It may be nil.
	Meta   map[string]any
	Origin origin.Origin
}

// Mode is what to do when a hook failed.
type Mode int

const (
	// FailClosed answers 500, or 503 with Retry-After when a limit was reached. It is the default.
	FailClosed Mode = iota
	// FailOpen continues as if the hook were absent: a guard accepts, middleware continues, an action declines.
	FailOpen
	// FailDecline continues as if the route had declined.
	FailDecline
	// FailToPool forwards to a pool.
	FailToPool
)

// ErrorPolicy says what to do when a hook failed, by an error or a reached limit.
type ErrorPolicy struct {
	Mode Mode
	// Pool is the pool of FailToPool.
	Pool string
}
