package instance

import (
	"fmt"
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/kv/budget"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// limits returns what the configuration says of a tenant's limits, as middleware around all that the tenant has. Those of the instance, whose
// tenant has no name, stand around all tenants.
func (a *assembly) limits(tenant string, c *config.Scripting) (all []chiproxy.Middleware, err error) {
	path := ""
	if tenant != "" {
		path = "tenants." + tenant + "."
	}
	at := func(kind, name string) origin.Origin {
		return origin.Origin{Script: path + kind + "." + name, Kind: kind, Text: name}
	}
	for _, o := range c.Limit {
		l, err := limit.NewRate(o.Options, a.out.Book, tenant, at("limit", o.Name))
		if err == nil {
			err = l.CountIn(budget.Of(a.space(tenant)))
		}
		if err != nil {
			return nil, fmt.Errorf("%slimit %q: %w", path, o.Name, err)
		}
		all = append(all, l)
	}
	for _, o := range c.Concurrency {
		c, err := limit.NewConcurrency(o.ConcurrencyOptions, a.out.Book, tenant, at("concurrency", o.Name))
		if err != nil {
			return nil, fmt.Errorf("%sconcurrency %q: %w", path, o.Name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// space returns what a tenant has of the store.
func (a *assembly) space(tenant string) *kv.Space {
	return &kv.Space{Store: a.store, Scope: kv.Scope{Instance: a.keeper, Tenant: tenant}}
}

// limited puts the limits of the configuration around all tenants.
func (a *assembly) limited(spec *chiproxy.Spec, own map[string][]chiproxy.Middleware) {
	around := func(t *chiproxy.Tenant) {
		t.Root.Middleware = slices.Concat(own[""], own[t.Name], t.Root.Middleware)
	}
	spec.Default.Root.Middleware = slices.Concat(own[""], spec.Default.Root.Middleware)
	for i := range spec.Tenants {
		around(&spec.Tenants[i])
	}
}

// allLimits returns the limits of the configuration by the names of the tenants, that of the instance being empty.
func (a *assembly) allLimits() (map[string][]chiproxy.Middleware, error) {
	all := map[string][]chiproxy.Middleware{}
	var err error
	if all[""], err = a.limits("", &a.config.Scripting); err != nil {
		return nil, err
	}
	for _, t := range a.tenants {
		if all[t.config.Name], err = a.limits(t.config.Name, &t.config.Scripting); err != nil {
			return nil, err
		}
	}
	return all, nil
}
