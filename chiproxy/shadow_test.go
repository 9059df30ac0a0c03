package chiproxy

import (
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestLayersThatTakeAllRequestsOfOthers(t *testing.T) {
	t.Parallel()
	steady := saying(say("none"))
	steady.Origin = origin.Origin{Script: "a.lua", Line: 3}
	guarded := func(r Item) Item { return line(3, at("/x", say(""), header("A"))) }(Item{})
	with := func(s Scope, items ...Item) Item { s.Kind = Layer; return in(s, items...) }
	own := func(prefix string, items ...Item) Item {
		return in(Scope{Kind: Owner, Pattern: prefix, NotFound: steady}, items...)
	}
	declining := saying(Decline{})
	lost := func(what, by string) string {
		return "a.lua:7: route " + what + " can never be reached: " + by + " takes it before, in a layer for its hosts"
	}
	const none = "not_found at a.lua:3"
	victim := func(rule string) Item { return line(7, at(rule, say(""))) }
	first := func(rule string) Item { return line(3, at(rule, say(""))) }
	for name, c := range map[string]struct {
		items []Item
		want  string // empty where it is fine
	}{
		"one host of two":                   {[]Item{hosts("a b", first("/x")), hosts("a", victim("GET /x"))}, lost("GET /x", "/x at a.lua:3")},
		"two hosts of one":                  {[]Item{hosts("a", first("/x")), hosts("a b", victim("GET /x"))}, ""},
		"two hosts of two layers":           {[]Item{hosts("a", first("/x")), hosts("b", first("/x")), hosts("b a", victim("/x"))}, lost("for all methods /x", "/x at a.lua:3")},
		"an exact host after its wildcard":  {[]Item{hosts("*.a", first("/x")), hosts("x.a", victim("/x"))}, ""},
		"but not if that has priority":      {[]Item{with(Scope{Hosts: []string{"*.a"}, Priority: 1}, first("/x")), hosts("x.a", victim("/x"))}, lost("for all methods /x", "/x at a.lua:3")},
		"a wildcard after itself":           {[]Item{hosts("*.a b", first("/x")), hosts("*.a", victim("/x"))}, lost("for all methods /x", "/x at a.lua:3")},
		"a wildcard after one of its hosts": {[]Item{hosts("x.a", first("/x")), hosts("*.a", victim("/x"))}, ""},
		"a wildcard that names hosts, too":  {[]Item{hosts("*.a", first("/x")), hosts("*.a x.a", victim("/x"))}, ""},
		"the layer around":                  {[]Item{hosts("a", victim("/x"), hosts("a", first("/x")))}, lost("for all methods /x", "/x at a.lua:3")},
		"an inner layer for fewer hosts":    {[]Item{hosts("a b", at("/x", say("")), hosts("a", first("/x")))}, ""},
		"an inner layer in one for a host":  {[]Item{hosts("a b", hosts("a", first("/x"))), hosts("a", victim("/x"))}, lost("for all methods /x", "/x at a.lua:3")},
		"a catch-all":                       {[]Item{hosts("a", first("/*")), hosts("a", victim("GET /x/{id}"))}, lost("GET /x/{id}", "/* at a.lua:3")},
		"a catch-all below a prefix":        {[]Item{hosts("a", first("/x/*")), hosts("a", victim("/x/{id}"))}, lost("for all methods /x/{id}", "/x/* at a.lua:3")},
		"a catch-all of other paths":        {[]Item{hosts("a", first("/x/*")), hosts("a", victim("/x{id}"))}, ""},
		"a catch-all of a scope":            {[]Item{hosts("a", owner("/x", first("/*"))), hosts("a", victim("/x/{id}"))}, lost("for all methods /x/{id}", "/* at a.lua:3")},
		"a catch-all with a scope in it":    {[]Item{hosts("a", first("/*"), owner("/x", at("/y", say("")))), hosts("a", victim("/x/{id}"))}, ""},
		"a scope of other paths beside it":  {[]Item{hosts("a", first("/*"), owner("/z", at("/y", say("")))), hosts("a", victim("/x/{id}"))}, lost("for all methods /x/{id}", "/* at a.lua:3")},
		"a path beside scopes":              {[]Item{hosts("a", owner("/x", first("/y"), owner("/{z}", at("/y", say(""))))), hosts("a", victim("/x/y"))}, lost("for all methods /x/y", "/y at a.lua:3")},
		"both forms of a root":              {[]Item{hosts("a", first("/x")), hosts("a", owner("/x", victim("/")))}, ""},
		"other methods":                     {[]Item{hosts("a", first("POST /x")), hosts("a", victim("GET /x"))}, ""},
		"some of the methods":               {[]Item{hosts("a", first("GET /x")), hosts("a", victim("GET,POST /x"))}, ""},
		"methods of several routes":         {[]Item{hosts("a", first("GET /x"), first("POST /x")), hosts("a", victim("GET,POST /x"))}, lost("GET, POST /x", "/x at a.lua:3")},
		"HEAD that is guarded":              {[]Item{hosts("a", first("GET /x"), at("HEAD /x", say(""), header("A"))), hosts("a", victim("GET /x"))}, ""},
		"CONNECT by name":                   {[]Item{hosts("a", first("/x")), hosts("a", victim("CONNECT /x"))}, ""},
		"another method":                    {[]Item{hosts("a", first("/x")), hosts("a", victim("PURGE /x"))}, lost("PURGE /x", "/x at a.lua:3")},
		"a guarded route":                   {[]Item{hosts("a", guarded), hosts("a", victim("/x"))}, ""},
		"behind a guard, but not before it": {[]Item{hosts("a", first("/x")), with(Scope{Hosts: []string{"a"}, Guards: []Guard{header("A")}}, victim("/x"))}, lost("for all methods /x", "/x at a.lua:3")},
		"not_found of a layer":              {[]Item{with(Scope{Hosts: []string{"a"}, NotFound: steady}, at("/x", say(""))), hosts("a", victim("/{y}"))}, lost("for all methods /{y}", none)},
		"not_found that declines":           {[]Item{with(Scope{Hosts: []string{"a"}, NotFound: declining}, at("/x", say(""))), hosts("a", victim("/{y}"))}, ""},
		"not_found behind middleware":       {[]Item{with(Scope{Hosts: []string{"a"}, NotFound: steady, Middleware: []Middleware{key}}, at("/x", say(""))), hosts("a", victim("/{y}"))}, ""},
		"method_not_allowed that declines":  {[]Item{with(Scope{Hosts: []string{"a"}, NotFound: steady, MethodNotAllowed: declining}, at("GET /x", say(""))), hosts("a", victim("/{y}"))}, ""},
		"not_found of a scope":              {[]Item{hosts("a", own("/s", at("/x", say("")))), hosts("a", victim("/s/{y}"))}, lost("for all methods /s/{y}", none)},
		"not_found of another scope":        {[]Item{hosts("a", own("/s", at("/x", say("")))), hosts("a", victim("/t/{y}"), victim("/{s}/y"))}, ""},
		"what is outside of layers":         {[]Item{hosts("a", first("/x")), victim("/x")}, ""},
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
		layer := line(7, in(Scope{Kind: Layer, Hosts: strings.Fields(hosts)}, at("/x", say(""))))
		_, err := Build(Spec{Tenants: []Tenant{{Name: "t", Hosts: []string{"*.a"}, Root: root(layer)}}}, pool.NewSet(caddy.Context{}))
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
func layered(rng *rand.Rand, w **world) *Spec {
	m := &specMaker{rng: rng, world: w}
	number := func() origin.Origin { m.ids++; return origin.Origin{Script: "s", Line: m.ids} }
	answer := func() *Answer {
		if m.chance(3) {
			return &Answer{Action: m.hook()}
		}
		return &Answer{Action: Module{Handler: &worldModule{0, w}}}
	}
	var scope func(kind ScopeKind, depth int) Scope
	scope = func(kind ScopeKind, depth int) Scope {
		s := Scope{Kind: kind, Origin: number()}
		if m.chance(8) {
			s.Middleware = []Middleware{m.hook()}
		}
		if m.chance(5) {
			s.NotFound = answer()
		}
		if m.chance(8) {
			s.MethodNotAllowed = answer()
		}
		switch kind {
		case Owner:
			s.Pattern = pick(rng, "/a", "/b", "/{s}", "/a/b")
		case Layer:
			s.Hosts = pick(rng, []string{"x.example"}, []string{"y.example", "x.example"}, []string{"*.example"}, []string{"*.example", "x.example"})
			s.Priority = rng.IntN(5) / 4
			if m.chance(6) {
				s.Guards = []Guard{m.hook()}
			}
		}
		for range 1 + rng.IntN(3) {
			if depth > 0 && m.chance(3) {
				inner := scope(pick(rng, Layer, Layer, Owner, Group), depth-1)
				s.Items = append(s.Items, Item{Scope: &inner})
				continue
			}
			r := &Route{Pattern: pick(rng, "/", "/*", "/a", "/a/*", "/a/b", "/{p}", "/a/{p}", "/{p}/b", "/a{p}"), Origin: number()}
			r.Action = Module{Handler: &worldModule{r.Origin.Line, w}}
			if m.chance(6) {
				r.Action = m.hook()
			}
			if m.chance(6) {
				r.Guards = []Guard{m.hook()}
			}
			r.Methods = pick(rng, nil, nil, []string{"GET"}, []string{"HEAD"}, []string{"GET", "POST"}, []string{"PURGE"})
			s.Items = append(s.Items, Item{Route: r})
		}
		return s
	}
	spec := &Spec{MethodMismatch: MethodMismatch(rng.IntN(2))}
	t := Tenant{Name: "t", Root: scope(Group, 3)}
	if m.chance(2) {
		t.Hosts = pick(rng, []string{"x.example"}, []string{"*.example"}, []string{"x.example", "y.example"})
	}
	for range 1 + rng.IntN(3) {
		l := scope(Layer, 1)
		t.Root.Items = append(t.Root.Items, Item{Scope: &l})
	}
	spec.Tenants = []Tenant{t}
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
	refused := regexp.MustCompile(`(?m)^s:(\d+): (?:route .* takes it before, in a layer|the layer for (.*) can never be tried)`)
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
func reachable(rng *rand.Rand, spec *Spec) map[string]string {
	base, tenant := newRefTenant(&spec.Default), newRefTenant(&spec.Tenants[0])
	reached := map[string]string{}
	for _, host := range []string{"x.example", "y.example", "z.example", "other.org"} {
		for _, path := range []string{"/", "/a", "/a/", "/a/b", "/a/c", "/ab", "/b", "/b/b", "/b/c/d", "/a/b/c"} {
			for _, method := range []string{"GET", "HEAD", "POST", "PURGE", "CONNECT", "PUT"} {
				for range 2 {
					run := &refRun{
						spec: spec, host: host, method: method, path: path, allow: map[string]bool{}, world: &world{seed: rng.Uint64(), header: http.Header{}},
						tried: func(l *refLayer, route *Route) {
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
