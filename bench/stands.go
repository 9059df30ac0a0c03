package main

import (
	"fmt"
	"slices"
	"strings"
)

// What a route that is data and a small decision in Lua may cost beside reverse_proxy.
const (
	dataBudget     = 1.01
	decisionBudget = 1.03
)

var sizes = []int{1, 100, 1_000, 10_000}

// stands are everything there is to measure.
var stands = []stand{
	{
		name: "caddy", title: "luaroute beside Caddy's `reverse_proxy`, in one Caddy",
		programs: []program{{inOneCaddy, variants}},
		pairs: []pair{
			{name: again, of: again, to: plain},
			{name: "data", of: "data", to: plain, budget: dataBudget},
			{name: "handler", of: "handler", to: plain, budget: decisionBudget},
			{name: "guard", of: "guard", to: plain, budget: decisionBudget},
			{name: "before", of: "before", to: plain, budget: decisionBudget},
			{name: "around", of: "around", to: plain},
			{name: "on_headers", of: "on_headers", to: plain},
		},
	},
	manyStand("routes", "Many routes, of which the last is asked for", manyRoutes, manyNativeRoutes),
	manyStand("hosts", "Many hosts, of which the last is asked for", manyHosts, manyNativeHosts),
	{
		name: "state", title: "A counter that all functions share",
		programs: []program{{inOneCaddy, []variant{of(variants, "handler", "stateless"), counting}}},
		pairs:    []pair{{name: "kv", of: "kv", to: "stateless"}},
	},
	{
		name: "nginx", title: "Lua in nginx",
		programs: []program{{inNginx, nginxVariants}},
		pairs: []pair{
			{name: "nginx-again", of: "nginx-again", to: "nginx"},
			{name: "nginx-lua", of: "nginx-lua", to: "nginx"},
			{name: "nginx-dict", of: "nginx-dict", to: "nginx-lua"},
		},
	},
	{
		name: "haproxy", title: "Lua in HAProxy",
		programs: []program{{inHAProxy, haproxyVariants}},
		pairs:    []pair{{name: "haproxy-again", of: "haproxy-again", to: "haproxy"}, {name: "haproxy-lua", of: "haproxy-lua", to: "haproxy"}},
	},
	{
		name: "service", title: "A Lua service that is asked over HTTP, beside Lua in the proxy",
		programs: []program{
			{inOneCaddy, []variant{of(variants, plain, "service-plain"), of(variants, "handler", "embedded")}},
			{withService, []variant{{name: "service", what: "`reverse_proxy` behind a Lua service"}}},
		},
		pairs: []pair{{name: "service", of: "service", to: "embedded"}, {name: "service-plain", of: "service", to: "service-plain"}},
	},
	{
		name: "quiet", title: "Caddy with its logger of `reverse_proxy` excluded",
		programs: []program{
			{inOneCaddy, []variant{of(variants, plain, "loud")}},
			{inOneCaddy, []variant{of(variants, again, "loud-again")}},
			{inQuietCaddy, []variant{
				{name: "quiet", what: "`reverse_proxy` without its logger"},
				of(variants, "data", "quiet-data"), of(variants, "handler", "quiet-handler"),
			}},
		},
		pairs: []pair{
			{name: "loud-again", of: "loud-again", to: "loud"},
			{name: "quiet", of: "quiet", to: "loud"},
			{name: "quiet-data", of: "quiet-data", to: "quiet", budget: dataBudget},
			{name: "quiet-handler", of: "quiet-handler", to: "quiet", budget: decisionBudget},
		},
	},
	{
		name: "shipped", title: "The binary of this project beside a stock Caddy",
		programs: []program{
			{inStock, []variant{of(variants, plain, "stock")}},
			{inStock, []variant{of(variants, again, "stock-again")}},
			{inShipped, []variant{
				of(variants, plain, "shipped-plain"), of(variants, "data", "shipped-data"), of(variants, "handler", "shipped-handler"),
			}},
		},
		pairs: []pair{
			{name: "stock-again", of: "stock-again", to: "stock"},
			{name: "shipped-plain", of: "shipped-plain", to: "stock"},
			{name: "shipped-data", of: "shipped-data", to: "stock", budget: 1},
			{name: "shipped-handler", of: "shipped-handler", to: "stock", budget: 1},
		},
	},
	{name: "load", title: "Loading and memory", other: growth},
	{name: "streams", title: "Open streams and reloads", other: survival},
	{name: "neighbours", title: "Requests of a tenant beside another one that is hostile", other: neighbours},
}

// manyStand compares ours with Caddy's own matching, and with itself at other sizes.
func manyStand(name, title string, ours, native func(int) variant) stand {
	s := stand{name: name, title: title}
	var all []variant
	for _, n := range sizes {
		own, theirs := ours(n), native(n)
		all = append(all, own, theirs)
		p := pair{name: own.name, of: own.name, to: theirs.name}
		if n == slices.Max(sizes) {
			p.budget = 1.0 / 25
			flat := pair{name: name + "-flat", of: own.name, to: ours(1).name, budget: 1.05}
			s.pairs = append(s.pairs, flat)
		}
		s.pairs = append(s.pairs, p)
	}
	huge := ours(100_000)
	all = append(all, huge)
	s.pairs = append(s.pairs, pair{name: huge.name, of: huge.name, to: ours(1).name})
	s.programs = []program{{inOneCaddy, all}}
	return s
}

// inQuietCaddy starts a Caddy that does not log what its reverse_proxy says.
func inQuietCaddy(b *bench, variants []variant) (*server, error) {
	return b.startCaddy(variants, "http.handlers.reverse_proxy")
}

// choose returns the stands with the pairs that are named, by their own names or by that of their stand; all if there are
// no names. The first pair of a stand, the null pair or the nearest to one, comes along.
func choose(names []string) ([]stand, error) {
	var known []string
	var chosen []stand
	for _, s := range stands {
		known = append(append(known, s.name), s.pairNames()...)
		wanted := func(p pair) bool { return slices.Contains(names, p.name) || slices.Contains(names, s.name) }
		if len(names) > 0 {
			if !slices.ContainsFunc(s.pairs, wanted) && !slices.Contains(names, s.name) {
				continue
			}
			null := s.null()
			s.pairs = slices.DeleteFunc(slices.Clone(s.pairs), func(p pair) bool { return !wanted(p) && p != null })
		}
		chosen = append(chosen, s)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("no pair or stand %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return chosen, nil
}
