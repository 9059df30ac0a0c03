package legacy

import (
	"fmt"
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
)

// defaultTenant is the name of the default tenant in the old contract, unless a tenant has it.
const defaultTenant = "default"

// FunctionOf returns the function of a tenant of a table, nil if there is none. It does not look at the other tenants, since the old
// gateway asked for each of its requests.
func FunctionOf(t *routing.Table, tenant string) *Function {
	found, ok := t.Tenant(tenant)
	if !ok && tenant == defaultTenant {
		found, ok = t.Tenant("")
	}
	if !ok {
		return nil
	}
	function, _ := found.Spec.Fallback.(*Function)
	return function
}

// Health is the state of the tenants of a table.
type Health struct {
	// Status is "degraded" if a tenant has services of which none is healthy, and else "healthy".
	Status string `json:"status"`
	// Tenants has a sentence for each: `2/3 healthy`.
	Tenants map[string]string `json:"tenants"`
	Uptime  string            `json:"uptime"`
	Version string            `json:"version"`
}

// HealthOf returns the state of the tenants of a table.
func HealthOf(t *routing.Table) Health {
	health := Health{Status: "healthy", Tenants: map[string]string{}}
	for _, tenant := range tenantsIn(t) {
		healthy, services := 0, upstreamsIn(tenant.Pools)
		for _, s := range services {
			if s.Health {
				healthy++
			}
		}
		if healthy == 0 && len(services) > 0 {
			health.Status = "degraded"
		}
		health.Tenants[tenant.name] = fmt.Sprintf("%d/%d healthy", healthy, len(services))
	}
	return health
}

// Tenant is a tenant of a table.
type Tenant struct {
	Name       string
	PathPrefix string
	Domains    []string
	// Interval is that of the health checks, empty without them.
	Interval string
	// LuaScript is the script that has the function of the old contract, empty if none has.
	LuaScript string
	Services  []Service
}

// Service is an upstream, under the name of its pool.
type Service struct {
	Name string
	URL  string
	// Health is what health checks ask for, empty without them.
	Health string
}

// TenantsOf returns the tenants of a table.
func TenantsOf(t *routing.Table) []Tenant {
	all := []Tenant{}
	for _, tenant := range tenantsIn(t) {
		spec := tenant.Spec
		out := Tenant{Name: tenant.name, PathPrefix: spec.PathPrefix, Domains: append([]string{}, spec.Hosts...), Services: []Service{}}
		if spec.Fallback != nil {
			out.LuaScript = chiproxy.Describe(spec.Fallback).Script
		}
		for _, s := range upstreamsIn(tenant.Pools) {
			if out.Interval == "" && s.healthInterval > 0 {
				out.Interval = s.healthInterval.String()
			}
			out.Services = append(out.Services, Service{s.Name, s.URL, s.healthURI})
		}
		all = append(all, out)
	}
	return all
}

// namedTenant is a tenant under its name in the old contract.
type namedTenant struct {
	name string
	routing.TenantInfo
}

// tenantsIn returns the tenants of a table under their names. The default tenant is one of them if it has a function of the old
// contract.
func tenantsIn(t *routing.Table) []namedTenant {
	var all []namedTenant
	tenants := t.Tenants()
	for _, tenant := range tenants[1:] {
		all = append(all, namedTenant{tenant.Spec.Name, tenant})
	}
	isTaken := slices.ContainsFunc(all, func(t namedTenant) bool { return t.name == defaultTenant })
	if tenants[0].Spec.Fallback != nil && !isTaken {
		all = append(all, namedTenant{defaultTenant, tenants[0]})
	}
	return all
}
