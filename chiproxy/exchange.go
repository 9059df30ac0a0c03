package chiproxy

import (
	"errors"
	"iter"
	"net/http"
	"net/textproto"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/forward"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// Exchange is one request on its way through a table, as hooks see it. It is valid until the table has served it.
type Exchange struct {
	// W and R are what the next step of the chain writes to and reads from. Middleware may replace them for what
	// is inside it, and puts the old ones back. R is at first Caddy's own request, the one its
	// placeholders read.
	W http.ResponseWriter
	R *http.Request
	// Next is the handler after ours in Caddy's chain.
	Next caddyhttp.Handler
	// Hold is the slot of the hooks of the current tenant. It is nil until one of them fills it.
	Hold Holder

	// place is where in a table the request is.
	place Place
	// performer simulates the outcome; nil where the request is served.
	performer Performer
	err       error
	// done are told how the request ended.
	done []func(Outcome)
	// ends is what AtEnd was given.
	ends []func()
	// changed is what was changed of the header of the request, and grown how many bytes that was at most.
	changed forward.Changes
	grown   int
	// turns are those of the request, once the table is counted among them.
	turns *turns
	// became is what became of the request, and report is filled in, if there is one.
	became telemetry.Outcome
	report *Report
	// bare says that the whole path was stripped, so that nothing is forwarded of it.
	bare bool
	// lent says that a pool was given the request's variables; owned is the copy made since, nil for none.
	lent  bool
	owned map[string]any

	// metered is what Caddy's modules have used for the request; nil while none with a meter ran.
	metered *metered
	// guarded is how much the guards with a meter that are data have looked at.
	guarded int64

	// outer is the user that Caddy knew before an identity had a name, and named says that one has.
	outer any
	named bool

	chain chain
	// restores says that what the candidate changes is restored when it declines.
	restores bool
	// level counts the steps around what runs whose changes are undone by themselves.
	level    int
	response response.Stack
	*kept
}

// kept is what an exchange keeps for the next request, emptied.
type kept struct {
	snapshots []snapshot
	reserved  []reservation
	// identities are those that middleware of the candidate has found out.
	identities []Identity
	// claimed are the names of fields that only middleware may set.
	claimed [][]string
	// next is Exchange.step as a value, made once.
	next func() (Verdict, error)
	// counted is what Once has seen.
	counted []count
}

// Tenant returns the name of the current tenant, empty for the default tenant.
func (ex *Exchange) Tenant() string { return ex.place.Tenant() }

// Route returns the route that is being tried. It is nil while the guards of a layer run, and while a scope answers for a path that no
// route matches.
func (ex *Exchange) Route() *Route { return ex.place.Route() }

// Pattern returns the pattern of the route with the prefixes of the scopes around it, as written and relative to the
// tenant. It is empty when there is no route.
func (ex *Exchange) Pattern() string { return ex.place.Pattern() }

// Param returns the decoded value of a parameter of the route's pattern, and whether the pattern has it. "*"
// is the name of the catch-all.
func (ex *Exchange) Param(name string) (string, bool) {
	for i, n := range ex.place.Names() {
		if n == name {
			return urlpath.Decode(ex.place.Matched(i)), true
		}
	}
	return "", false
}

// Params returns the names and decoded values of the parameters, in the order of the pattern.
func (ex *Exchange) Params() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i, n := range ex.place.Names() {
			if !yield(n, urlpath.Decode(ex.place.Matched(i))) {
				return
			}
		}
	}
}

// Err returns the error that a Failed action answers, nil in all others.
func (ex *Exchange) Err() error { return ex.err }

// Wrote reports whether the response header was sent, while hooks run.
func (ex *Exchange) Wrote() bool { return ex.response.Wrote() }

// Perform does what a hook has decided: it resolves the names in a and carries it out.
func (ex *Exchange) Perform(a Action) (Verdict, error) {
	bound, err := ex.Bind(a)
	if err != nil {
		return Done, err
	}
	return ex.Act(bound)
}

// Act carries out an action that Bind or Pool has returned.
func (ex *Exchange) Act(a Action) (Verdict, error) {
	ex.beforeAction(a)
	return a.Do(ex)
}

// Bind resolves the names in an action that a hook has made, as the current tenant sees them. The error is that of the
// hook, which has not done anything yet.
func (ex *Exchange) Bind(a Action) (Action, error) {
	if t, ok := a.(Templated); ok {
		if err := t.CheckParams(ex.place.Names()); err != nil {
			return nil, err
		}
	}
	bound, err := ex.place.Pools().Bind(a)
	if err != nil {
		return nil, err
	}
	return bound, nil
}

// Pools returns the pools that the current tenant sees.
func (ex *Exchange) Pools() *pool.Scope { return ex.place.Pools().Scope }

// Pool returns the action that forwards to a pool the current tenant sees.
func (ex *Exchange) Pool(name string) (Action, error) {
	return ex.place.Pools().forward(name)
}

// SetHeader replaces the values of a field of the request's header; without values it is removed. Host is a field as any other,
// and has one value. The values are kept. The error says that the header would be too large.
func (ex *Exchange) SetHeader(name string, values []string) error {
	if err := ex.grow(name, values, true); err != nil {
		return err
	}
	ex.changed.Set(ex.R, name, values)
	return nil
}

// AddHeader adds values to a field of the request's header. Values that the client named in Connection are dropped first. The error is that of SetHeader.
func (ex *Exchange) AddHeader(name string, values []string) error {
	if err := ex.grow(name, values, false); err != nil {
		return err
	}
	ex.changed.Add(ex.R, name, values)
	return nil
}

// grow counts what is set of the header of the request. Only where that is much, it looks at all of the header.
func (ex *Exchange) grow(name string, values []string, replaces bool) error {
	more := field.SizeOf(name, values)
	if ex.grown += more; ex.grown <= field.MaxHeader {
		return nil
	}
	size := field.Size(ex.R.Header)
	if replaces {
		name = textproto.CanonicalMIMEHeaderKey(name)
		size -= field.SizeOf(name, ex.R.Header[name])
	}
	ex.grown = size + more
	return field.CheckSize(ex.grown)
}

// Middleware returns what stands around the action that is being performed, the outermost first. It must not be changed.
func (ex *Exchange) Middleware() []Middleware { return ex.chain.middleware }

// Yield tells the hooks that Go is about to wait for long. Those that keep something hear when the header has left.
func (ex *Exchange) Yield() {
	if ex.Hold == nil {
		return
	}
	if ex.Hold.Yield(); ex.Hold != nil {
		ex.record()
	}
}

// Outcome is how a request ended.
type Outcome struct {
	// Status is what the client got; for an error that Caddy's handle_errors answers, the status of the error. It is 0
	// for a response that was aborted before it began.
	Status int
	// Bytes is the size of the body as it was written here.
	Bytes int64
	// Duration is the time since the request arrived.
	Duration time.Duration
	// Upstream is the address that was forwarded to last, empty if there was none.
	Upstream string
	// Err is the error that the request ended with, nil if there was none.
	Err error
}

// ErrAborted is the error of a request that ended in a panic, as those do whose response cannot be finished.
var ErrAborted = errors.New("the response was aborted")

// OnDone adds a function that is called when the request has ended. It is dropped if the candidate declines. It runs before the server ends
// the response, so slow work belongs in a goroutine.
func (ex *Exchange) OnDone(fn func(Outcome)) {
	ex.record()
	ex.done = append(ex.done, fn)
}

func (ex *Exchange) outcome(err error) Outcome {
	o := Outcome{Err: err}
	o.Status, o.Bytes = ex.response.Sent()
	if o.Status == 0 && err != ErrAborted {
		o.Status = http.StatusOK
		if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
			o.Status = failed.StatusCode
		}
	}
	ctx := ex.R.Context()
	if start, ok := caddyhttp.GetVar(ctx, "start_time").(time.Time); ok {
		o.Duration = time.Since(start)
	}
	o.Upstream = ex.upstream()
	return o
}
