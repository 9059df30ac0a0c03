package instance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/capability"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/overlay"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// loader makes tables from the configuration of one instance.
type loader struct {
	ctx     caddy.Context
	logger  *zap.Logger
	config  *config.Instance
	host    Host
	root    scripting
	tenants []configTenant
	// suite are the tests that the scripts of a tenant declare; nil if they are none of tests. It is the default tenant but for sessions.
	suite   *simulate.Suite
	suiteOf string
	// bench is what the scripts run on for tests; nil if they are to serve.
	bench *simulate.Bench
	// again and againForTenants request reloads, for trusted and isolated scripts.
	again, againForTenants func()
	// store is what scripts share, and keeper the name of the instance whose it is.
	store  kv.Store
	keeper string

	series   *telemetry.Registry
	programs script.Programs
	logs     vm.Logs
	// leftOut are the tenants that the current table leaves out; the first table may leave out any.
	leftOut map[string]error
	started bool
	calls   *vm.Life // of what scripts run
	// wall is how long a load may wait.
	wall time.Duration
}

// newLoader loads the modules that the configuration names.
func newLoader(ctx caddy.Context, c *config.Instance, host Host) (*loader, error) {
	l := &loader{
		ctx: ctx, config: c, host: host, keeper: c.Name, calls: vm.NewLife(), wall: vm.DefaultLoadLimits.Wall, series: telemetry.New(c.Metrics.Options()),
		logger: ctx.Logger().With(zap.String("instance", c.Name)),
	}
	var err error
	if l.root, err = newScripting(ctx, &c.Scripting, "", scripting{limits: config.DefaultLimits, libraries: host.Libraries}); err != nil {
		return nil, err
	}
	if l.store, err = newStore(ctx, c); err != nil {
		return nil, err
	}
	if len(l.root.sources) == 0 && len(c.Tenants) == 0 {
		return nil, errors.New("there is nothing to route; expected scripts, sources or tenants")
	}
	if _, err := capability.New("", nil, c.Allow); err != nil {
		return nil, err
	}
	for _, t := range c.Tenants {
		s, err := newScripting(ctx, &t.Scripting, "tenants."+t.Name+".", l.root)
		if err != nil {
			return nil, fmt.Errorf("tenant %q: %w", t.Name, err)
		}
		if err := checkRoutes(t, len(s.sources) > 0); err != nil {
			return nil, fmt.Errorf("tenant %q: %w", t.Name, err)
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

// checkRoutes reports a tenant that routes nothing, or to too much.
func checkRoutes(t *config.Tenant, scripts bool) error {
	switch {
	case t.UsePool != "" && t.Split != nil:
		return errors.New("use_pool and split exclude each other: both are for all that no route answers")
	case !scripts && !t.Routes():
		return errors.New("there is nothing to route; expected scripts, sources, use_pool or split")
	}
	return nil
}

// offline returns a loader of the same scripts for tests. What they write to the store stays with them.
func (l *loader) offline(host Host, bench *simulate.Bench) *loader {
	return &loader{
		ctx: l.ctx, logger: l.logger, config: l.config, root: l.root, tenants: l.tenants, host: host, bench: bench, calls: vm.NewLife(),
		store: overlay.New(l.store), keeper: l.keeper,
	}
}

// loaded is the result of a load.
type loaded struct {
	Table *routing.Table
	// sources are those that scripts ran from, for each tenant with scripts.
	sources []Sources
	// Scripts are the names of those that ran.
	Scripts []string
	// contents is what the scripts were, one for each tenant with scripts.
	contents []content
	// names says that scripts have the name of a placeholder of a request.
	names bool
	took  time.Duration
	// vms are those of the tenant that suiteOf names, nil without scripts.
	vms    *hook.VMs
	timers []*hook.Timer
	stop   context.CancelFunc // of the timers; nil before they start
	// Book has what limits count in.
	Book *limit.Book
	// LeftOut are the tenants whose scripts have failed, by name, where isolate_failures lets the others serve.
	LeftOut map[string]error
	// series counts what becomes of the requests; it is published together with the table.
	series *telemetry.Draft
	// machines are the virtual machines of each tenant that runs Lua.
	machines map[string]*hook.VMs
}

// insideKey marks the contexts of modules that scripts load.
type insideKey struct{}

// Inside reports whether a module is loaded by a script.
func Inside(ctx context.Context) bool { return ctx.Value(insideKey{}) != nil }

// load runs all scripts and builds a table. If it fails it leaves nothing behind but the trace of what it read.
func (l *loader) load(ctx context.Context, trace *source.Trace) (_ *loaded, err error) {
	start := time.Now()
	l.programs.Turn()
	l.logs.Turn()
	a := &assembly{
		loader: l, ctx: source.WithTrace(ctx, trace), out: &loaded{LeftOut: map[string]error{}, series: l.series.Begin()},
		life: l.host.Pools.Modules().Open(insideKey{}), places: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)),
	}
	a.out.Book = limit.NewBook(a.config.Name)
	if l.bench != nil {
		a.out.Book = limit.NewPrivateBook(a.config.Name)
	}
	end := a.end
	defer func() {
		if r := recover(); r != nil {
			err = l.panicked(r)
		}
		if err != nil {
			end()
		}
	}()
	spec, err := a.spec()
	if err != nil {
		return nil, err
	}
	table, err := a.build(spec)
	if table != nil {
		end = table.Retire // which ends the assembly once the table's last user has left
	}
	if err != nil {
		return nil, err
	}
	a.keep()
	a.out.warn(l.logger)
	a.out.Table, a.out.took = table, time.Since(start)
	return a.out, nil
}

// panicked is the error of a load in which a Caddy module panicked: the process must survive that.
func (l *loader) panicked(r any) error {
	l.logger.Error("panic while loading scripts", zap.Any("panic", r), zap.StackSkip("stack", 2))
	return fmt.Errorf("panic while loading scripts: %v", r)
}

// Took returns how long the load took.
func (l *loaded) Took() time.Duration { return l.took }
