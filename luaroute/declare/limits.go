package declare

import (
	"github.com/luaroute/caddy-luaroute/luaroute/option"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// limitsOf returns the limits that a tenant sets: { cpu =, wall =, memory =, total_memory =, body =, vms =, streams =, queue = }.
func limitsOf(o option.Table, name string) config.Limits {
	t := o.Sub(name)
	if t == nil {
		return config.Limits{}
	}
	l := option.Of(o.L, o.What+": "+name, t, &tenantLimits)
	return config.Limits{
		CPU: l.Duration("cpu"), Wall: l.Duration("wall"), Memory: l.Size("memory"), TotalMemory: l.Size("total_memory"),
		Body: l.Size("body"), VMs: l.Count("vms"), Streams: l.Count("streams"), Queue: l.Duration("queue"),
	}
}
