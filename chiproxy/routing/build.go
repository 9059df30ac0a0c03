package routing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
	"github.com/luaroute/caddy-luaroute/internal/pieces"
)

// builder makes a table of a specification.
type builder struct {
	problems
	spec   *chiproxy.Spec
	source *pool.Set
	pools  []*pool.Named
	// values that many routes share
	methods map[string]*pathmux.Methods
	texts   map[string]*text
	shared  map[common]*common
	covers  map[*pathmux.Methods]*pathmux.Cover
	// shares is Table.shares.
	shares bool
	// work is done in pieces: there may be a hundred thousand routes.
	work pieces.Work
}

// Build checks a specification as a whole and makes a table of it. Its errors, the first 20 of them joined, begin
// with the script and line of what is wrong. Then everything is released, but Spec.Release is not called.
func Build(s chiproxy.Spec, p *pool.Set) (*Table, error) {
	return newBuilder(s, p).build()
}

func newBuilder(s chiproxy.Spec, p *pool.Set) *builder {
	return &builder{
		spec: &s, source: p,
		methods: map[string]*pathmux.Methods{}, texts: map[string]*text{}, shared: map[common]*common{}, covers: map[*pathmux.Methods]*pathmux.Cover{},
	}
}

func (b *builder) build() (*Table, error) {
	t := b.table()
	if b.failed() {
		releaseAll(b.pools)
		return nil, b.err()
	}
	t.pools, t.shares = b.pools, b.shares
	t.counted(b.spec.Series)
	return t, nil
}

func releaseAll(pools []*pool.Named) {
	for _, p := range pools {
		p.Release()
	}
}

func (b *builder) table() *Table {
	s := b.spec
	t := &Table{mismatch: s.MethodMismatch, certifier: s.Certifier, exports: s.Exports, release: s.Release}
	t.refs.Store(1)
	global := pool.NewScope(nil)
	b.addPools(global, "", s.Pools)
	inner := pool.NewJointScope(global) // the pools of the instance are those of the default tenant, too
	b.addPools(inner, "", s.Default.Pools)
	b.checkNames()

	t.base = b.tenant(&s.Default, inner)
	var listings []listing
	for i := range s.Tenants {
		spec := &s.Tenants[i]
		outer := global
		if spec.Inside {
			outer = inner
		}
		pools := pool.NewScope(outer)
		pools.MayUse(spec.MayUse)
		b.addPools(pools, spec.Name, spec.Pools)
		tn := b.tenant(spec, pools)
		t.tenants = append(t.tenants, tn)
		hosts := b.hosts(spec.Hosts, spec.Origin)
		if len(hosts) == 0 {
			hosts = []string{""}
		}
		for _, h := range hosts {
			listings = append(listings, listing{tn, h, len(listings)})
		}
	}
	slices.SortFunc(listings, compareListings)
	b.checkListings(listings)
	t.setIndex(listings)
	return t
}

// poolFailure is why a pool could not be made. It is reported once, however often the pool is named.
type poolFailure struct {
	error
	reported bool
}

func (b *builder) addPools(scope *pool.Scope, tenant string, specs []pool.Spec) {
	for _, spec := range specs {
		if spec.Failed != nil {
			scope.Fail(spec.Name, &poolFailure{error: spec.Failed})
			continue
		}
		p, err := b.source.Acquire(spec)
		if err != nil {
			failure := &poolFailure{error: spec.Origin.Errorf("pool %q: %w", spec.Name, err)}
			b.add(origin.Origin{}, failure)
			scope.Fail(spec.Name, failure)
			continue
		}
		named := &pool.Named{Pool: p, Tenant: tenant, Name: spec.Name, At: spec.Origin}
		named.SetFunctions(spec.Functions)
		b.pools = append(b.pools, named)
		if err := scope.Add(named); err != nil {
			b.add(spec.Origin, err)
		}
	}
}

// checkNames reports tenants of one name, as logs, limits and the admin API tell them apart by it.
func (b *builder) checkNames() {
	seen := map[string]origin.Origin{}
	for _, t := range b.spec.Tenants {
		if first, ok := seen[t.Name]; ok {
			b.add(t.Origin, fmt.Errorf("tenant %q is declared twice%s", t.Name, first.Earlier()))
			continue
		}
		seen[t.Name] = t.Origin
	}
}

// checkListings reports tenants for one host and prefix of which one certainly takes every request.
func (b *builder) checkListings(sorted []listing) {
	type spot struct {
		host, prefix string
		priority     int
	}
	seen := map[spot]*tenant{}
	for _, l := range sorted {
		at := spot{l.host, l.tenant.prefix, l.tenant.spec.Priority}
		first := seen[at]
		switch {
		case first == nil:
			seen[at] = l.tenant
		case first != l.tenant && !first.onward:
			b.add(l.tenant.spec.Origin, fmt.Errorf("tenant %q can never be asked for host %q and prefix %q: tenant %q has them%s and does not fall through; give one a priority",
				l.tenant.name, l.host, l.tenant.prefix, first.name, first.spec.Origin.Earlier()))
		}
	}
}

// hosts brings hosts into the form of the index, each once.
func (b *builder) hosts(hosts []string, at origin.Origin) []string {
	var keys []string
	for _, h := range hosts {
		key, err := host.Key(h)
		if err != nil {
			b.add(at, err)
			continue
		}
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// tenant makes a tenant and all its layers.
func (b *builder) tenant(spec *chiproxy.Tenant, scope *pool.Scope) *tenant {
	pools := &chiproxy.PoolScope{Scope: scope}
	t := &tenant{
		name: spec.Name, onward: spec.Fallthrough,
		pools: pools, spec: spec, policy: spec.OnError,
	}
	if t.policy == nil {
		t.policy = &b.spec.OnError
	}
	prefix, err := tenantPrefix(spec.PathPrefix)
	if err != nil {
		b.add(spec.Origin, err)
	}
	t.prefix, t.folded = prefix, urlpath.CaddyText(prefix)
	if spec.StripPrefix {
		pools.Strip = prefix
	}
	b.checkPolicy(t.policy, pools, spec.Origin)
	b.fallbacks(t, spec)
	newScopeWalk(b, pools).tenant(t, &spec.Root)
	return t
}

// fallbacks binds the actions for requests that no route matches.
func (b *builder) fallbacks(t *tenant, spec *chiproxy.Tenant) {
	all := []chiproxy.Action{spec.Fallback}
	if spec.UsePool != "" {
		all = append(all, chiproxy.Proxy{Pool: spec.UsePool})
	}
	all = append(all, spec.Split)
	for _, a := range all {
		if a = b.bind(a, nil, t.pools, spec.Origin); a == nil {
			continue
		}
		t.fallbacks = append(t.fallbacks, a)
	}
}

// tenantPrefix checks a prefix and takes the slash at its end off.
func tenantPrefix(p string) (string, error) {
	p = strings.TrimSuffix(p, "/")
	if p == "" {
		return "", nil
	}
	pattern, err := pathmux.Parse(p)
	if err != nil {
		return "", fmt.Errorf("path prefix: %w", err)
	}
	if !pattern.IsStatic() {
		return "", fmt.Errorf("path prefix %q must not have parameters", p)
	}
	return p, nil
}

// checkPolicy reports a pool that does not exist.
func (b *builder) checkPolicy(p *chiproxy.ErrorPolicy, pools *chiproxy.PoolScope, at origin.Origin) {
	if p == nil || p.Mode != chiproxy.FailToPool {
		return
	}
	if _, err := pools.Find(p.Pool); err != nil {
		b.add(at, fmt.Errorf("on_error: %w", err))
	}
}

// bind resolves the names in an action, which may be nil. The pattern has the parameters given.
func (b *builder) bind(a chiproxy.Action, params []string, pools *chiproxy.PoolScope, at origin.Origin) chiproxy.Action {
	if a == nil {
		return nil
	}
	b.checkParams(a, params, at)
	bound, err := pools.Bind(a)
	if err != nil {
		b.add(at, err)
	}
	return bound
}

// checkParams reports a parameter in the strings of an action or middleware that the pattern has not.
func (b *builder) checkParams(x any, params []string, at origin.Origin) {
	if t, ok := x.(chiproxy.Templated); ok {
		if err := t.CheckParams(params); err != nil {
			b.add(at, err)
		}
	}
}

// bindMiddleware resolves the names in middleware.
func (b *builder) bindMiddleware(all []chiproxy.Middleware, pools *chiproxy.PoolScope) []chiproxy.Middleware {
	bound := make([]chiproxy.Middleware, len(all))
	for i, mw := range all {
		var err error
		if bound[i], err = pools.BindMiddleware(mw); err != nil {
			b.add(chiproxy.Describe(mw), err)
		}
	}
	return bound
}

// methodSet returns the set of some methods, nil for all.
func (b *builder) methodSet(methods []string) (*pathmux.Methods, error) {
	if len(methods) == 0 {
		return nil, nil
	}
	for _, m := range methods {
		if err := field.CheckMethod(m); err != nil {
			return nil, err
		}
	}
	key := strings.Join(methods, " ")
	m := b.methods[key]
	if m == nil {
		m = pathmux.NewMethods(methods)
		b.methods[key] = m
	}
	return m, nil
}

// text returns what a pattern with those names below prefix says.
func (b *builder) text(prefix string, p pathmux.Pattern) *text {
	names := p.Names()
	key := prefix + "\x00" + strings.Join(names, "\x00")
	x := b.texts[key]
	if x == nil {
		x = &text{prefix: prefix, names: names}
		b.texts[key] = x
	}
	return x
}

// common returns the one copy of what many candidates have in common.
func (b *builder) common(t common) *common {
	shared := b.shared[t]
	if shared == nil {
		own := t // so that only the first of its kind is allocated
		shared = &own
		b.shared[t] = shared
	}
	return shared
}
