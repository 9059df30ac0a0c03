package luaroute

import (
	"maps"
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Inspection is what an instance was made of, for commands that look at it.
type Inspection struct {
	// Name is the name of the instance.
	Name string
	// Sources are those of its scripts, one set for each tenant that has some.
	Sources []source.Set
	// Pools are those of the configuration.
	Pools []chiproxy.PoolSpec
	// Routes are those of the table.
	Routes []Route
	// Table is the routing table.
	Table *chiproxy.Table
	// NamedPools are the names by which the configuration itself asks for pools.
	NamedPools []string
}

// Inspect returns the instances of the app, by name. They must have been provisioned.
func (a *App) Inspect() []Inspection {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []Inspection
	for _, name := range slices.Sorted(maps.Keys(a.instances)) {
		i := a.instances[name]
		l := i.loader
		in := Inspection{Name: name, Sources: i.state().sources, Pools: slices.Clone(l.root.pools), Table: i.table.Load()}
		in.Routes = Routes(in.Table)
		in.named(&l.config.Scripting)
		for _, t := range l.tenants {
			in.Pools = append(in.Pools, t.pools...)
			in.named(&t.config.Scripting)
			in.NamedPools = append(in.NamedPools, t.config.UsePool)
		}
		all = append(all, in)
	}
	return all
}

func (in *Inspection) named(s *config.Scripting) {
	if s.OnError != nil {
		in.NamedPools = append(in.NamedPools, s.OnError.Pool)
	}
}
