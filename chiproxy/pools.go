package chiproxy

import (
	"errors"
	"fmt"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/lifetime"
)

// Pools are the upstream pools of one Caddy configuration, kept while something refers to them.
//
// Tables come and go while a configuration runs, and each acquires the pools it names. Two specifications with the same
// configuration are one pool, so a pool that a reload leaves as it was keeps its connections, its health and its open
// WebSockets. The last release ends a pool, and Close ends them all.
type Pools struct {
	ctx     caddy.Context
	modules *lifetime.Parent

	mu     sync.Mutex
	byKey  map[string]*Pool
	closed bool
	shared *shared
}

// NewPools returns the pools of the configuration that ctx belongs to. It does nothing yet; the first pool does.
func NewPools(ctx caddy.Context) *Pools {
	return &Pools{ctx: ctx, modules: lifetime.New(ctx), byKey: map[string]*Pool{}}
}

// Modules loads what else lives no longer than a table, in the configuration of the pools.
func (p *Pools) Modules() *lifetime.Parent { return p.modules }

var errPoolsClosed = errors.New("the configuration of the pools has ended")

// acquire returns the pool of spec's configuration with one reference more, and makes it if there is none. The
// caller releases it. An error begins with the place of spec.
func (p *Pools) acquire(spec PoolSpec) (*Pool, error) {
	pool, err := p.get(spec)
	if err != nil {
		return nil, spec.Origin.Errorf("pool %q: %w", spec.Name, err)
	}
	return pool, nil
}

func (p *Pools) get(spec PoolSpec) (*Pool, error) {
	key, err := canonical(spec.Config)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errPoolsClosed
	}
	pool := p.byKey[key]
	if pool == nil {
		if pool, err = p.open(spec.Name, key); err != nil {
			return nil, err
		}
		p.byKey[key] = pool
	}
	pool.refs++
	return pool, nil
}

// open makes a pool. The lock is held, since the first one makes what all share.
func (p *Pools) open(name, key string) (*Pool, error) {
	h, err := decodePool(key)
	if err != nil {
		return nil, err
	}
	defer lockProvisioning(p.ctx)()
	if p.shared == nil {
		if p.shared, err = newShared(p.ctx, p.modules); err != nil {
			return nil, err
		}
	}
	pool := &Pool{owner: p, key: key, name: name}
	if needsModules(h) {
		pool.handler, pool.end, err = p.loadHandler(key)
	} else {
		pool.handler, pool.end, err = p.shared.provision(h)
	}
	if err != nil {
		return nil, err
	}
	logWhenWritten(pool.handler)
	pool.based = pool.basePath() != ""
	pool.policy = pool.handler.LoadBalancing.SelectionPolicy
	pool.handler.LoadBalancing.SelectionPolicy = pool
	return pool, nil
}

// Close ends all pools, at the end of the configuration. Releasing them later does no harm.
func (p *Pools) Close() {
	p.mu.Lock()
	left, shared := p.byKey, p.shared
	p.byKey, p.shared, p.closed = nil, nil, true
	p.mu.Unlock()

	for _, pool := range left {
		pool.end()
	}
	if shared != nil {
		shared.close()
	}
}

// release gives one reference back. The last one ends the pool: its health checks stop, and its
// WebSockets close, at once or after its stream_close_delay.
func (p *Pool) release() {
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

func (s *shared) close() {
	s.cancel()
	s.life.End()
	_ = s.transport.Cleanup() // closes idle connections; never fails
}
