package cli

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

// poolName is the type of the names of pools.
const poolName = "luaroute.PoolName"

// apiOf returns the reference as lint takes it. Without an inspection, or with one of a load that failed, names of pools and so on may be
// anything.
func apiOf(r *reference.Reference, in *instance.Inspection) (*lint.API, error) {
	c := new(converter)
	router := r.Router()
	api := &lint.API{
		Module: reference.ModuleName, Router: router.Name, Pools: poolName,
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
	if in != nil && in.Table != nil {
		addNames(api, in, r)
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
		all = append(all, lint.Member{Name: doc.Name, Type: c.read(text)})
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

// addNames adds what strings can name in an instance that has loaded.
func addNames(api *lint.API, in *instance.Inspection, r *reference.Reference) {
	var pools, tenants, libraries []string
	for _, pool := range in.Table.Pools() {
		pools = append(pools, pool.Name)
	}
	for _, tenant := range in.Table.Tenants() {
		tenants = append(tenants, tenant.Spec.Name)
	}
	for _, lib := range r.Libraries {
		libraries = append(libraries, lib.Name)
	}
	add := func(alias, kind, what string, all ...[]string) {
		api.Names[alias] = lint.Names{What: what, Kind: kind, All: slices.Concat(all...)}
	}
	if len(in.LeftOut) == 0 { // whose pools are not known
		add(poolName, "unknown-pool", "pool", pools)
		add("luaroute.TenantName", "unknown-name", "tenant", tenants)
	}
	add("luaroute.HandlerName", "unknown-name", "handler", in.Handlers, modules("http.handlers"))
	add("luaroute.MatcherName", "unknown-name", "matcher", modules("http.matchers"))
	add("luaroute.EnvName", "unknown-name", "environment variable in the configuration", in.Env)
	add("luaroute.LibName", "unknown-name", "library", libraries, []string{"safe", "all", "none"})
}

// modules returns the names of Caddy's modules of a namespace.
func modules(namespace string) (names []string) {
	for _, info := range caddy.GetModules(namespace) {
		names = append(names, strings.TrimPrefix(string(info.ID), namespace+"."))
	}
	return names
}
