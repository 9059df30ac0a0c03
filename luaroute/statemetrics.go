package luaroute

import (
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// label returns a function for the labels of tenants: beyond the bound of series they share one.
func (c collector) label() func(tenant string) string {
	seen := map[string]bool{}
	return func(tenant string) string {
		if !seen[tenant] && len(seen) >= c.Telemetry().MaxSeries()/perTenant {
			return telemetry.Other
		}
		seen[tenant] = true
		return tenant
	}
}

// asked sends what scripts have asked other servers for.
func (c collector) asked() {
	type key struct {
		tenant string
		telemetry.Asked
	}
	label, sums := c.label(), map[key]uint64{}
	for _, l := range c.Telemetry().Scripts() {
		l.EachAsked(func(a telemetry.Asked, n uint64) { sums[key{label(l.Tenant), a}] += n })
	}
	for k, n := range sums {
		switch k.What {
		case telemetry.AskedHTTP:
			c.count(callsMetric, float64(n), k.tenant, k.Outcome)
		case telemetry.AskedKeys:
			c.count(fetchesMetric, float64(n), k.tenant, k.Outcome)
		}
	}
}

// kept sends what tenants keep in the store, if it is one that knows.
func (c collector) kept() {
	label, sums := c.label(), map[string]kv.Usage{}
	for _, l := range c.Telemetry().Scripts() {
		u, known := c.Kept(l.Tenant)
		if !known || u == (kv.Usage{}) {
			continue
		}
		tenant := label(l.Tenant)
		all := sums[tenant]
		sums[tenant] = kv.Usage{Keys: all.Keys + u.Keys, Bytes: all.Bytes + u.Bytes, Evicted: all.Evicted + u.Evicted}
	}
	for tenant, u := range sums {
		c.gauge(kvKeysMetric, float64(u.Keys), tenant)
		c.gauge(kvBytesMetric, float64(u.Bytes), tenant)
		c.count(kvEvictedMetric, float64(u.Evicted), tenant)
	}
}
