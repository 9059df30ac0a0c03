package pool

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/balance"
)

// Inside reports whether a module is loaded for a pool.
func Inside(ctx context.Context) bool { return ctx.Value(provisioningKey{}) != nil }

// Foreign is a reverse_proxy that is no pool of a table, and asks functions of one. Each question is one of its own: what is known of a request
// between its tries is in the request's variables.
type Foreign struct{ named Named }

// NewForeign returns one. The policy decides where a function says nothing or fails; it is nil for one that asks for upstreams only.
func NewForeign(policy reverseproxy.Selector) *Foreign {
	return &Foreign{Named{Pool: &Pool{policy: policy, kinds: Kinds{Select: policy != nil, Upstreams: policy == nil}, latencies: balance.NewLatencies()}}}
}

// Trip notes a round trip.
func (f *Foreign) Trip(t balance.Trip) { f.named.Trip(t) }

// foreignVar is the request variable with a *tries.
const foreignVar = "luaroute.tries"

// tries is what a foreign reverse_proxy knows of a request.
type tries struct {
	tried  []*reverseproxy.Upstream
	cookie string // what was set for the last one
	// dynamic are the upstreams that a function has named, of source, and own is what is said of them.
	dynamic reverseproxy.UpstreamPool
	own     []balance.Own
	source  *Foreign
	// selector is what selects among them.
	selector *Foreign
}

func triesOf(r *http.Request) *tries {
	t, ok := caddyhttp.GetVar(r.Context(), foreignVar).(*tries)
	if !ok {
		t = new(tries)
		caddyhttp.SetVar(r.Context(), foreignVar, t)
	}
	return t
}

// AskedBy returns the request as functions see it: they do not read its body, which belongs to the one who forwards it.
func AskedBy(r *http.Request) *http.Request {
	own := *r
	if own.Body != nil && own.Body != http.NoBody {
		own.Body = takenBody{r.Body}
	}
	return &own
}

// Select returns the upstream for one try, which a function chooses of the pool. The error is that of the function, which has been left out then.
func (f *Foreign) Select(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter, asker Asker) (*reverseproxy.Upstream, error) {
	t := triesOf(r)
	if t.selector != f { // another reverse_proxy, before this one
		t.selector, t.tried, t.cookie = f, nil, ""
	}
	a := f.named.Begin(r, asker)
	a.Offer.Tried = append(a.Offer.Tried, t.tried...)
	if len(pool) > 0 && len(pool) == len(t.dynamic) && pool[0] == t.dynamic[0] {
		a.listed, a.own = true, t.own
	}
	u, err := a.asks(pool, r, w)
	if u != nil {
		a.cookie = t.cookie
		a.setCookie(u, r, w)
		t.cookie = a.cookie
		t.tried = append(t.tried, u)
	}
	a.ended = true
	return u, err
}

// Unasked returns what the policy selects.
func (f *Foreign) Unasked(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	return f.named.policy.Select(pool, r, w)
}

// Listed returns the upstreams that were named for a request before, and whether there are any.
func (f *Foreign) Listed(r *http.Request) (reverseproxy.UpstreamPool, bool) {
	t := triesOf(r)
	return t.dynamic, t.source == f
}

// Forget has the upstreams of a request named again: a try has failed.
func (f *Foreign) Forget(r *http.Request) {
	if t := triesOf(r); t.source == f {
		t.source = nil
	}
}

// List returns the upstreams that a function names for a request.
func (f *Foreign) List(r *http.Request, asker Asker) (reverseproxy.UpstreamPool, error) {
	a := f.named.Begin(r, asker)
	defer func() { a.ended = true }()
	if err := asker.Upstreams(); err != nil {
		return nil, err
	}
	t := triesOf(r)
	t.source, t.dynamic, t.own = f, a.dynamic, a.own
	return a.dynamic, nil
}
