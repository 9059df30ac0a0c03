package instance

import (
	"maps"
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Inspection is what an instance was made of, for commands that look at it.
type Inspection struct {
	// Name is the name of the instance.
	Name string
	// Sources are those of its scripts, for each tenant that has some.
	Sources []Sources
	// Tenants are what the configuration says of tenants. The default tenant, which has no name, comes first.
	Tenants []Tenant
	// Table is the routing table, nil if the scripts do not load.
	Table *routing.Table
	// NamedPools are the names by which the configuration itself asks for pools.
	NamedPools []string
	// Metrics are the names of those that scripts declare, by their tenants.
	Metrics map[string][]string
	// Env are the names of environment variables that scripts can use.
	Env []string
	// LeftOut are the errors of the tenants that isolate_failures leaves out, in the order of their names.
	LeftOut []error
}

// Sources are those of the scripts of a tenant.
type Sources struct {
	Tenant string
	source.Set
}

// Tenant is what the configuration says of a tenant.
type Tenant struct {
	Name string
	// Pools are those of its own.
	Pools []pool.Spec
	// Handlers are the names of handler blocks that its scripts can use.
	Handlers []string
}

// Inspect returns what the instance was made of.
func (i *Instance) Inspect() Inspection {
	in, state := i.loader.inspect(), i.State()
	in.Sources, in.Table = state.sources, i.table.Load()
	in.Metrics = map[string][]string{}
	for tenant, vms := range state.machines {
		in.Metrics[tenant] = slices.Sorted(maps.Keys(vms.Customs))
	}
	for _, tenant := range slices.Sorted(maps.Keys(state.LeftOut)) {
		in.LeftOut = append(in.LeftOut, state.LeftOut[tenant])
	}
	return in
}

// inspect returns what is known before the scripts run.
func (l *loader) inspect() Inspection {
	in := Inspection{Name: l.config.Name, Env: l.config.Env}
	add := func(name string, s *scripting, c *config.Scripting) {
		in.Tenants = append(in.Tenants, Tenant{name, s.pools, slices.Sorted(maps.Keys(s.handlers))})
		if c.OnError != nil {
			in.NamedPools = append(in.NamedPools, c.OnError.Pool)
		}
	}
	add("", &l.root, &l.config.Scripting)
	for i := range l.tenants {
		t := &l.tenants[i]
		add(t.config.Name, &t.scripting, &t.config.Scripting)
		in.NamedPools = append(in.NamedPools, t.config.UsePool)
		if s := t.config.Split; s != nil {
			for _, p := range s.Parts {
				in.NamedPools = append(in.NamedPools, p.Pool)
			}
		}
	}
	return in
}

// Limits returns what the scripts of a tenant may use. The default tenant has no name.
func (i *Instance) Limits(tenant string) config.Limits {
	for _, t := range i.loader.tenants {
		if t.config.Name == tenant {
			return t.limits
		}
	}
	return i.loader.root.limits
}
