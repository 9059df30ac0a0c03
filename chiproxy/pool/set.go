package pool

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
	"github.com/luaroute/caddy-luaroute/chiproxy/lifetime"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/proxylog"
)

// Spec describes an upstream pool.
type Spec struct {
	Name string
	// Config is the JSON of a reverse_proxy handler, with or without its "handler" key.
	Config json.RawMessage
	// Functions are what it asks; nil for none.
	Functions Functions
	// Failed is the error of a pool that a script caught with pcall. It has its place, and is reported if something names the pool.
	Failed error
	Origin origin.Origin
}

// Set is the upstream pools of one Caddy configuration, each kept while something refers to it.
//
// Tables come and go while a configuration runs, and each acquires the pools it names. Two specifications with the same
// configuration are one pool, so a pool that a reload leaves as it was keeps its connections, its health and its open
// WebSockets. The last release ends a pool, and Close ends them all.
type Set struct {
	ctx     caddy.Context
	modules *lifetime.Parent

	mu     sync.Mutex
	byKey  map[string]*Pool
	closed bool
	shared *shared
}

// NewSet returns the pools of the configuration that ctx belongs to. It does nothing yet; the first pool does.
func NewSet(ctx caddy.Context) *Set {
	return &Set{ctx: ctx, modules: lifetime.New(ctx), byKey: map[string]*Pool{}}
}

// Modules loads what else lives no longer than a table, in the configuration of the pools.
func (s *Set) Modules() *lifetime.Parent { return s.modules }

var errClosed = errors.New("the configuration of the pools has ended")

// Acquire returns the pool of spec's configuration with one reference more, and makes it if there is none. The
// caller releases it.
func (s *Set) Acquire(spec Spec) (*Pool, error) {
	key, err := canonical(spec.Config)
	if err != nil {
		return nil, err
	}
	var kinds Kinds
	if spec.Functions != nil {
		kinds = spec.Functions.Kinds()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	pool := s.byKey[key+kinds.String()]
	if pool == nil {
		if pool, err = s.open(spec.Name, key, kinds); err != nil {
			return nil, err
		}
		s.byKey[pool.key] = pool
	}
	pool.refs++
	return pool, nil
}

// open makes a pool. The lock is held, since the first one makes what all share.
func (s *Set) open(name, key string, kinds Kinds) (*Pool, error) {
	h, err := decodePool(key, kinds)
	if err != nil {
		return nil, err
	}
	defer lockProvisioning(s.ctx)()
	if s.shared == nil {
		if s.shared, err = newShared(s.ctx, s.modules); err != nil {
			return nil, err
		}
	}
	pool := &Pool{owner: s, key: key + kinds.String(), name: name, kinds: kinds}
	transport, err := s.shared.transportOf(h)
	switch {
	case err != nil:
	case needsModules(h):
		pool.handler, pool.end, err = s.loadHandler(key)
	default:
		pool.handler, pool.end, err = s.shared.provision(h, transport)
	}
	if err != nil {
		return nil, err
	}
	proxylog.WhenWritten(pool.handler)
	pool.basePath = basePathOf(pool.handler)
	pool.policy = pool.handler.LoadBalancing.SelectionPolicy
	pool.handler.LoadBalancing.SelectionPolicy = pool
	if kinds.Retry && s.shared.expression == nil {
		if s.shared.expression, err = newResponseExpression(s.shared.ctx); err != nil {
			pool.end()
			return nil, err
		}
	}
	pool.begin(s.shared.expression)
	return pool, nil
}

// Len returns the number of pools that something refers to.
func (s *Set) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byKey)
}

// Close ends all pools, at the end of the configuration. Releasing them later does no harm.
func (s *Set) Close() {
	s.mu.Lock()
	left, shared := s.byKey, s.shared
	s.byKey, s.shared, s.closed = nil, nil, true
	s.mu.Unlock()

	for _, pool := range left {
		pool.end()
	}
	if shared != nil {
		shared.close()
	}
}

// Release drops one reference. The last one ends the pool: its health checks stop, and its
// WebSockets close, at once or after its stream_close_delay.
func (p *Pool) Release() {
	o := p.owner
	o.mu.Lock()
	p.refs--
	last := p.refs == 0 && !o.closed
	if last {
		delete(o.byKey, p.key)
	}
	o.mu.Unlock()
	if last { // without the lock: this may close many connections
		p.end()
	}
}

// shared is what the pools of one configuration have in common.
type shared struct {
	// ctx is that of the configuration, with its metrics registry, narrowed so that close can end it.
	ctx    caddy.Context
	cancel func()
	// named is the context of handlers that load no modules.
	named caddy.Context
	// life is that of named.
	life *lifetime.Life
	// transport is used by every pool that asks for no other.
	transport *reverseproxy.HTTPTransport
	// checked are used by pools that may dial only some addresses, and ask for nothing else; by their policies.
	checked map[string]*dial.Transport
	// expression has Caddy ask about responses; nil before the first pool that wants that.
	expression caddyhttp.RequestMatcherWithError
}

// newShared provisions one handler without upstreams. That makes the default transport, and it registers Caddy's
// gauge of healthy upstreams with the registry of the configuration, which handlers in contexts of their own miss.
func newShared(ctx caddy.Context, modules *lifetime.Parent) (*shared, error) {
	s := &shared{life: modules.Open()}
	s.ctx, s.cancel = narrow(ctx)
	named, err := s.life.Load("luaroute.pools", nil)
	s.life.Settle()
	var h reverseproxy.Handler
	if err == nil {
		err = h.Provision(s.ctx)
	}
	if err != nil {
		s.cancel()
		s.life.End()
		return nil, fmt.Errorf("default transport: %w", err)
	}
	s.transport = h.Transport.(*reverseproxy.HTTPTransport)
	s.named = named.(*poolModule).ctx
	return s, nil
}

// transportOf returns the transport that a pool shares with others. If the pool asks for one that can be shared, it does not any more.
func (s *shared) transportOf(h *reverseproxy.Handler) (http.RoundTripper, error) {
	policy := dial.Shared(h.TransportRaw)
	if policy == nil {
		return s.transport, nil
	}
	h.TransportRaw = nil
	key := strings.Join(policy, " ")
	if t := s.checked[key]; t != nil {
		return t, nil
	}
	t := &dial.Transport{Upstreams: policy}
	if err := t.Provision(s.ctx); err != nil {
		return nil, err
	}
	if s.checked == nil {
		s.checked = map[string]*dial.Transport{}
	}
	s.checked[key] = t
	return t, nil
}

func (s *shared) close() {
	s.cancel()
	s.life.End()
	_ = s.transport.Cleanup() // closes idle connections; never fails
	for _, t := range s.checked {
		_ = t.Cleanup()
	}
}
