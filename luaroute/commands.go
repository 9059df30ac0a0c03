package luaroute

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Inspect returns what the instances of the app were made of, by name. They must have been provisioned.
func (a *App) Inspect() []instance.Inspection {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []instance.Inspection
	for _, name := range slices.Sorted(maps.Keys(a.instances)) {
		all = append(all, a.instances[name].Inspect())
	}
	return all
}

// Tests prepares tests. route.simulate in them asks the table of the instance of that name, or without a name the one that a file declares
// itself. The app must have been provisioned. What is read is written into the trace. The caller closes the tests.
func (a *App) Tests(ctx context.Context, name string, bench *simulate.Bench, trace *source.Trace) (*instance.Tests, error) {
	var of *instance.Instance
	if name != "" {
		var err error
		if of, err = a.named(name); err != nil {
			return nil, err
		}
	}
	host, err := a.host(a.ctx)
	if err != nil {
		return nil, err
	}
	return instance.NewTests(ctx, a.ctx, host, of, bench, trace)
}

// Converse opens a session with what the scripts of a tenant of an instance load, which it loads again, and calls use while it is open. The
// default tenant has no name. The app must have been provisioned.
func (a *App) Converse(ctx context.Context, name, tenant string, session *simulate.Session, use func() error) error {
	of, err := a.named(name)
	if err != nil {
		return err
	}
	host, err := a.host(a.ctx)
	if err != nil {
		return err
	}
	return of.Converse(ctx, host, tenant, session, use)
}

func (a *App) named(name string) (*instance.Instance, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i, ok := a.instances[name]; ok {
		return i.Instance, nil
	}
	return nil, fmt.Errorf("no luaroute instance %q", name)
}
