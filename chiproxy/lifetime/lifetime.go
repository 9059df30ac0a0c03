// Package lifetime loads Caddy modules that may end before their configuration does: those of pools, and those that scripts
// name.
//
// Caddy records every module that is loaded through a context in a list, and cleans the list up when the
// configuration ends. The list has no lock, so nothing may be loaded through the configuration's own context once
// it runs, and what is loaded there lives as long as it. So each life gets a caddy.Context of its own, which
// costs 15 KiB and 0.17 ms, most of it for an unused metrics registry.
package lifetime

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
)

// Parent is the configuration that modules are loaded in.
type Parent struct {
	// ctx is that of the configuration. It loads apps while the configuration is provisioned.
	ctx caddy.Context
	// bare has the configuration's apps, but no module list or cleanup functions of its.
	bare    func() caddy.Context
	running atomic.Bool
}

// New returns the configuration that ctx belongs to. It does nothing yet.
func New(ctx caddy.Context) *Parent {
	return &Parent{ctx: ctx, bare: sync.OnceValue(func() caddy.Context {
		// The cancel function is dropped: it would run the cleanup functions of ctx. What bare holds ends
		// with the context it comes from.
		bare, _ := caddy.NewContext(ctx)
		return bare
	})}
}

// Run says that the configuration runs: its apps are started, and there will be no others.
func (p *Parent) Run() { p.running.Store(true) }

// Life is modules that end together. It is for one goroutine at a time.
type Life struct {
	parent *Parent
	ctx    caddy.Context
	cancel context.CancelFunc
	apps   *apps
}

// Open begins a life. Each of the keys has the value true in the contexts of its modules.
func (p *Parent) Open(keys ...any) *Life {
	l := &Life{parent: p}
	l.ctx, l.cancel = caddy.NewContext(p.bare())
	l.ctx = l.ctx.WithValue(insideKey{}, true)
	for _, key := range keys {
		l.ctx = l.ctx.WithValue(key, true)
	}
	l.apps = guard(&l.ctx)
	return l
}

type insideKey struct{}

// Inside reports whether a context is that of modules in a life.
func Inside(ctx context.Context) bool { return ctx.Value(insideKey{}) != nil }

// Set gives the contexts of modules that are loaded from now on a value.
func (l *Life) Set(key, value any) { l.ctx = l.ctx.WithValue(key, value) }

// Load loads a module.
//
// A module may ask Caddy for an app that the configuration does not have. While the configuration is provisioned it gets the app, as
// everywhere in Caddy. Later this is an error that names the app: nothing would start it, and a running configuration must not change.
func (l *Life) Load(id string, config json.RawMessage) (any, error) {
	mod, err := l.ctx.LoadModuleByID(id, config)
	missing := l.apps.added()
	if len(missing) == 0 {
		return mod, err
	}
	if l.parent.running.Load() {
		return nil, fmt.Errorf("module %s needs the app %s, which the configuration does not have; an app can only be added with a new configuration", id, missing[0])
	}
	// What was provisioned now ends with this life, so the app of the configuration must be another one.
	for _, name := range missing {
		if _, err := l.parent.ctx.App(name); err != nil {
			return nil, err
		}
	}
	l.apps.reset()
	return l.Load(id, config)
}

// Settle says that all modules are loaded. From then on they use the configuration's own apps.
func (l *Life) Settle() { l.apps.release() }

// End cleans the modules up, in no order.
func (l *Life) End() { l.cancel() }
