package instance

import (
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/kv/budget"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/cors"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/timeout"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// policies are what the configuration says of a tenant besides its routes, or of the instance.
type policies struct {
	// cors and timeout stand around the limits, in this order; of a tenant, nil stands for those of the instance.
	cors, timeout chiproxy.Middleware
	// limits of the instance are around all tenants.
	limits []chiproxy.Middleware
	// split is for what no route of the tenant answers; nil for none.
	split chiproxy.Action
}

// placeOf returns where in the configuration something of a tenant stands. The instance is the tenant without a name.
func placeOf(tenant, kind, name string) origin.Origin {
	at := origin.Origin{Script: kind, Kind: kind, Text: name}
	if name != "" {
		at.Script += "." + name
	}
	if tenant != "" {
		at.Script = "tenants." + tenant + "." + at.Script
	}
	return at
}

// policies returns those of a tenant, or of the instance.
func (a *assembly) policies(tenant string, c *config.Scripting) (p policies, err error) {
	wrong := func(kind, name string, err error) (policies, error) {
		at := placeOf(tenant, kind, "").Script
		if name != "" {
			at += fmt.Sprintf(" %q", name)
		}
		return p, fmt.Errorf("%s: %w", at, err)
	}
	if c.CORS != nil {
		o := c.CORS.Options
		o.Origin = placeOf(tenant, "cors", "")
		if p.cors, err = cors.New(o); err != nil {
			return wrong("cors", "", err)
		}
	}
	if c.Timeout != nil {
		if err := c.Timeout.Check(); err != nil {
			return wrong("timeout", "", err)
		}
		p.timeout = timeout.New(time.Duration(c.Timeout.After), c.Timeout.Body, placeOf(tenant, "timeout", ""))
	}
	for _, o := range c.Limit {
		l, err := limit.NewRate(o.Options, a.out.Book, tenant, placeOf(tenant, "limit", o.Name))
		if err == nil {
			err = l.CountIn(budget.Of(a.space(tenant)))
		}
		if err != nil {
			return wrong("limit", o.Name, err)
		}
		p.limits = append(p.limits, l)
	}
	for _, o := range c.Concurrency {
		l, err := limit.NewConcurrency(o.ConcurrencyOptions, a.out.Book, tenant, placeOf(tenant, "concurrency", o.Name))
		if err != nil {
			return wrong("concurrency", o.Name, err)
		}
		p.limits = append(p.limits, l)
	}
	return p, nil
}

// splitOf returns the split of a tenant, nil if it has none.
func splitOf(t *config.Tenant) (chiproxy.Action, error) {
	if t.Split == nil {
		return nil, nil
	}
	at := placeOf(t.Name, "split", "")
	made, err := t.Split.Action(at, func(secret string) (string, error) {
		return caddy.NewReplacer().ReplaceOrErr(secret, true, true)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.Script, err)
	}
	return made, nil
}

// space returns what a tenant has of the store.
func (a *assembly) space(tenant string) *kv.Space {
	return &kv.Space{Store: a.store, Scope: kv.Scope{Instance: a.keeper, Tenant: tenant}}
}

// surround puts the policies of the configuration around all tenants.
func (a *assembly) surround(spec *chiproxy.Spec, all map[string]policies) {
	around := func(t *chiproxy.Tenant) {
		base, own := all[""], all[t.Name]
		var outer []chiproxy.Middleware
		for _, choice := range [][2]chiproxy.Middleware{{own.cors, base.cors}, {own.timeout, base.timeout}} {
			if choice[0] == nil {
				choice[0] = choice[1]
			}
			if choice[0] != nil {
				outer = append(outer, choice[0])
			}
		}
		if t.Name == "" {
			own.limits = nil
		}
		t.Root.Middleware = slices.Concat(outer, base.limits, own.limits, t.Root.Middleware)
	}
	around(&spec.Default)
	for i := range spec.Tenants {
		around(&spec.Tenants[i])
	}
}

// allPolicies returns the policies of the configuration by the names of the tenants, that of the instance being empty.
func (a *assembly) allPolicies() (map[string]policies, error) {
	all := map[string]policies{}
	var err error
	if all[""], err = a.policies("", &a.config.Scripting); err != nil {
		return nil, err
	}
	for _, t := range a.tenants {
		p, err := a.policies(t.config.Name, &t.config.Scripting)
		if err == nil {
			p.split, err = splitOf(t.config)
		}
		if err != nil {
			return nil, err
		}
		all[t.config.Name] = p
	}
	return all, nil
}
