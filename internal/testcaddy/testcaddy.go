// Package testcaddy runs a Caddy without listeners, whose context modules are loaded in.
package testcaddy

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// probe is an app that hands out the context of a running configuration.
type probe struct{}

var probed caddy.Context

func init() { caddy.RegisterModule(probe{}) }

// CaddyModule returns the Caddy module information.
func (probe) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "testcaddy", New: func() caddy.Module { return new(probe) }}
}

// Provision keeps the context.
func (probe) Provision(ctx caddy.Context) error {
	probed = ctx
	_, err := ctx.App("events") // as the http app has loaded it
	return err
}

// Start does nothing.
func (probe) Start() error { return nil }

// Stop does nothing.
func (probe) Stop() error { return nil }

// start runs a Caddy without listeners, once for all tests of a package.
var start = sync.OnceValue(func() error {
	return caddy.Run(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true, Config: &caddy.ConfigSettings{Persist: new(bool)}},
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{Level: "PANIC"}}}},
		AppsRaw: caddy.ModuleMap{"testcaddy": json.RawMessage(`{}`)},
	})
})

// Context returns the context of a running configuration.
func Context(t testing.TB) caddy.Context {
	t.Helper()
	if err := start(); err != nil {
		t.Fatal(err)
	}
	return probed
}

// loading is held while a module is loaded: neither the list of modules in a context of Caddy's nor the metrics of its reverse_proxy have a lock.
var loading sync.Mutex

// Load loads a module, as Caddy loads those of a configuration: one after the other.
func Load(ctx caddy.Context, id string, config json.RawMessage) (any, error) {
	loading.Lock()
	defer loading.Unlock()
	return ctx.LoadModuleByID(id, config)
}
