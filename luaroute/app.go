package luaroute

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	_ "github.com/luaroute/caddy-luaroute/luaroute/admin" // the endpoints of the instances
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App owns the instances of a configuration: what `luaroute` handlers of one name share. It has no configuration and
// need not be written: the first handler creates it.
//
// Background work begins when the app starts, not when it is provisioned, since `caddy validate` provisions, too.
type App struct {
	ctx    caddy.Context
	pools  *pool.Set
	events *caddyevents.App
	grace  time.Duration // see App.graceOf

	mu        sync.Mutex
	instances map[string]owned
	expected  []expected
	atStart   []func()
}

// expected is an instance that a module of Caddy's names.
type expected struct{ module, name, export string }

// owned is an instance, with the configuration that it was made of.
type owned struct {
	*instance.Instance
	canonical [sha256.Size]byte
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "luaroute",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision prepares the app.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx = ctx
	a.pools = pool.NewSet(ctx)
	a.instances = map[string]owned{}
	if err := dial.Protect(a, ctx); err != nil {
		return err
	}
	events, err := ctx.App("events")
	if err != nil {
		return err
	}
	a.events = events.(*caddyevents.App)
	// Caddy stops apps in any order, and its servers wait for their requests as they stop, which may be forever.
	if err := a.events.On("stopping", ending{a}); err != nil {
		return err
	}
	if registry := ctx.GetMetricsRegistry(); registry != nil {
		return errors.Join(registry.Register(instanceMetrics{a}), registry.Register(variedMetrics{a}))
	}
	return nil
}

// Start makes the instances known by name, and lets their timers and watches run.
func (a *App) Start() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.checkExpected(); err != nil {
		return err
	}
	if err := a.checkDev(); err != nil {
		return err
	}
	servers := a.servers()
	a.grace = graceOf(servers)
	a.pools.Modules().Run()
	for _, i := range a.instances {
		i.Start(servers.Servers)
	}
	for _, f := range a.atStart {
		f()
	}
	return nil
}

// servers returns the app of the servers. Where there is none it is empty.
func (a *App) servers() *caddyhttp.App {
	app, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return new(caddyhttp.App)
	}
	return app.(*caddyhttp.App)
}

// checkDev reports an instance that shows errors at an address that others may reach.
func (a *App) checkDev() error {
	for _, i := range a.instances {
		if !i.Dev() {
			continue
		}
		for _, server := range a.servers().Servers {
			if err := instance.CheckDev(i.Name(), server.Listen); err != nil && !i.DevForced() {
				return err
			}
			a.ctx.Logger().Info("clients on this machine see errors of scripts", zap.String("instance", i.Name()), zap.Strings("open", server.Listen))
		}
	}
	return nil
}

// usualGrace is how long scripts may run when their configuration ends and has no grace period.
const usualGrace = 10 * time.Second

// graceOf returns how long scripts may run when a configuration ends: the grace period of its servers, if they have
// one.
func graceOf(servers *caddyhttp.App) time.Duration {
	return time.Duration(servers.ShutdownDelay) + cmp.Or(time.Duration(servers.GracePeriod), usualGrace)
}

// ending is told by Caddy that the configuration ends.
type ending struct{ app *App }

// Handle ends what scripts do, within the grace period, and the health checks of a server that stops.
func (e ending) Handle(context.Context, caddy.Event) error {
	a := e.app
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range a.instances {
		i.EndWithin(a.grace)
	}
	if caddy.Exiting() {
		time.AfterFunc(a.grace, a.pools.Close)
		instance.EndReplaced(a.grace)
	}
	return nil
}

// Stop makes the instances unknown. Those of another configuration that runs keep their names.
func (a *App) Stop() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range a.instances {
		i.Stop()
	}
	return nil
}

// Cleanup retires the instances. Running requests finish on them.
func (a *App) Cleanup() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range a.instances {
		i.Retire()
	}
	if a.pools != nil {
		a.pools.Close()
	}
	dial.Unprotect(a)
	return nil
}

// instance returns the instance of a handler, and makes it if the handler is the first of its name.
func (a *App) instance(ctx caddy.Context, h *Handler) (*instance.Instance, error) {
	text, err := json.Marshal(&h.Instance)
	if err != nil {
		return nil, err
	}
	canonical := sha256.Sum256(text) // of many tenants it is large
	if i, err := a.known(h.Name, canonical); i != nil || err != nil {
		return i, err
	}
	// Without the lock: the handlers of the configuration of this one may be of luaroute, too. Caddy provisions one at a
	// time.
	host, err := a.host(ctx)
	if err != nil {
		return nil, err
	}
	i, err := instance.New(ctx, &h.Instance, host)
	if err != nil {
		return nil, err
	}
	if other, err := a.known(h.Name, canonical); other != nil || err != nil {
		i.Retire()
		return other, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.instances[h.Name] = owned{i, canonical}
	return i, nil
}

// host returns what an instance needs of the app.
func (a *App) host(ctx caddy.Context) (instance.Host, error) {
	if err := supported(); err != nil {
		return instance.Host{}, err
	}
	all, err := libraries(ctx)
	return instance.Host{Pools: a.pools, Libraries: all, Emit: a.emit}, err
}

// supported fails where no script may run; tests force it.
var supported = gopher.Supported

// emit emits an event.
func (a *App) emit(name string, data map[string]any) {
	a.events.Emit(a.ctx, name, data)
}

// Expect notes that a module names an instance, which must be there when the app starts: which instances there are is known only when all apps
// are provisioned.
func (a *App) Expect(module, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expected = append(a.expected, expected{module, name, ""})
}

// expectExport is Expect, and notes that the instance has to export a function.
func (a *App) expectExport(module, name, function string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expected = append(a.expected, expected{module, name, function})
}

// AtStart adds what is called when the app starts: all apps are provisioned then.
func (a *App) AtStart(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.atStart = append(a.atStart, f)
}

// checkExpected reports a name that no instance has.
func (a *App) checkExpected() error {
	for _, e := range a.expected {
		i, ok := a.instances[e.name]
		if !ok {
			return fmt.Errorf("%s: there is no instance %q; there are %s", e.module, e.name, quoted(slices.Sorted(maps.Keys(a.instances))))
		}
		if e.export == "" {
			continue
		}
		if _, err := i.Table().Export(e.export); err != nil {
			return fmt.Errorf("%s: instance %q: %w", e.module, e.name, err)
		}
	}
	return nil
}

// quoted lists names for an error text.
func quoted(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return `"` + strings.Join(names, `", "`) + `"`
}

// known returns the instance of a name, or nil if there is none yet.
func (a *App) known(name string, canonical [sha256.Size]byte) (*instance.Instance, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.instances[name]
	if i.Instance != nil && i.canonical != canonical {
		return nil, fmt.Errorf("two luaroute handlers have the name %q and different configurations; give one another name", name)
	}
	return i.Instance, nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
