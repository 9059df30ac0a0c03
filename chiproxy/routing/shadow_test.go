package routing

import (
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestLayersThatTakeAllRequestsOfOthers(t *testing.T) {
	t.Parallel()
	steady := saying(say("none"))
	steady.Origin = origin.Origin{Script: "a.lua", Line: 3}
	guarded := func(r chiproxy.Item) chiproxy.Item { return line(3, at("/x", say(""), header("A"))) }(chiproxy.Item{})
	with := func(s chiproxy.Scope, items ...chiproxy.Item) chiproxy.Item {
		s.Kind = chiproxy.Layer
		return in(s, items...)
	}
	own := func(prefix string, items ...chiproxy.Item) chiproxy.Item {
		return in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: prefix, NotFound: steady}, items...)
	}
	declining := saying(chiproxy.Decline{})
	lost := func(what, by string) string {
		return "a.lua:7: route " + what + " can never be reached: " + by + " takes it first, in a layer for its hosts"
	}
	const none = "not_found at a.lua:3"
	victim := func(rule string) chiproxy.Item { return line(7, at(rule, say(""))) }
	first := func(rule string) chiproxy.Item { return line(3, at(rule, say(""))) }
	for name, c := range map[string]struct {
		items []chiproxy.Item
		want  string // empty where it is fine
	}{
		"one host of two":                   {[]chiproxy.Item{hosts("a b", first("/x")), hosts("a", victim("GET /x"))}, lost("GET /x", "/x at a.lua:3")},
		"two hosts of one":                  {[]chiproxy.Item{hosts("a", first("/x")), hosts("a b", victim("GET /x"))}, ""},
		"two hosts of two layers":           {[]chiproxy.Item{hosts("a", first("/x")), hosts("b", first("/x")), hosts("b a", victim("/x"))}, lost("for all methods /x", "/x at a.lua:3")},
		"an exact host after its wildcard":  {[]chiproxy.Item{hosts("*.a", first("/x")), hosts("x.a", victim("/x"))}, ""},
		"but not if that has priority":      {[]chiproxy.Item{with(chiproxy.Scope{Hosts: []string{"*.a"}, Priority: 1}, first("/x")), hosts("x.a", victim("/x"))}, lost("for all methods /x", "/x at a.lua:3")},
		"a wildcard after itself":           {[]chiproxy.Item{hosts("*.a b", first("/x")), hosts("*.a", victim("/x"))}, lost("for all methods /x", "/x at a.lua:3")},
		"a wildcard after one of its hosts": {[]chiproxy.Item{hosts("x.a", first("/x")), hosts("*.a", victim("/x"))}, ""},
		"a wildcard that names hosts, too":  {[]chiproxy.Item{hosts("*.a", first("/x")), hosts("*.a x.a", victim("/x"))}, ""},
		"the layer around":                  {[]chiproxy.Item{hosts("a", victim("/x"), hosts("a", first("/x")))}, lost("for all methods /x", "/x at a.lua:3")},
		"an inner layer for fewer hosts":    {[]chiproxy.Item{hosts("a b", at("/x", say("")), hosts("a", first("/x")))}, ""},
		"an inner layer in one for a host":  {[]chiproxy.Item{hosts("a b", hosts("a", first("/x"))), hosts("a", victim("/x"))}, lost("for all methods /x", "/x at a.lua:3")},
		"a catch-all":                       {[]chiproxy.Item{hosts("a", first("/*")), hosts("a", victim("GET /x/{id}"))}, lost("GET /x/{id}", "/* at a.lua:3")},
		"a catch-all below a prefix":        {[]chiproxy.Item{hosts("a", first("/x/*")), hosts("a", victim("/x/{id}"))}, lost("for all methods /x/{id}", "/x/* at a.lua:3")},
		"a catch-all of other paths":        {[]chiproxy.Item{hosts("a", first("/x/*")), hosts("a", victim("/x{id}"))}, ""},
		"a catch-all of a scope":            {[]chiproxy.Item{hosts("a", owner("/x", first("/*"))), hosts("a", victim("/x/{id}"))}, lost("for all methods /x/{id}", "/* at a.lua:3")},
		"a catch-all with a scope in it":    {[]chiproxy.Item{hosts("a", first("/*"), owner("/x", at("/y", say("")))), hosts("a", victim("/x/{id}"))}, ""},
		"a scope of other paths beside it":  {[]chiproxy.Item{hosts("a", first("/*"), owner("/z", at("/y", say("")))), hosts("a", victim("/x/{id}"))}, lost("for all methods /x/{id}", "/* at a.lua:3")},
		"a path beside scopes":              {[]chiproxy.Item{hosts("a", owner("/x", first("/y"), owner("/{z}", at("/y", say(""))))), hosts("a", victim("/x/y"))}, lost("for all methods /x/y", "/y at a.lua:3")},
		"both forms of a root":              {[]chiproxy.Item{hosts("a", first("/x")), hosts("a", owner("/x", victim("/")))}, ""},
		"other methods":                     {[]chiproxy.Item{hosts("a", first("POST /x")), hosts("a", victim("GET /x"))}, ""},
		"some of the methods":               {[]chiproxy.Item{hosts("a", first("GET /x")), hosts("a", victim("GET,POST /x"))}, ""},
		"methods of several routes":         {[]chiproxy.Item{hosts("a", first("GET /x"), first("POST /x")), hosts("a", victim("GET,POST /x"))}, lost("GET, POST /x", "/x at a.lua:3")},
		"HEAD that is guarded":              {[]chiproxy.Item{hosts("a", first("GET /x"), at("HEAD /x", say(""), header("A"))), hosts("a", victim("GET /x"))}, ""},
		"CONNECT by name":                   {[]chiproxy.Item{hosts("a", first("/x")), hosts("a", victim("CONNECT /x"))}, ""},
		"another method":                    {[]chiproxy.Item{hosts("a", first("/x")), hosts("a", victim("PURGE /x"))}, lost("PURGE /x", "/x at a.lua:3")},
		"a guarded route":                   {[]chiproxy.Item{hosts("a", guarded), hosts("a", victim("/x"))}, ""},
		"behind a guard, but not before it": {[]chiproxy.Item{hosts("a", first("/x")), with(chiproxy.Scope{Hosts: []string{"a"}, Guards: []chiproxy.Guard{header("A")}}, victim("/x"))}, lost("for all methods /x", "/x at a.lua:3")},
		"not_found of a layer":              {[]chiproxy.Item{with(chiproxy.Scope{Hosts: []string{"a"}, NotFound: steady}, at("/x", say(""))), hosts("a", victim("/{y}"))}, lost("for all methods /{y}", none)},
		"not_found that declines":           {[]chiproxy.Item{with(chiproxy.Scope{Hosts: []string{"a"}, NotFound: declining}, at("/x", say(""))), hosts("a", victim("/{y}"))}, ""},
		"not_found behind middleware":       {[]chiproxy.Item{with(chiproxy.Scope{Hosts: []string{"a"}, NotFound: steady, Middleware: []chiproxy.Middleware{key}}, at("/x", say(""))), hosts("a", victim("/{y}"))}, ""},
		"method_not_allowed that declines":  {[]chiproxy.Item{with(chiproxy.Scope{Hosts: []string{"a"}, NotFound: steady, MethodNotAllowed: declining}, at("GET /x", say(""))), hosts("a", victim("/{y}"))}, ""},
		"not_found of a scope":              {[]chiproxy.Item{hosts("a", own("/s", at("/x", say("")))), hosts("a", victim("/s/{y}"))}, lost("for all methods /s/{y}", none)},
		"not_found of another scope":        {[]chiproxy.Item{hosts("a", own("/s", at("/x", say("")))), hosts("a", victim("/t/{y}"), victim("/{s}/y"))}, ""},
		"what is outside of layers":         {[]chiproxy.Item{hosts("a", first("/x")), victim("/x")}, ""},
	} {
		_, err := Build(only(c.items...), pool.NewSet(caddy.Context{}))
		if got := errorText(err); got != c.want {
			t.Errorf("%s:\n got  %s\n want %s", name, got, c.want)
		}
	}
	for hosts, want := range map[string]string{
		"x.a":     "",
		"*.a":     "",
		"x.a b":   "a.lua:7: the layer for b can never be tried: the tenant is for *.a only",
		"b x.y.a": "a.lua:7: the layer for b, x.y.a can never be tried: the tenant is for *.a only",
	} {
		layer := line(7, in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: strings.Fields(hosts)}, at("/x", say(""))))
		_, err := Build(chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", Hosts: []string{"*.a"}, Root: root(layer)}}}, pool.NewSet(caddy.Context{}))
		if got := errorText(err); got != want {
			t.Errorf("a layer for %s:\n got  %s\n want %s", hosts, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// layered makes a specification of many layers for hosts. The lines of routes and layers are their numbers.
func layered(rng *rand.Rand, w **world) *chiproxy.Spec {
	m := &specMaker{rng: rng, world: w}
	number := func() origin.Origin { m.ids++; return origin.Origin{Script: "s", Line: m.ids} }
	answer := func() *chiproxy.Answer {
		if m.chance(3) {
			return &chiproxy.Answer{Action: m.hook()}
		}
		return &chiproxy.Answer{Action: chiproxy.Module{Handler: &worldModule{0, w}}}
	}
	var scope func(kind chiproxy.ScopeKind, depth int) chiproxy.Scope
	scope = func(kind chiproxy.ScopeKind, depth int) chiproxy.Scope {
		s := chiproxy.Scope{Kind: kind, Origin: number()}
		if m.chance(8) {
			s.Middleware = []chiproxy.Middleware{m.hook()}
		}
		if m.chance(5) {
			s.NotFound = answer()
		}
		if m.chance(8) {
			s.MethodNotAllowed = answer()
		}
		switch kind {
		case chiproxy.Owner:
			s.Pattern = pick(rng, "/a", "/b", "/{s}", "/a/b")
		case chiproxy.Layer:
			s.Hosts = pick(rng, []string{"x.example"}, []string{"y.example", "x.example"}, []string{"*.example"}, []string{"*.example", "x.example"})
			s.Priority = rng.IntN(5) / 4
			if m.chance(6) {
				s.Guards = []chiproxy.Guard{m.hook()}
			}
		}
		for range 1 + rng.IntN(3) {
			if depth > 0 && m.chance(3) {
				inner := scope(pick(rng, chiproxy.Layer, chiproxy.Layer, chiproxy.Owner, chiproxy.Group), depth-1)
				s.Items = append(s.Items, chiproxy.Item{Scope: &inner})
				continue
			}
			r := &chiproxy.Route{Pattern: pick(rng, "/", "/*", "/a", "/a/*", "/a/b", "/{p}", "/a/{p}", "/{p}/b", "/a{p}"), Origin: number()}
			r.Action = chiproxy.Module{Handler: &worldModule{r.Origin.Line, w}}
			if m.chance(6) {
				r.Action = m.hook()
			}
			if m.chance(6) {
				r.Guards = []chiproxy.Guard{m.hook()}
			}
			r.Methods = pick(rng, nil, nil, []string{"GET"}, []string{"HEAD"}, []string{"GET", "POST"}, []string{"PURGE"})
			s.Items = append(s.Items, chiproxy.Item{Route: r})
		}
		return s
	}
	spec := &chiproxy.Spec{MethodMismatch: chiproxy.MethodMismatch(rng.IntN(2))}
	t := chiproxy.Tenant{Name: "t", Root: scope(chiproxy.Group, 3)}
	if m.chance(2) {
		t.Hosts = pick(rng, []string{"x.example"}, []string{"*.example"}, []string{"x.example", "y.example"})
	}
	for range 1 + rng.IntN(3) {
		l := scope(chiproxy.Layer, 1)
		t.Root.Items = append(t.Root.Items, chiproxy.Item{Scope: &l})
	}
	spec.Tenants = []chiproxy.Tenant{t}
	return spec
}

// TestWhatIsRefusedAsNeverReachedNeverIs asks the model for all that is refused because of the hosts of layers.
func TestWhatIsRefusedAsNeverReachedNeverIs(t *testing.T) {
	t.Parallel()
	specs := 5000
	if testing.Short() {
		specs = 600
	}
	rng := testkit.Seeded(21, 4)
	refused := regexp.MustCompile(`(?m)^s:(\d+): (?:route .* takes it first, in a layer|the layer for (.*) can never be tried)`)
	var w *world
	routes, layers := 0, 0
	for range specs {
		spec := layered(rng, &w)
		_, err := Build(*spec, pool.NewSet(caddy.Context{}))
		lost := refused.FindAllStringSubmatch(errorText(err), -1)
		if len(lost) == 0 {
			continue
		}
		reached := reachable(rng, spec)
		for _, m := range lost {
			what := []string{m[1]}
			if m[2] == "" {
				routes++
			} else {
				layers++
				what = nil
				for host := range strings.SplitSeq(m[2], ", ") {
					what = append(what, m[1]+" "+strings.Replace(host, "*", "z", 1)) // nothing names z.example
				}
			}
			for _, what := range what {
				if how := reached[what]; how != "" {
					t.Fatalf("%s\n is reached by %s%s", m[0], how, dumpSpec(spec))
				}
			}
		}
	}
	if routes < specs/20 || layers < specs/40 {
		t.Errorf("only %d routes and %d layers of %d specifications were refused", routes, layers, specs)
	}
	t.Logf("%d routes and %d layers refused", routes, layers)
}

// reachable asks the model with many requests, and returns one by which each route is tried, by the line of the route, and each
// layer for a host, by its line and the host.
func reachable(rng *rand.Rand, spec *chiproxy.Spec) map[string]string {
	base, tenant := newRefTenant(&spec.Default), newRefTenant(&spec.Tenants[0])
	reached := map[string]string{}
	for _, host := range []string{"x.example", "y.example", "z.example", "other.org"} {
		for _, path := range []string{"/", "/a", "/a/", "/a/b", "/a/c", "/ab", "/b", "/b/b", "/b/c/d", "/a/b/c"} {
			for _, method := range []string{"GET", "HEAD", "POST", "PURGE", "CONNECT", "PUT"} {
				for range 2 {
					run := &refRun{
						spec: spec, host: host, method: method, path: path, allow: map[string]bool{}, world: &world{seed: rng.Uint64(), header: http.Header{}},
						tried: func(l *refLayer, route *chiproxy.Route) {
							how := method + " " + host + path
							reached[strconv.Itoa(route.Origin.Line)] = how
							reached[strconv.Itoa(l.spec.Origin.Line)+" "+host] = how
						},
					}
					run.serve(base, []*refTenant{tenant})
				}
			}
		}
	}
	return reached
}
