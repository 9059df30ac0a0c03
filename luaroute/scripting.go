package luaroute

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

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
	for _, pool := range c.Pools {
		s.pools = append(s.pools, chiproxy.PoolSpec{
			Name: pool.Name, Config: pool.Config,
			Origin: chiproxy.Origin{Script: path + "pools." + pool.Name, Kind: "pool", Text: pool.Name},
		})
	}
	return s, nil
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
