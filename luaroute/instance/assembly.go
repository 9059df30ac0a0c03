package instance

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/lifetime"
	"github.com/luaroute/caddy-luaroute/luaroute/capability"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// assembly is one load: what scripts declare on the way to a table. The scripts of tenants are run side by side, so that one that waits
// holds up no other. What they declare is put together in the order of the configuration, and so are their errors.
type assembly struct {
	*loader
	ctx  context.Context // of the load
	out  *loaded
	life *lifetime.Life
	// lives are those of the modules of isolated tenants; loading guards them.
	lives []*lifetime.Life
	// places bounds loads that run Lua to GOMAXPROCS-1, so that requests keep a processor.
	places  chan struct{}
	loading sync.Mutex // held while a module is loaded
	// waited is how long the scripts of the default tenant have waited, of the wall of the load.
	waited time.Duration

	mu   sync.Mutex // guards vms and ends
	vms  []*hook.VMs
	ends []func() // of libraries
	runs []*run
}

// run is the result of running one tenant's scripts.
type run struct {
	tenant  string
	sources source.Set
	allowed *capability.Set
	result  *declare.Result
	err     error
}

// end releases everything that the scripts use.
func (a *assembly) end() {
	for _, v := range a.vms {
		v.Stop()
	}
	a.out.Book.Close()
	for _, end := range a.ends {
		end()
	}
	for _, life := range append(a.lives, a.life) {
		life.End()
	}
}

// settle notes that all modules are loaded.
func (a *assembly) settle() {
	for _, life := range append(a.lives, a.life) {
		life.Settle()
	}
}

// spec returns what the table is to be.
func (a *assembly) spec() (chiproxy.Spec, error) {
	spec := chiproxy.Spec{Pools: a.root.pools, Series: a.out.series, Release: a.end}
	if p := declare.Policy(a.config.OnError); p != nil {
		spec.OnError = *p
	}
	if a.config.MethodMismatch == config.MismatchDecline {
		spec.MethodMismatch = chiproxy.DeclineMismatch
	}
	policies, err := a.allPolicies()
	if err != nil {
		return spec, err
	}
	own := make([]*run, len(a.tenants)) // of the tenants of the configuration
	var all sync.WaitGroup
	for i, t := range a.tenants {
		if len(t.sources) > 0 {
			all.Go(func() { own[i] = a.run(t.config.Name, t.scripting) })
		}
	}
	if len(a.root.sources) > 0 {
		err = a.base(&spec)
	}
	if all.Wait(); err != nil {
		return spec, err
	}
	spec.Tenants = slices.Grow(spec.Tenants, len(a.tenants))
	for i, t := range a.tenants {
		tenant := t.spec()
		tenant.Split = policies[tenant.Name].split
		if err := a.fill(&tenant, own[i]); err != nil {
			return spec, err
		}
		spec.Tenants = append(spec.Tenants, tenant)
	}
	a.surround(&spec, policies)
	return spec, nil
}

// base runs the scripts of the default tenant, and those of the tenants that they declare.
func (a *assembly) base(spec *chiproxy.Spec) error {
	base := a.run("", a.root)
	if base.err != nil {
		return base.err
	}
	result := base.result
	a.runs = append(a.runs, base)
	spec.Default = chiproxy.Tenant{Root: result.Root, Fallback: result.Fallback, Pools: result.Pools}
	spec.Exports = result.Exports

	own := make([]*run, len(result.Tenants))
	var all sync.WaitGroup
	for i, t := range result.Tenants {
		if len(t.Scripts) > 0 {
			all.Go(func() { own[i] = a.inner(t) })
		}
	}
	all.Wait()
	for i, t := range result.Tenants {
		if err := a.fill(&t.Tenant, own[i]); err != nil {
			return err
		}
		spec.Tenants = append(spec.Tenants, t.Tenant)
	}
	return nil
}

// inner runs the scripts of a tenant that a script has declared.
func (a *assembly) inner(t declare.Tenant) *run {
	s := a.root
	s.limits = t.Limits.Or(s.limits)
	var err error
	if s.sources, err = s.sources.Beside(a.ctx, t.Origin.Script, t.Scripts); err != nil {
		return &run{tenant: t.Name, err: t.Origin.Errorf("tenant %q: %w", t.Name, err)}
	}
	allowed, err := capability.New(t.Name, t.Hosts, a.config.Allow)
	if err == nil {
		allowed, err = allowed.Narrow(t.Name, t.Hosts, t.Allow)
	}
	if err != nil {
		return &run{tenant: t.Name, err: t.Origin.Errorf("tenant %q: %w", t.Name, err)}
	}
	s.isolate(surveyed(a.config.Name, allowed))
	s.waited = a.waited
	r := a.run(t.Name, s)
	if own := (*script.Error)(nil); r.err != nil && !errors.As(r.err, &own) { // else it has a place, in a script of the tenant
		r.err = t.Origin.Errorf("tenant %q: %w", t.Name, r.err)
	}
	return r
}

// fill gives a tenant what its scripts declare; r is nil if it has none.
func (a *assembly) fill(t *chiproxy.Tenant, r *run) error {
	if r == nil {
		return nil
	}
	a.runs = append(a.runs, r)
	if r.err != nil {
		if !a.leaveOut(t, r.err) {
			return r.err
		}
		return nil
	}
	if r.allowed != nil {
		t.MayUse = r.allowed.Pool
	}
	t.BoundPlaceholders = r.result.Expands
	t.Patterns = r.result.Patterns
	t.Root, t.Fallback, t.Pools = r.result.Root, r.result.Fallback, slices.Concat(t.Pools, r.result.Pools)
	return nil
}

// run runs the scripts of a tenant.
func (a *assembly) run(tenant string, s scripting) (r *run) {
	r = &run{tenant: tenant, sources: s.sources, allowed: s.allowed}
	a.tries(tenant, s.sources)
	a.takePlace()
	defer func() {
		if p := recover(); p != nil {
			r.err = a.panicked(p)
		}
		a.leavePlace()
	}()
	libraries, err := a.open(tenant, s)
	if err != nil {
		r.err = err
		return r
	}
	logger := a.logger.WithLazy(zap.String("tenant", tenant)) // most log nothing
	options := declare.Options{
		Instance: a.config.Name, Counts: a.out.series.Lua(tenant), Tenant: tenant, Sources: s.sources, Libraries: libraries, Env: a.config.Env, Limits: s.limits,
		Capabilities: s.allowed, Modules: modules{a, a.lifeOf(s.allowed), s.handlers}, Logger: logger, Log: a.logs.Of(tenant, logger), Life: a.calls, Reload: a.again, Programs: &a.programs,
		Aside: a.stepAside,
		Spans: a.config.Telemetry != nil && a.config.Telemetry.Spans == config.Hooks,
		Book:  a.out.Book,
		Space: a.space(tenant),
		Load:  vm.Limits{Wall: max(a.wall-s.waited, 1)},
	}
	if tenant == "" {
		options.Aside = a.waits
	}
	if s.allowed != nil {
		options.Reload = a.againForTenants
	}
	options.Step = stepOfLoads()
	if a.bench != nil {
		options.Step, options.Refuse = a.bench.Step, func(string) {}
	}
	if a.suite != nil && tenant == a.suiteOf {
		options.Globals, options.Helpers = a.suite.Globals(), a.suite.Helpers()
	}
	if r.result, r.err = declare.Run(a.ctx, options); r.err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.vms = append(a.vms, r.result.VMs)
		if tenant == a.suiteOf {
			a.out.vms = r.result.VMs
		}
	}
	return r
}

// open returns the libraries as the scripts of a tenant have them.
func (a *assembly) open(tenant string, s scripting) (map[string]vm.Library, error) {
	t := &vm.Tenant{Instance: a.config.Name, Name: tenant, Memory: int64(s.limits.Memory), Libraries: s.libraries}
	t.Asked = a.out.series.Lua(tenant).Asks
	if s.allowed != nil {
		t.Upstreams = s.allowed.Policy().Words()
	}
	libraries, err := t.Open()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ends = append(a.ends, t.End); a.bench != nil {
		libraries = a.bench.Libraries(libraries)
	}
	return libraries, err
}

// takePlace waits until a load may go on, and stepAside lets others do so while one waits.
func (a *assembly) takePlace()  { a.places <- struct{}{} }
func (a *assembly) leavePlace() { <-a.places }

// waits is stepAside for the default tenant. What it has waited is gone for the tenants that it declares: they are loaded after it.
func (a *assembly) waits() (back func()) {
	start, again := time.Now(), a.stepAside()
	return func() {
		a.waited += time.Since(start)
		again()
	}
}

func (a *assembly) stepAside() (back func()) {
	a.leavePlace()
	return a.takePlace
}

// expectations are those of all tenants that are not left out.
func (a *assembly) expectations() (all []declare.Expectation) {
	for _, r := range a.served() {
		all = append(all, r.result.Expectations...)
	}
	return all
}

// served are the runs of the tenants that are not left out.
func (a *assembly) served() []*run {
	return slices.DeleteFunc(slices.Clone(a.runs), func(r *run) bool { return a.out.LeftOut[r.tenant] != nil })
}

// certifier decides about certificates for all tenants that are not left out; nil if none has a say.
func (a *assembly) certifier() chiproxy.Certifier {
	var all certifiers
	for _, r := range a.served() {
		if r.result.Certifier != nil {
			all = append(all, certifier{r.allowed, r.result.Certifier})
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// keep keeps what all tenants share.
func (a *assembly) keep() {
	a.out.machines = map[string]*hook.VMs{}
	for _, r := range a.served() {
		a.out.machines[r.tenant] = r.result.VMs
	}
	for _, r := range a.runs {
		a.out.sources = append(a.out.sources, Sources{r.tenant, r.sources})
	}
	for _, r := range a.served() {
		a.out.timers = append(a.out.timers, r.result.Timers...)
		a.out.Scripts = append(a.out.Scripts, r.result.Scripts...)
		a.out.names = a.out.names || r.result.Names
		a.out.contents = append(a.out.contents, content{r.tenant, r.result.Blank, r.result.Declares(), r.sources.Folders()})
	}
}

// lifeOf returns what the modules live in that the scripts of a tenant load. Those of isolated tenants know what theirs may use.
func (a *assembly) lifeOf(allowed *capability.Set) func() *lifetime.Life {
	if allowed == nil {
		return func() *lifetime.Life { return a.life }
	}
	return sync.OnceValue(func() *lifetime.Life {
		life := a.host.Pools.Modules().Open(insideKey{})
		life.Set(capability.Key, allowed)
		a.lives = append(a.lives, life)
		return life
	})
}

// modules loads Caddy modules for scripts.
type modules struct {
	of       *assembly
	life     func() *lifetime.Life
	handlers map[string]caddyhttp.MiddlewareHandler
}

// Handler returns a handler of the configuration.
func (m modules) Handler(name string) (caddyhttp.MiddlewareHandler, []string) {
	return m.handlers[name], slices.Sorted(maps.Keys(m.handlers))
}

// Load loads a module. One is loaded at a time, as everywhere in Caddy.
func (m modules) Load(id string, raw json.RawMessage) (any, error) {
	m.of.loading.Lock()
	defer m.of.loading.Unlock()
	return m.life().Load(id, raw)
}
