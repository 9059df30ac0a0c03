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
	// Sources are those of its scripts, one set for each tenant that has some.
	Sources []source.Set
	// Pools are those of the configuration.
	Pools []pool.Spec
	// Table is the routing table.
	Table *routing.Table
	// NamedPools are the names by which the configuration itself asks for pools.
	NamedPools []string
	// Handlers and Env are the names of handler blocks and of environment variables that scripts can use.
	Handlers, Env []string
	// LeftOut are the errors of the tenants that isolate_failures leaves out, in the order of their names.
	LeftOut []error
}

// Inspect returns what the instance was made of.
func (i *Instance) Inspect() Inspection {
	l := i.loader
	state := i.State()
	in := Inspection{Name: i.name, Sources: state.sources, Pools: slices.Clone(l.root.pools), Table: i.table.Load()}
	for _, tenant := range slices.Sorted(maps.Keys(state.LeftOut)) {
		in.LeftOut = append(in.LeftOut, state.LeftOut[tenant])
	}
	in.Env, in.Handlers = l.config.Env, slices.Collect(maps.Keys(l.root.handlers))
	in.named(&l.config.Scripting)
	for _, t := range l.tenants {
		in.Pools = append(in.Pools, t.pools...)
		in.Handlers = slices.AppendSeq(in.Handlers, maps.Keys(t.handlers))
		in.named(&t.config.Scripting)
		in.NamedPools = append(in.NamedPools, t.config.UsePool)
	}
	return in
}

func (in *Inspection) named(s *config.Scripting) {
	if s.OnError != nil {
		in.NamedPools = append(in.NamedPools, s.OnError.Pool)
	}
}
