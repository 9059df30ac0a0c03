package chiproxy

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// Pool is an upstream pool: a reverse_proxy of Caddy's. As an action it forwards the request as it is. All names
// that stand for the same configuration share one Pool, its connections and its health.
type Pool struct {
	owner *Pools
	key   string
	refs  int // guarded by owner.mu
	name  string

	handler *reverseproxy.Handler
	// end stops the health checks, closes streams and gives the modules of the handler back.
	end func()

	// policy is the one the configuration asks for. Pool stands before it as the handler's own.
	policy reverseproxy.Selector
	// based says that the upstreams have a base path.
	based bool
	// chosen says that some action has named an upstream. Until one does, a choice costs one load.
	chosen atomic.Bool
}

// UpstreamStatus is the state of one upstream.
type UpstreamStatus struct {
	// Address is the dial address, as the configuration gives it.
	Address string
	// Healthy says whether no active or passive check, nor the circuit breaker, counts it as down.
	Healthy bool
	// Requests is the number of requests that it works on now, from anywhere in this process.
	Requests int
	// Fails is the number of recent failures that passive checks remember.
	Fails int
}

// Name returns the name that the pool was first declared with.
func (p *Pool) Name() string { return p.name }

// alias is a pool under another name than its first one.
type alias struct {
	*Pool
	name string
}

// Do forwards the request.
func (n *alias) Do(ex *Exchange) (Verdict, error) { return Done, n.forward(ex, n.name, nil) }

// Describe names the pool.
func (n *alias) Describe() origin.Origin { return origin.Origin{Kind: "proxy", Text: n.name} }

// as returns the action that forwards to the pool under a name.
func (p *Pool) as(name string) Action {
	if name == p.name {
		return p
	}
	return &alias{p, name}
}

// Upstreams returns the state of the upstreams. Those of a dynamic source are not among them, since they depend on
// the request.
func (p *Pool) Upstreams() []UpstreamStatus {
	status := make([]UpstreamStatus, len(p.handler.Upstreams))
	for i, u := range p.handler.Upstreams {
		status[i] = UpstreamStatus{
			Address:  u.Dial,
			Healthy:  u.Healthy(),
			Requests: u.Host.NumRequests(),
			Fails:    u.Host.Fails(),
		}
	}
	return status
}

// Do forwards the request.
func (p *Pool) Do(ex *Exchange) (Verdict, error) { return Done, p.forward(ex, p.name, nil) }

// forward forwards the request to the pool under a name, unless that is only explained. The handler is one of headerUp, or nil for
// the pool's own.
func (p *Pool) forward(ex *Exchange, name string, h *reverseproxy.Handler) error {
	ex.yield()
	if body, ok := ex.R.Body.(HeldBody); ok { // a pool before this one may have failed after it had read
		ex.R.Body = body.Again()
	}
	if ex.trace != nil {
		return ex.trace.forward(ex, name)
	}
	if len(p.handler.HandleResponse) > 0 {
		if err := ex.turn(); err != nil {
			return err
		}
	}
	r := ex.R
	if len(ex.fields) > 0 {
		asked, changes := ex.asClient()
		r, h = asked, p.headerUp(changes)
	} else if h == nil {
		h = p.handler
	}
	if ex.bare && p.based {
		r.URL.Path = "" // the base path stands for it, without a slash behind
		defer func() { r.URL.Path = "/" }()
	}
	return fromUpstream(h.ServeHTTP(ex.W, ex.trailing(r), ex.Next))
}

// Describe names the pool.
func (p *Pool) Describe() origin.Origin { return origin.Origin{Kind: "proxy", Text: p.name} }

// choiceVar is the request variable that carries a *choice to the selection policy of its pool. A variable costs the
// request nothing where there is no choice, and unlike a context value it needs no copy of the request.
const choiceVar = "luaroute.upstream"

// choice is the upstream that an action asks for, for one request.
type choice struct {
	pool    *Pool
	address string
	// made says that the upstream was looked for and found. What follows is a retry, and up to the policy.
	made bool
	// offered are the addresses there were, when the upstream was not among them.
	offered []string
}

// err says what was wrong with the choice, if anything was.
func (c *choice) err() error {
	if c == nil || c.offered == nil {
		return nil
	}
	return noUpstream(c.pool.name, c.address, c.offered)
}

func noUpstream(pool, address string, offered []string) error {
	if len(offered) == 0 {
		return fmt.Errorf("pool %q has no upstream %q; there are none", pool, address)
	}
	return fmt.Errorf("pool %q has no upstream %q; there are %s", pool, address, listed(offered))
}

// checkUpstream reports an address that is not in the pool, where the addresses are known beforehand.
func (p *Pool) checkUpstream(address string) error {
	if p.handler.DynamicUpstreams != nil {
		return nil
	}
	known := addresses(p.handler.Upstreams)
	if slices.Contains(known, address) {
		return nil
	}
	return noUpstream(p.name, address, known)
}

// choosable makes the pool look for choices from now on.
func (p *Pool) choosable() {
	if !p.chosen.Load() { // most often it is, and a load disturbs no other core
		p.chosen.Store(true)
	}
}

// Select returns the upstream that the request's action has chosen, or else the one of the pool's policy.
func (p *Pool) Select(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	if p.chosen.Load() {
		if c, ok := caddyhttp.GetVar(r.Context(), choiceVar).(*choice); ok && c.pool == p && !c.made {
			return c.pick(pool, r, w)
		}
	}
	return p.policy.Select(pool, r, w)
}

// pick looks for the chosen upstream, which must be among those of the pool, but need not be available.
func (c *choice) pick(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	at := slices.IndexFunc(pool, func(u *reverseproxy.Upstream) bool { return u.Dial == c.address })
	if at < 0 {
		c.offered = addresses(pool)
		return nil
	}
	c.made, c.offered = true, nil
	if pool[at].Available() {
		return pool[at]
	}
	return c.pool.policy.Select(pool, r, w)
}

func addresses(pool reverseproxy.UpstreamPool) []string {
	all := make([]string, len(pool))
	for i, u := range pool {
		all[i] = u.Dial
	}
	slices.Sort(all)
	return all
}

var (
	_ Action                = (*Pool)(nil)
	_ Describer             = (*Pool)(nil)
	_ reverseproxy.Selector = (*Pool)(nil)
)
