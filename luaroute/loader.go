package luaroute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/lifetime"
	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// loader makes tables of the configuration of one instance.
type loader struct {
	ctx       caddy.Context
	logger    *zap.Logger
	handler   *Handler
	pools     *chiproxy.Pools
	libraries map[string]vm.Library
	root      scripting
	tenants   []configTenant
	// suite are the tests that the scripts declare; nil if they are none of tests.
	suite    *simulate.Suite
	again    func() // asks for a reload
	programs script.Programs
}

// loaded is what a load has made.
type loaded struct {
	table *chiproxy.Table
	// sources are those that scripts ran from, one set for each tenant with scripts.
	sources []source.Set
	// scripts are the names of those that ran.
	scripts []string
	took    time.Duration
	// vms are those of the default tenant, nil without scripts.
	vms    *hook.VMs
	timers []*hook.Timer
	stop   context.CancelFunc // of the timers; nil before they start
}

// scripting is the runtime side of Scripting.
type scripting struct {
	sources  source.Set
	handlers map[string]caddyhttp.MiddlewareHandler
	limits   hook.Limits
	pools    []chiproxy.PoolSpec
}

// configTenant is a tenant of the configuration.
type configTenant struct {
	config *Tenant
	scripting
}

// newLoader loads the modules that the configuration names.
func newLoader(ctx caddy.Context, h *Handler, pools *chiproxy.Pools) (*loader, error) {
	l := &loader{
		ctx: ctx, handler: h, pools: pools,
		logger: ctx.Logger().With(zap.String("instance", h.Name)),
	}
	var err error
	if l.libraries, err = libraries(ctx); err != nil {
		return nil, err
	}
	if l.root, err = newScripting(ctx, &h.Scripting, "", hook.DefaultLimits); err != nil {
		return nil, err
	}
	if err := oneWriter(l.root.sources); err != nil {
		return nil, err
	}
	if len(l.root.sources) == 0 && len(h.Tenants) == 0 {
		return nil, errors.New("there is nothing to route with; expected scripts, sources or tenants")
	}
	for _, t := range h.Tenants {
		s, err := newScripting(ctx, &t.Scripting, "tenants."+t.Name+".", l.root.limits)
		if err != nil {
			return nil, fmt.Errorf("tenant %q: %w", t.Name, err)
		}
		if err := oneWriter(s.sources); err != nil {
			return nil, fmt.Errorf("tenant %q: %w", t.Name, err)
		}
		if len(s.sources) == 0 && t.UsePool == "" {
			return nil, fmt.Errorf("tenant %q: there is nothing to route with; expected scripts, sources or use_pool", t.Name)
		}
		handlers := maps.Clone(l.root.handlers)
		maps.Copy(handlers, s.handlers)
		s.handlers = handlers
		l.tenants = append(l.tenants, configTenant{t, s})
	}
	return l, nil
}

// newScripting loads the modules of a part of the configuration. Limits that it does not set are those given.
func newScripting(ctx caddy.Context, c *Scripting, path string, limits hook.Limits) (scripting, error) {
	s := scripting{handlers: map[string]caddyhttp.MiddlewareHandler{}}
	own, err := c.Limits.hook()
	if err != nil {
		return s, err
	}
	s.limits = own.Or(limits)
	if len(c.Scripts) > 0 {
		s.sources = source.Set{&source.File{Files: c.Scripts}}
	}
	if err := knownSources(c.SourcesRaw); err != nil {
		return s, err
	}
	if c.SourcesRaw != nil {
		mods, err := ctx.LoadModule(c, "SourcesRaw")
		if err != nil {
			return s, fmt.Errorf("sources: %w", err)
		}
		for _, mod := range mods.([]any) {
			s.sources = append(s.sources, mod.(source.Source))
		}
	}
	if c.HandlersRaw != nil {
		mods, err := ctx.LoadModule(c, "HandlersRaw")
		if err != nil {
			return s, fmt.Errorf("handlers: %w", err)
		}
		for name, mod := range mods.(map[string]any) {
			s.handlers[name] = mod.(caddyhttp.MiddlewareHandler)
		}
	}
	for _, pool := range c.Pools {
		s.pools = append(s.pools, chiproxy.PoolSpec{
			Name: pool.Name, Config: pool.Config,
			Origin: chiproxy.Origin{Script: path + "pools." + pool.Name, Kind: "pool", Text: pool.Name},
		})
	}
	return s, nil
}

// knownSources refuses sources that there are not, since Caddy would not say which there are.
func knownSources(raws []json.RawMessage) error {
	const namespace = "luaroute.sources"
	for i, raw := range raws {
		var source struct {
			Module string `json:"source"`
		}
		if err := json.Unmarshal(raw, &source); err != nil {
			return fmt.Errorf("sources[%d]: expected an object with a \"source\", found %s", i, shown(raw))
		}
		if _, err := caddy.GetModule(namespace + "." + source.Module); err != nil {
			return fmt.Errorf("sources[%d]: source %q: expected one of %s", i, source.Module, strings.Join(moduleNames(namespace), ", "))
		}
	}
	return nil
}

// moduleNames lists the modules of a namespace.
func moduleNames(namespace string) []string {
	var list []string
	for _, m := range caddy.GetModules(namespace) {
		list = append(list, m.ID.Name())
	}
	return list
}

// insideKey marks the contexts of modules that scripts load.
type insideKey struct{}

// load runs all scripts and builds a table. If it fails nothing is left behind. What it has looked at is in the trace, even then.
func (l *loader) load(ctx context.Context, trace *source.Trace) (_ *loaded, err error) {
	start := time.Now()
	ctx = source.WithTrace(ctx, trace)
	out := &loaded{}
	life := l.pools.Modules().Open(insideKey{})
	var vms []*hook.VMs
	stop := func() {
		for _, v := range vms {
			v.Stop()
		}
		life.End()
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	l.programs.Turn()
	run := func(tenant string, s scripting) (*declare.Result, error) {
		out.sources = append(out.sources, s.sources)
		options := declare.Options{
			Tenant: tenant, Sources: s.sources, Libraries: l.libraries, Env: l.handler.Env,
			Limits: s.limits, Modules: modules{life, s.handlers}, Logger: l.logger.With(zap.String("tenant", tenant)), Reload: l.again,
			Programs: &l.programs,
		}
		if l.suite != nil && tenant == "" {
			options.Globals, options.Helpers = l.suite.Globals(), l.suite.Helpers()
		}
		result, err := declare.Run(ctx, options)
		if err == nil {
			vms = append(vms, result.VMs)
			out.timers = append(out.timers, result.Timers...)
			out.scripts = append(out.scripts, result.Scripts...)
		}
		return result, err
	}

	spec := chiproxy.Spec{Pools: l.root.pools, OnError: policy(l.handler.OnError), Release: stop}
	if l.handler.MethodMismatch == mismatchDecline {
		spec.MethodMismatch = chiproxy.DeclineMismatch
	}
	var expectations []declare.Expectation
	if len(l.root.sources) > 0 {
		result, err := run("", l.root)
		if err != nil {
			return nil, err
		}
		out.vms = result.VMs
		spec.Default = chiproxy.Tenant{Root: result.Root, Rest: result.Rest, Pools: result.Pools}
		spec.Certifier, expectations = result.Certifier, result.Expectations
		for _, t := range result.Tenants {
			if len(t.Scripts) > 0 {
				own, err := run(t.Name, l.inner(ctx, t))
				if err != nil {
					return nil, err
				}
				t.Root, t.Rest, t.Pools = own.Root, own.Rest, append(t.Pools, own.Pools...)
				expectations = append(expectations, own.Expectations...)
			}
			spec.Tenants = append(spec.Tenants, t.Tenant)
		}
	}
	for _, t := range l.tenants {
		tenant := t.spec()
		if len(t.sources) > 0 {
			result, err := run(t.config.Name, t.scripting)
			if err != nil {
				return nil, err
			}
			tenant.Root, tenant.Rest, tenant.Pools = result.Root, result.Rest, append(tenant.Pools, result.Pools...)
			expectations = append(expectations, result.Expectations...)
		}
		spec.Tenants = append(spec.Tenants, tenant)
	}
	table, err := chiproxy.Build(spec, l.pools)
	if err != nil {
		return nil, err
	}
	life.Settle()
	if wrong := simulate.Check(table, expectations); wrong != nil {
		table.Retire() // which stops all
		stop = func() {}
		return nil, wrong
	}
	out.table, out.took = table, time.Since(start)
	return out, nil
}

// inner is what the scripts of a tenant run with that a script has declared.
func (l *loader) inner(ctx context.Context, t declare.Tenant) scripting {
	s := l.root
	s.limits = t.Limits.Or(s.limits)
	s.sources = source.Set{&source.File{Files: beside(ctx, t.Origin.Script, t.Scripts)}}
	return s
}

// beside returns files as seen from a script: beside it, if they are there, or else from the working directory.
func beside(ctx context.Context, script string, files []string) []string {
	out := slices.Clone(files)
	for i, file := range out {
		near := filepath.Join(filepath.Dir(script), file)
		if !filepath.IsAbs(file) && len(source.Glob(ctx, near)) > 0 {
			out[i] = near
		}
	}
	return out
}

// spec returns what the configuration says of a tenant.
func (t *configTenant) spec() chiproxy.Tenant {
	c := t.config
	spec := chiproxy.Tenant{
		Name: c.Name, Hosts: c.Hosts, PathPrefix: c.PathPrefix, StripPrefix: c.StripPrefix,
		Fallthrough: c.Fallthrough, Priority: c.Priority, UsePool: c.UsePool, Pools: t.pools,
		Origin: chiproxy.Origin{Script: "tenants." + c.Name, Kind: "tenant", Text: c.Name},
	}
	if c.OnError != nil {
		p := policy(c.OnError)
		spec.OnError = &p
	}
	return spec
}

// policy returns what on_error says.
func policy(o *OnError) chiproxy.ErrorPolicy {
	if o == nil {
		return chiproxy.ErrorPolicy{}
	}
	switch o.Mode {
	case OnErrorOpen:
		return chiproxy.ErrorPolicy{Mode: chiproxy.Open}
	case OnErrorDecline:
		return chiproxy.ErrorPolicy{Mode: chiproxy.Decline}
	case OnErrorPool:
		return chiproxy.ErrorPolicy{Mode: chiproxy.UsePool, Pool: o.Pool}
	}
	return chiproxy.ErrorPolicy{}
}

// modules loads Caddy modules for scripts.
type modules struct {
	life     *lifetime.Life
	handlers map[string]caddyhttp.MiddlewareHandler
}

// Handler returns a handler of the configuration.
func (m modules) Handler(name string) (caddyhttp.MiddlewareHandler, []string) {
	return m.handlers[name], slices.Sorted(maps.Keys(m.handlers))
}

// Load loads a module.
func (m modules) Load(id string, config json.RawMessage) (any, error) {
	return m.life.Load(id, config)
}
