// Package pool holds upstream pools: handlers of Caddy's reverse_proxy that are made of their JSON while a configuration runs,
// shared by all users of the same configuration, and ended with the last reference.
//
//	pools := pool.NewSet(ctx)
//	p, err := pools.Acquire(pool.Spec{Name: "users", Config: config})
//	...
//	err = p.Handler().ServeHTTP(w, r, next)
//	...
//	p.Release()
//
// A Scope finds the pools that one tenant can name.
package pool

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/balance"
)

// Pool is an upstream pool: a reverse_proxy of Caddy's. All names that stand for the same configuration share one
// Pool, its connections and its health.
type Pool struct {
	owner *Set
	key   string
	refs  int // guarded by owner.mu
	name  string

	handler *reverseproxy.Handler
	// end stops the health checks, closes streams and gives the modules of the handler back.
	end func()

	// policy is the one the configuration asks for. Pool stands before it as the handler's own.
	policy   reverseproxy.Selector
	basePath string
	// chosen is set once some action has named an upstream. Until then, a choice costs one load.
	chosen atomic.Bool

	// kinds are those of the functions that the handler asks.
	kinds     Kinds
	latencies *balance.Latencies // nil without Select and Retry
	measures  atomic.Bool        // somebody asks for latencies
	cookies   balance.CookieValues
	named     addressBook
}

// Upstream is the state of one upstream.
type Upstream struct {
	// Address is the dial address, as the configuration gives it.
	Address string `json:"address"`
	// Healthy reports whether no active or passive check, nor the circuit breaker, counts it as down.
	Healthy bool `json:"healthy"`
	// Requests is the number of requests that it works on now, from anywhere in this process.
	Requests int `json:"requests"`
	// Fails is the number of recent failures that passive checks remember.
	Fails int `json:"fails"`
}

// Key is the same for pools of the same configuration, and for no others.
func (p *Pool) Key() string { return p.key }

// Handler returns the handler that forwards to the pool. It must not be changed; a copy of it may.
func (p *Pool) Handler() *reverseproxy.Handler { return p.handler }

// Once returns the handler that forwards to the pool, without a second try.
func (p *Pool) Once() *reverseproxy.Handler {
	h, lb := *p.handler, *p.handler.LoadBalancing
	lb.Retries, lb.TryDuration = 0, 0
	h.LoadBalancing = &lb
	return &h
}

// BasePath returns what the pool puts before every path, in the form in which addresses with a path are stored. It is empty for most.
func (p *Pool) BasePath() string { return p.basePath }

// Upstreams returns the state of the upstreams. Those of a dynamic source are not among them, since they depend on
// the request.
func (p *Pool) Upstreams() []Upstream {
	all := make([]Upstream, len(p.handler.Upstreams))
	for i, u := range p.handler.Upstreams {
		all[i] = Upstream{
			Address:  u.Dial,
			Healthy:  u.Healthy(),
			Requests: u.Host.NumRequests(),
			Fails:    u.Host.Fails(),
		}
	}
	return all
}

// Available reports whether the pool has an upstream that takes requests now. Of a dynamic source, that is not known before it is asked.
func (p *Pool) Available() bool {
	return p.handler.DynamicUpstreams != nil || slices.ContainsFunc(p.handler.Upstreams, (*reverseproxy.Upstream).Available)
}

// choiceVar is the request variable that carries a *Choice to the selection policy of its pool. A variable costs the
// request nothing where there is no choice, and unlike a context value it needs no copy of the request.
const choiceVar = "luaroute.upstream"

// Choice is the upstream that an action asks for, for one request.
type Choice struct {
	pool    *Pool
	address string
	// made is set when the upstream was looked for and found. What follows is a retry, and up to the policy.
	made bool
	// ended is set when the request has been forwarded. The variable stays: another goroutine may read the variables by then.
	ended bool
	// offered are the addresses there were, when the upstream was not among them.
	offered []string
}

// Choosable prepares the pool for the choice of an upstream. It reports an address that is not in the pool, where the addresses
// are known beforehand.
func (p *Pool) Choosable(address string) error {
	if p.handler.DynamicUpstreams == nil {
		known := addresses(p.handler.Upstreams)
		if !slices.Contains(known, address) {
			return noUpstream(p.name, address, known)
		}
	}
	if !p.chosen.Load() { // most often it is, and a load disturbs no other core
		p.chosen.Store(true)
	}
	return nil
}

// Choose makes the pool try one upstream first for a request, until the choice ends. Choosable must have been called.
func (p *Pool) Choose(r *http.Request, address string) *Choice {
	c := &Choice{pool: p, address: address}
	caddyhttp.SetVar(r.Context(), choiceVar, c)
	return c
}

// End ends the choice, and reports an upstream that the pool did not have.
func (c *Choice) End() error {
	c.ended = true
	return c.err()
}

func (c *Choice) err() error {
	if c.offered == nil {
		return nil
	}
	return noUpstream(c.pool.name, c.address, c.offered)
}

// Chosen returns the address of the upstream that was chosen for a request, empty if none was.
func Chosen(r *http.Request) string {
	if c, ok := caddyhttp.GetVar(r.Context(), choiceVar).(*Choice); ok && !c.ended {
		return c.address
	}
	if a, ok := caddyhttp.GetVar(r.Context(), askingVar).(*Asking); ok {
		return a.chosen
	}
	return ""
}

func noUpstream(pool, address string, offered []string) error {
	if len(offered) == 0 {
		return fmt.Errorf("pool %q has no upstream %q; there are none", pool, address)
	}
	return fmt.Errorf("pool %q has no upstream %q; there are %s", pool, address, listed(offered))
}

// Select returns the upstream that the request's action has chosen, or a function of the pool, or else its policy.
func (p *Pool) Select(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	if p.kinds != (Kinds{}) {
		if a := askingOf(r, p); a != nil {
			return a.selects(pool, r, w)
		}
	}
	return p.choose(pool, r, w)
}

// choose is Select without functions.
func (p *Pool) choose(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	if c := p.choice(r); c != nil {
		return c.pick(pool, r, w)
	}
	return p.policy.Select(pool, r, w)
}

// choosing reports whether the action of a request has chosen an upstream that was not tried yet.
func (p *Pool) choosing(r *http.Request) bool { return p.choice(r) != nil }

func (p *Pool) choice(r *http.Request) *Choice {
	if p.chosen.Load() {
		if c, ok := caddyhttp.GetVar(r.Context(), choiceVar).(*Choice); ok && c.pool == p && !c.made && !c.ended {
			return c
		}
	}
	return nil
}

// pick looks for the chosen upstream, which must be among those of the pool, but need not be available.
func (c *Choice) pick(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
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

// basePathOf returns the base path that a handler was given.
func basePathOf(h *reverseproxy.Handler) string {
	if h.Rewrite == nil || len(h.Rewrite.PathRegexp) == 0 {
		return ""
	}
	if last := h.Rewrite.PathRegexp[len(h.Rewrite.PathRegexp)-1]; last.Find == "^" {
		return strings.ReplaceAll(last.Replace, "$$", "$")
	}
	return ""
}

// Interface guards
var _ reverseproxy.Selector = (*Pool)(nil)
