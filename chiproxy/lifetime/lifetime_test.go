package lifetime_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/lifetime"
)

func init() {
	caddy.RegisterModule(new(host))
	caddy.RegisterModule(new(wanted))
	caddy.RegisterModule(new(needy))
}

// host is an app that loads modules while it is provisioned, and later.
type host struct{}

var (
	hosting     caddy.Context
	onProvision func(ctx caddy.Context) error
)

func (*host) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "lifetimehost", New: func() caddy.Module { return new(host) }}
}

func (*host) Provision(ctx caddy.Context) error {
	hosting = ctx
	return onProvision(ctx)
}
func (*host) Start() error { return nil }
func (*host) Stop() error  { return nil }

// wanted is an app that counts what happens to it.
type wanted struct{}

var provisioned, started, cleaned atomic.Int64

func (*wanted) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "lifetimewanted", New: func() caddy.Module { return new(wanted) }}
}

func (*wanted) Provision(caddy.Context) error { provisioned.Add(1); return nil }
func (*wanted) Start() error                  { started.Add(1); return nil }
func (*wanted) Stop() error                   { return nil }
func (*wanted) Cleanup() error                { cleaned.Add(1); return nil }

// needy asks for the app.
type needy struct{ app any }

var ended atomic.Int64

func (*needy) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "lifetime.needy", New: func() caddy.Module { return new(needy) }}
}

func (n *needy) Provision(ctx caddy.Context) (err error) {
	n.app, err = ctx.App("lifetimewanted")
	return err
}
func (*needy) Cleanup() error { ended.Add(1); return nil }

// run runs a configuration with the host, whose provisioning calls f.
func run(t *testing.T, f func(ctx caddy.Context) error) {
	t.Helper()
	onProvision = f
	for _, n := range []*atomic.Int64{&provisioned, &started, &cleaned, &ended} {
		n.Store(0)
	}
	err := caddy.Load([]byte(`{"admin": {"disabled": true}, "apps": {"lifetimehost": {}},
		"logging": {"logs": {"default": {"level": "PANIC"}}}}`), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
}

// counts are what the modules of the test have counted.
func counts() string {
	return fmt.Sprintf("provisioned %d, started %d, cleaned %d, ended %d", provisioned.Load(), started.Load(), cleaned.Load(), ended.Load())
}

func TestAModuleGetsTheAppItNeedsWhileTheConfigurationIsProvisioned(t *testing.T) {
	var life *lifetime.Life
	var own any
	run(t, func(ctx caddy.Context) error {
		life = lifetime.New(ctx).Open()
		mod, err := life.Load("lifetime.needy", nil)
		if err != nil {
			return err
		}
		life.Settle()
		own = mod.(*needy).app
		return nil
	})
	if app, err := hosting.AppIfConfigured("lifetimewanted"); err != nil || app != own {
		t.Errorf("the module has another app than the configuration: %v", err)
	}
	if started.Load() != 1 {
		t.Errorf("the app of the configuration was not started: %s", counts())
	}
	gone := cleaned.Load()
	life.End()
	if ended.Load() == 0 {
		t.Errorf("the module was not cleaned up: %s", counts())
	}
	_ = caddy.Stop()
	if cleaned.Load() != provisioned.Load() || gone == cleaned.Load() {
		t.Errorf("not every app was cleaned up once, that of the configuration last: %s", counts())
	}
}

func TestARunningConfigurationGetsNoNewApp(t *testing.T) {
	var parent *lifetime.Parent
	run(t, func(ctx caddy.Context) error {
		parent = lifetime.New(ctx)
		return nil
	})
	parent.Run()
	life := parent.Open()
	_, err := life.Load("lifetime.needy", nil)
	if err == nil || !strings.Contains(err.Error(), "module lifetime.needy needs the app lifetimewanted, which the configuration does not have") {
		t.Errorf("got %v", err)
	}
	if _, err := hosting.AppIfConfigured("lifetimewanted"); err == nil {
		t.Error("the running configuration has another app now")
	}
	life.End()
	if got, want := counts(), "provisioned 1, started 0, cleaned 1, ended 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestALifeEndsAlone(t *testing.T) {
	var parent *lifetime.Parent
	run(t, func(ctx caddy.Context) error {
		parent = lifetime.New(ctx)
		ctx.OnCancel(func() { ended.Add(100) })
		_, err := ctx.App("lifetimewanted")
		return err
	})
	parent.Run()
	first, second := parent.Open(), parent.Open()
	for _, life := range []*lifetime.Life{first, second, second} {
		if _, err := life.Load("lifetime.needy", nil); err != nil {
			t.Fatal(err)
		}
	}
	second.End()
	if got, want := counts(), "provisioned 1, started 1, cleaned 0, ended 2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	first.End()
	if got, want := counts(), "provisioned 1, started 1, cleaned 0, ended 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
