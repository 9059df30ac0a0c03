package luaroute

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App owns the instances of a configuration: what `luaroute` handlers of one name share. It has no configuration and need not be
// written: the first handler brings it to life.
//
// Provisioning is not the point of no return, since `caddy validate` provisions too. What acts by itself begins when the app
// starts.
type App struct {
	ctx    caddy.Context
	pools  *chiproxy.Pools
	events *caddyevents.App // nil if the configuration has none

	mu        sync.Mutex
	instances map[string]*instance
	expected  []string // by permissions, see App.expect
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
	a.pools = chiproxy.NewPools(ctx)
	a.instances = map[string]*instance{}
	if events, err := ctx.AppIfConfigured("events"); err == nil {
		a.events = events.(*caddyevents.App)
	}
	if registry := ctx.GetMetricsRegistry(); registry != nil {
		return registry.Register(instanceMetrics{a})
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
	a.pools.Modules().Run()
	for _, i := range a.instances {
		running.add(i)
		i.start()
	}
	return nil
}

// Stop makes the instances unknown. Those of another configuration that runs keep their names.
func (a *App) Stop() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range a.instances {
		running.remove(i)
		i.stop()
	}
	return nil
}

// Cleanup gives the instances up. Requests that run finish on them.
func (a *App) Cleanup() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range a.instances {
		i.retire()
	}
	if a.pools != nil {
		a.pools.Close()
	}
	return nil
}

// instance returns the instance of a handler, and makes it if the handler is the first of its name.
func (a *App) instance(ctx caddy.Context, h *Handler) (*instance, error) {
	canonical, err := json.Marshal(&h.Instance)
	if err != nil {
		return nil, err
	}
	if i, err := a.known(h.Name, canonical); i != nil || err != nil {
		return i, err
	}
	// Without the lock: the handlers of the configuration of this one may be of luaroute, too. Caddy provisions one at a time.
	i, err := newInstance(ctx, &h.Instance, a, canonical)
	if err != nil {
		return nil, err
	}
	if other, err := a.known(h.Name, canonical); other != nil || err != nil {
		i.retire()
		return other, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.instances[h.Name] = i
	return i, nil
}

// expect notes that an instance of the name must be there when the app starts: which instances there are is known only when all
// apps are provisioned.
func (a *App) expect(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expected = append(a.expected, name)
}

// checkExpected reports a name that no instance has.
func (a *App) checkExpected() error {
	for _, name := range a.expected {
		if a.instances[name] == nil {
			return fmt.Errorf("tls.permission.luaroute: there is no instance %q; there are %s", name, quoted(slices.Sorted(maps.Keys(a.instances))))
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
func (a *App) known(name string, config []byte) (*instance, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.instances[name]
	if i != nil && !bytes.Equal(i.config, config) {
		return nil, fmt.Errorf("two luaroute handlers have the name %q and different configurations; give one another name", name)
	}
	return i, nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
