package instance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/lifetime"
	"github.com/luaroute/caddy-luaroute/luaroute/capability"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// loader makes tables of the configuration of one instance.
type loader struct {
	ctx     caddy.Context
	logger  *zap.Logger
	config  *config.Instance
	host    Host
	root    scripting
	tenants []configTenant
	// suite are the tests that the scripts declare; nil if they are none of tests.
	suite    *simulate.Suite
	again    func() // asks for a reload
	programs script.Programs
	logs     vm.Logs
	calls    *vm.Life // of what scripts run
}

// newLoader loads the modules that the configuration names.
func newLoader(ctx caddy.Context, c *config.Instance, host Host) (*loader, error) {
	l := &loader{
		ctx: ctx, config: c, host: host, calls: vm.NewLife(),
		logger: ctx.Logger().With(zap.String("instance", c.Name)),
	}
	var err error
	if l.root, err = newScripting(ctx, &c.Scripting, "", hook.DefaultLimits); err != nil {
		return nil, err
	}
	if len(l.root.sources) == 0 && len(c.Tenants) == 0 {
		return nil, errors.New("there is nothing to route with; expected scripts, sources or tenants")
	}
	if _, err := capability.New("", nil, c.Allow); err != nil {
		return nil, err
	}
	for _, t := range c.Tenants {
		s, err := newScripting(ctx, &t.Scripting, "tenants."+t.Name+".", l.root.limits)
		if err != nil {
			return nil, fmt.Errorf("tenant %q: %w", t.Name, err)
		}
		if len(s.sources) == 0 && t.UsePool == "" {
			return nil, fmt.Errorf("tenant %q: there is nothing to route with; expected scripts, sources or use_pool", t.Name)
		}
		allowed, err := capability.New(t.Name, t.Hosts, t.Allow.Or(c.Allow))
		if err != nil {
			return nil, fmt.Errorf("tenant %q: %w", t.Name, err)
		}
		if len(s.sources) > 0 {
			s.isolate(surveyed(c.Name, allowed))
		}
		handlers := maps.Clone(l.root.handlers)
		maps.Copy(handlers, s.handlers)
		s.handlers = handlers
		l.tenants = append(l.tenants, configTenant{t, s})
	}
	return l, nil
}

// loaded is what a load has made.
type loaded struct {
	Table *chiproxy.Table
	// sources are those that scripts ran from, one set for each tenant with scripts.
	sources []source.Set
	// Scripts are the names of those that ran.
	Scripts []string
	// contents is what the scripts were, one for each tenant with scripts.
	contents []content
	took     time.Duration
	// vms are those of the default tenant, nil without scripts.
	vms    *hook.VMs
	timers []*hook.Timer
	stop   context.CancelFunc // of the timers; nil before they start
}

// insideKey marks the contexts of modules that scripts load.
type insideKey struct{}

// Inside reports whether a module is loaded by a script.
func Inside(ctx context.Context) bool { return ctx.Value(insideKey{}) != nil }

// assembly is one load: what scripts declare on the way to a table.
type assembly struct {
	*loader
	ctx          context.Context // of the load
	out          *loaded
	life         *lifetime.Life
	lives        []*lifetime.Life // of isolated tenants
	vms          []*hook.VMs
	expectations []declare.Expectation
	certifiers   certifiers
}

// load runs all scripts and builds a table. If it fails nothing is left behind. What it has looked at is in the trace, even then.
func (l *loader) load(ctx context.Context, trace *source.Trace) (_ *loaded, err error) {
	start := time.Now()
	l.programs.Turn()
	l.logs.Turn()
	a := &assembly{loader: l, ctx: source.WithTrace(ctx, trace), out: &loaded{}, life: l.host.Pools.Modules().Open(insideKey{})}
	end := a.end
	defer func() {
		if r := recover(); r != nil { // of a module of Caddy that a script names: those who wait must not go down with it
			l.logger.Error("panic while scripts were loaded", zap.Any("panic", r), zap.StackSkip("stack", 1))
			err = fmt.Errorf("panic while scripts were loaded: %v", r)
		}
		if err != nil {
			end()
		}
	}()
	spec, err := a.spec()
	if err != nil {
		return nil, err
	}
	table, err := chiproxy.Build(spec, l.host.Pools)
	if err != nil {
		return nil, err
	}
	end = table.Retire // which ends the assembly, when the last one who asks the table has gone
	for _, life := range append(a.lives, a.life) {
		life.Settle()
	}
	if err := simulate.Check(table, a.expectations); err != nil {
		return nil, err
	}
	a.out.warn(l.logger)
	a.out.Table, a.out.took = table, time.Since(start)
	return a.out, nil
}

// end lets go all that the scripts use.
func (a *assembly) end() {
	for _, v := range a.vms {
		v.Stop()
	}
	for _, life := range append(a.lives, a.life) {
		life.End()
	}
}

// spec returns what the table is to be.
func (a *assembly) spec() (chiproxy.Spec, error) {
	spec := chiproxy.Spec{Pools: a.root.pools, OnError: policy(a.config.OnError), Release: a.end}
	if a.config.MethodMismatch == config.MismatchDecline {
		spec.MethodMismatch = chiproxy.DeclineMismatch
	}
	if len(a.root.sources) > 0 {
		if err := a.base(&spec); err != nil {
			return spec, err
		}
	}
	for _, t := range a.tenants {
		tenant := t.spec()
		if len(t.sources) > 0 {
			if err := a.fill(&tenant, t.scripting); err != nil {
				return spec, err
			}
		}
		spec.Tenants = append(spec.Tenants, tenant)
	}
	if len(a.certifiers) > 0 {
		spec.Certifier = a.certifiers
	}
	return spec, nil
}

// base runs the scripts of the default tenant, and those of the tenants that they declare.
func (a *assembly) base(spec *chiproxy.Spec) error {
	result, err := a.run("", a.root)
	if err != nil {
		return err
	}
	a.out.vms = result.VMs
	spec.Default = chiproxy.Tenant{Root: result.Root, Fallback: result.Fallback, Pools: result.Pools}
	if result.Certifier != nil {
		a.certifiers = append(a.certifiers, certifier{nil, result.Certifier})
	}
	for _, t := range result.Tenants {
		if len(t.Scripts) > 0 {
			inner, err := a.inner(t)
			if err != nil {
				return err
			}
			if err := a.fill(&t.Tenant, inner); err != nil {
				if own := (*script.Error)(nil); !errors.As(err, &own) { // else it has a place, in a script of the tenant
					err = t.Origin.Errorf("tenant %q: %w", t.Name, err)
				}
				return err
			}
		}
		spec.Tenants = append(spec.Tenants, t.Tenant)
	}
	return nil
}

// inner returns what the scripts of a tenant run with that a script has declared.
func (a *assembly) inner(t declare.Tenant) (scripting, error) {
	s := a.root
	s.limits = t.Limits.Or(s.limits)
	var err error
	if s.sources, err = s.sources.Beside(a.ctx, t.Origin.Script, t.Scripts); err != nil {
		return s, t.Origin.Errorf("tenant %q: %w", t.Name, err)
	}
	outer, err := capability.New(t.Name, t.Hosts, a.config.Allow)
	if err == nil {
		outer, err = outer.Narrow(t.Name, t.Hosts, t.Allow)
	}
	if err != nil {
		return s, t.Origin.Errorf("tenant %q: %w", t.Name, err)
	}
	s.isolate(surveyed(a.config.Name, outer))
	return s, nil
}

// fill runs the scripts of a tenant, which gets what they declare.
func (a *assembly) fill(t *chiproxy.Tenant, s scripting) error {
	result, err := a.run(t.Name, s)
	if err != nil {
		return err
	}
	if s.allowed != nil {
		t.MayUse = s.allowed.Pool
	}
	if result.Certifier != nil {
		a.certifiers = append(a.certifiers, certifier{s.allowed, result.Certifier})
	}
	t.Root, t.Fallback, t.Pools = result.Root, result.Fallback, slices.Concat(t.Pools, result.Pools)
	return nil
}

// run runs scripts, and keeps what is not for their tenant alone.
func (a *assembly) run(tenant string, s scripting) (*declare.Result, error) {
	a.out.sources = append(a.out.sources, s.sources)
	logger := a.logger.With(zap.String("tenant", tenant))
	options := declare.Options{
		Tenant: tenant, Sources: s.sources, Libraries: a.host.Libraries, Env: a.config.Env, Limits: s.limits,
		Capabilities: s.allowed, Modules: modules{a.lifeOf(s.allowed), s.handlers}, Logger: logger, Log: a.logs.Of(tenant, logger), Life: a.calls, Reload: a.again, Programs: &a.programs,
	}
	if a.suite != nil && tenant == "" {
		options.Globals, options.Helpers = a.suite.Globals(), a.suite.Helpers()
	}
	result, err := declare.Run(a.ctx, options)
	if err != nil {
		return nil, err
	}
	a.vms = append(a.vms, result.VMs)
	a.out.timers = append(a.out.timers, result.Timers...)
	a.out.Scripts = append(a.out.Scripts, result.Scripts...)
	a.out.contents = append(a.out.contents, content{tenant, result.Blank, result.Declares(), s.sources.Folders()})
	a.expectations = append(a.expectations, result.Expectations...)
	return result, nil
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
	life     func() *lifetime.Life
	handlers map[string]caddyhttp.MiddlewareHandler
}

// Handler returns a handler of the configuration.
func (m modules) Handler(name string) (caddyhttp.MiddlewareHandler, []string) {
	return m.handlers[name], slices.Sorted(maps.Keys(m.handlers))
}

// Load loads a module.
func (m modules) Load(id string, raw json.RawMessage) (any, error) {
	return m.life().Load(id, raw)
}
