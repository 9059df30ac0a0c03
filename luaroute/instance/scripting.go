package instance

import (
	"fmt"
	"maps"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/luaroute/capability"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// scripting is the runtime side of Scripting.
type scripting struct {
	sources  source.Set
	handlers map[string]caddyhttp.MiddlewareHandler
	// libraries are those that can be required, as they are configured.
	libraries map[string]vm.Library
	limits    config.Limits
	pools     []pool.Spec
	// allowed is what the scripts may use that is not theirs; nil for those of the instance itself, which may use everything.
	allowed *capability.Set
	// waited is how much of the wall of a load was used before the scripts run.
	waited time.Duration
}

// configTenant is a tenant of the configuration.
type configTenant struct {
	config *config.Tenant
	scripting
}

// newScripting loads the modules of a part of the configuration. Limits and libraries that it does not set are those of outer.
func newScripting(ctx caddy.Context, c *config.Scripting, path string, outer scripting) (scripting, error) {
	s := scripting{handlers: map[string]caddyhttp.MiddlewareHandler{}}
	limits := outer.limits
	s.limits, s.libraries = limits, outer.libraries
	if c.Limits != nil {
		if err := c.Limits.Check(); err != nil {
			return s, err
		}
		s.limits = c.Limits.Or(limits)
	}
	if len(c.Scripts) > 0 {
		s.sources = source.Set{&source.File{Files: c.Scripts}}
	}
	if err := c.CheckSources(); err != nil {
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
	if err := s.configure(ctx, c); err != nil {
		return s, fmt.Errorf("libs: %w", err)
	}
	if err := oneWriter(s.sources); err != nil {
		return s, err
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
	for _, p := range c.Pools {
		s.pools = append(s.pools, pool.Spec{
			Name: p.Name, Config: p.Config,
			Origin: origin.Origin{Script: path + "pools." + p.Name, Kind: "pool", Text: p.Name},
		})
	}
	return s, nil
}

// configure loads the libraries that have options.
func (s *scripting) configure(ctx caddy.Context, c *config.Scripting) error {
	if c.LibsRaw == nil {
		return nil
	}
	if err := c.CheckLibs(); err != nil {
		return err
	}
	mods, err := ctx.LoadModule(c, "LibsRaw")
	if err != nil {
		return err
	}
	s.libraries = maps.Clone(s.libraries)
	for name, mod := range mods.(map[string]any) {
		s.libraries[name] = mod.(vm.Library)
	}
	return nil
}

// isolate makes the scripts those of an isolated tenant, which keeps to what it may use.
func (s *scripting) isolate(allowed *capability.Set) {
	s.sources = s.sources.Isolate()
	s.allowed = allowed.Within(capability.Bounds{Body: int64(s.limits.Body), Inside: s.sources.Inside})
}

// spec returns what the configuration says of a tenant.
func (t *configTenant) spec() chiproxy.Tenant {
	c := t.config
	return chiproxy.Tenant{
		Name: c.Name, Hosts: c.Hosts, PathPrefix: c.PathPrefix, StripPrefix: c.StripPrefix,
		Fallthrough: c.Fallthrough, Priority: c.Priority, UsePool: c.UsePool, Pools: t.pools, OnError: declare.Policy(c.OnError),
		Origin: origin.Origin{Script: "tenants." + c.Name, Kind: "tenant", Text: c.Name},
	}
}

// Writer returns the writable source of a tenant of the configuration, or nil. The instance itself is the tenant without a name.
func (i *Instance) Writer(tenant string) source.Writer { return i.loader.writer(tenant) }

// writer returns the writable source, as Writer does.
func (l *loader) writer(tenant string) source.Writer {
	if tenant == "" {
		return writerOf(l.root.sources)
	}
	for _, t := range l.tenants {
		if t.config.Name == tenant {
			return writerOf(t.sources)
		}
	}
	return nil
}

func writerOf(set source.Set) source.Writer {
	for _, s := range set {
		if w, ok := s.(source.Writer); ok && w.Writable() {
			return w
		}
	}
	return nil
}

// oneWriter refuses two writable sources, as the admin API could not tell them apart.
func oneWriter(set source.Set) error {
	n := 0
	for _, s := range set {
		if w, ok := s.(source.Writer); ok && w.Writable() {
			n++
		}
	}
	if n > 1 {
		return fmt.Errorf("%d sources are writable; expected one, to which the admin API writes", n)
	}
	return nil
}
