package lifetime

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"unsafe"

	"github.com/caddyserver/caddy/v2"
)

// apps keeps the modules of one life from adding apps to the configuration: they get a copy.
type apps struct{ real, own *caddy.Config }

// layout is where Caddy keeps unexported fields, looked up once; ok is false if a version of Caddy has moved them, and then nothing is
// guarded.
var layout = func() (f struct {
	config, apps, failed uintptr
	ok                   bool
},
) {
	ok := true
	place := func(in reflect.Type, name string, want reflect.Type) uintptr {
		field, found := in.FieldByName(name)
		if !found || field.Type != want {
			ok = false
		}
		return field.Offset
	}
	f.config = place(reflect.TypeFor[caddy.Context](), "cfg", reflect.TypeFor[*caddy.Config]())
	f.apps = place(reflect.TypeFor[caddy.Config](), "apps", reflect.TypeFor[map[string]caddy.App]())
	f.failed = place(reflect.TypeFor[caddy.Config](), "failedApps", reflect.TypeFor[map[string]error]())
	f.ok = ok
	return f
}()

func configOf(ctx *caddy.Context) **caddy.Config {
	return (**caddy.Config)(unsafe.Add(unsafe.Pointer(ctx), layout.config))
}

func appsOf(c *caddy.Config) *map[string]caddy.App {
	return (*map[string]caddy.App)(unsafe.Add(unsafe.Pointer(c), layout.apps))
}

func failedOf(c *caddy.Config) *map[string]error {
	return (*map[string]error)(unsafe.Add(unsafe.Pointer(c), layout.failed))
}

// AdminAddresses returns where a configuration listens for its administrators. The admin endpoint must have been set up, as it is
// before the apps of a configuration are provisioned.
func AdminAddresses(ctx caddy.Context) ([]caddy.NetworkAddress, error) {
	if !layout.ok {
		return nil, errors.New("this version of Caddy does not show where its admin endpoint is")
	}
	admin := new(caddy.AdminConfig)
	if c := *configOf(&ctx); c != nil && c.Admin != nil {
		admin = c.Admin
	}
	var all []caddy.NetworkAddress
	add := func(address, fallback string) error {
		address, err := caddy.NewReplacer().ReplaceOrErr(cmp.Or(address, fallback), true, true)
		if err != nil {
			return fmt.Errorf("the admin endpoint: %w", err)
		}
		parsed, err := caddy.ParseNetworkAddress(address)
		all = append(all, parsed)
		return err
	}
	if !admin.Disabled {
		if err := add(admin.Listen, caddy.DefaultAdminListen); err != nil {
			return nil, err
		}
	}
	if admin.Remote != nil {
		if err := add(admin.Remote.Listen, caddy.DefaultRemoteAdminListen); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// guard gives ctx a copy of its configuration, with maps of its own.
func guard(ctx *caddy.Context) *apps {
	if !layout.ok || *configOf(ctx) == nil {
		return nil
	}
	a := &apps{real: *configOf(ctx), own: new(caddy.Config)}
	*configOf(ctx) = a.own
	a.reset()
	return a
}

// reset makes the copy what the configuration is now.
func (a *apps) reset() {
	if a == nil {
		return
	}
	*a.own = *a.real
	a.own.AppsRaw = maps.Clone(a.real.AppsRaw)
	*appsOf(a.own) = cloned(*appsOf(a.real))
	*failedOf(a.own) = cloned(*failedOf(a.real))
}

// cloned returns a map that can be written to.
func cloned[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

// release ends the copy: from now on modules use the configuration itself.
func (a *apps) release() {
	if a != nil {
		*a.own = *a.real
	}
}

// added returns the missing apps that modules asked for, sorted.
func (a *apps) added() []string {
	if a == nil {
		return nil
	}
	var names []string
	for name := range *appsOf(a.own) {
		if _, ok := (*appsOf(a.real))[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
