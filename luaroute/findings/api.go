package findings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// labels are how messages call objects that have a usual name.
var labels = map[string]string{"luaroute.Request": "req", "luaroute.Response": "res", "luaroute.Router": "the router"}

// readings are types of what is read of a class where what is assigned may be of more.
var readings = map[string]string{"luaroute.Headers": "string?"}

// Types of names.
const (
	PoolName   = "luaroute.PoolName"
	TenantName = "luaroute.TenantName"
	metricName = "luaroute.MetricName"
)

// API returns the reference as lint takes it. Without an inspection, names of pools and so on may be anything.
func API(r *reference.Reference, in *instance.Inspection) (*lint.API, error) {
	c := new(converter)
	router := r.Router()
	api := &lint.API{
		Inert:  []string{"luaroute.Policy", "luaroute.Middleware", "luaroute.Action", "luaroute.Limit", "luaroute.Concurrency", "luaroute.Matcher"},
		Module: reference.ModuleName, Router: router.Name, Pools: PoolName, Tenants: TenantName, Metrics: metricName,
		Globals: c.members(r.Globals), Defined: c.members(r.Defined), Absent: map[string]string{}, Names: map[string]lint.Names{},
	}
	for _, doc := range r.Absent {
		api.Absent[doc.Name] = doc.Text
	}
	for _, class := range r.Tables {
		api.Tables = append(api.Tables, c.class(class))
	}
	for _, class := range r.Classes {
		api.Classes = append(api.Classes, c.class(class))
	}
	for _, lib := range r.Libraries {
		api.Libraries = append(api.Libraries, lint.Class{Name: lib.Name, Bare: lib.Bare, Fields: c.members(lib.Docs)})
	}
	if in != nil {
		AddNames(api, in, r)
	}
	return api, c.err
}

// converter reads descriptions. It keeps the first error.
type converter struct{ err error }

func (c *converter) read(text string) *signature.Type {
	t, err := signature.Parse(text)
	if err != nil && c.err == nil {
		c.err = err
	}
	return t
}

func (c *converter) members(docs []vm.Doc) (all []lint.Member) {
	for _, doc := range docs {
		text := doc.Type
		if text == "" {
			text = fmt.Sprintf("fun(%s): (%s)", doc.Args, doc.Returns)
		}
		t := c.read(text)
		if doc.Fails && t != nil {
			t.Fails = true
		}
		all = append(all, lint.Member{Name: doc.Name, Type: t})
	}
	return all
}

func (c *converter) class(from vm.Class) lint.Class {
	class := lint.Class{
		Name: from.Name, Label: labels[from.Name], Of: from.Of, Dot: from.Dot,
		Fields: c.members(from.Fields), Methods: c.members(from.Methods),
	}
	if from.Alias != "" {
		class.Alias = c.read(from.Alias)
	}
	if from.Keys == "" {
		return class
	}
	var keys, values []*signature.Type
	if t := c.read("{" + from.Keys + "}"); t != nil {
		for _, p := range t.Fields {
			keys, values = append(keys, p.Key), append(values, p.Type)
		}
		class.Key, class.Keys = lint.Union(keys), lint.Union(values)
	}
	if reading := readings[from.Name]; reading != "" {
		class.Keys = c.read(reading)
	}
	return class
}

// AddNames adds what strings can name in an instance. Those that scripts declare are known if they have loaded.
func AddNames(api *lint.API, in *instance.Inspection, r *reference.Reference) {
	var libraries []string
	for _, lib := range r.Libraries {
		libraries = append(libraries, lib.Name)
	}
	open := in.Table == nil || len(in.LeftOut) > 0
	pools := lint.Names{What: "pool", Kind: "unknown-pool", Of: map[string][]string{}, Open: open}
	tenants := lint.Names{What: "tenant", Kind: "unknown-name", Open: open}
	handlers := lint.Names{What: "handler", Kind: "unknown-name", All: Modules("http.handlers"), Of: map[string][]string{}}
	known := map[string]bool{}
	for _, s := range in.Sources {
		known[s.Tenant] = true
	}
	if in.Table != nil {
		for _, t := range in.Table.Tenants() {
			known[t.Spec.Name] = true
			pools.Of[t.Spec.Name] = t.Pools.Names()
			tenants.All = append(tenants.All, t.Spec.Name)
		}
	}
	for i, t := range in.Tenants {
		known[t.Name] = true
		tenants.All = append(tenants.All, t.Name)
		handlers.Of[t.Name] = t.Handlers
		if !open {
			continue // the table knows which pools are seen
		}
		for _, p := range t.Pools {
			if i == 0 {
				pools.All = append(pools.All, p.Name)
			} else {
				pools.Of[t.Name] = append(pools.Of[t.Name], p.Name)
			}
		}
	}
	for tenant := range known { // one that a script declares has the handlers of the instance
		if handlers.Of[tenant] == nil && len(in.Tenants) > 0 {
			handlers.Of[tenant] = in.Tenants[0].Handlers
		}
	}
	metrics := lint.Names{What: "metric", Kind: "unknown-name", Of: in.Metrics, Open: open}
	api.Names[PoolName], api.Names[TenantName], api.Names[metricName] = pools, tenants, metrics
	api.Names["luaroute.HandlerName"] = handlers
	add := func(alias, what string, all ...string) {
		api.Names[alias] = lint.Names{What: what, Kind: "unknown-name", All: all}
	}
	add("luaroute.MatcherName", "matcher", Modules("http.matchers")...)
	add("luaroute.EnvName", "environment variable in the configuration", in.Env...)
	add("luaroute.LibName", "library", append(libraries, "safe", "all", "none")...)
}

// shared returns the tenants that the scripts of a tenant are about: the default tenant's are about those that they declare, too, if these have no
// scripts of their own.
func shared(in *instance.Inspection, tenant string) []string {
	all := []string{tenant}
	if tenant != "" || in.Table == nil {
		return all
	}
	for _, t := range in.Table.Tenants() {
		name := t.Spec.Name
		own := slices.ContainsFunc(in.Sources, func(s instance.Sources) bool { return s.Tenant == name })
		if !own && !slices.ContainsFunc(in.Tenants, func(t instance.Tenant) bool { return t.Name == name }) {
			all = append(all, name)
		}
	}
	return all
}

// Modules returns the names of Caddy's modules of a namespace.
func Modules(namespace string) (names []string) {
	for _, info := range caddy.GetModules(namespace) {
		names = append(names, strings.TrimPrefix(string(info.ID), namespace+"."))
	}
	return names
}
