package chiproxy

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

// told is a guard, middleware and action that only says its name.
type told string

func (n told) Allow(*Exchange) (bool, error) { return true, nil }
func (n told) Do(*Exchange) (Verdict, error) { return Done, nil }
func (n told) Traits() Traits                { return Traits{Declines: true, Changes: true} }
func (n told) Describe() origin.Origin       { return origin.Origin{Kind: "function", Text: string(n)} }

func (n told) Handle(_ *Exchange, next func() (Verdict, error)) (Verdict, error) {
	return next()
}

func says(text string) []origin.Origin { return []origin.Origin{{Kind: "function", Text: text}} }

func TestRoutesAreListedWithAllThatIsAroundThem(t *testing.T) {
	t.Parallel()
	route := func(pattern string, methods ...string) Item {
		return Item{Route: &Route{Methods: methods, Pattern: pattern, Action: Respond{Status: 204}, Origin: origin.Origin{Script: "a.lua", Line: 3}}}
	}
	guarded := route("/guarded", "GET")
	guarded.Route.Guards = []Guard{told("inner")}
	guarded.Route.Name, guarded.Route.Priority = "g", 7
	table, err := Build(Spec{
		Default: Tenant{Root: Scope{
			Middleware: []Middleware{told("all")},
			Items: []Item{
				route("/a", "GET", "POST"),
				{Scope: &Scope{Kind: Owner, Pattern: "/admin/", Middleware: []Middleware{told("auth")}, Items: []Item{route("/*")}}},
				{Scope: &Scope{Kind: Layer, Hosts: []string{"b.example"}, Guards: []Guard{told("outer")}, Items: []Item{guarded}}},
			},
		}},
		Tenants: []Tenant{{
			Name: "acme", Hosts: []string{"acme.example"}, PathPrefix: "/acme/", UsePool: "app",
			Origin: origin.Origin{Script: "a.lua", Line: 9}, Root: Scope{Items: []Item{route("/x")}},
			Pools: []pool.Spec{{Name: "app", Config: []byte(`{"upstreams": [{"dial": "127.0.0.1:1"}]}`)}},
		}},
	}, newTestPools(t))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Retire()
	answer := Respond{Status: 204}.Describe()
	at := origin.Origin{Script: "a.lua", Line: 3}
	want := []RouteInfo{
		{Tenant: "acme", Hosts: []string{"acme.example"}, Pattern: "/acme/x", Action: answer, Origin: at},
		{Tenant: "acme", Hosts: []string{"acme.example"}, Pattern: "/acme/*", Action: origin.Origin{Kind: "proxy", Text: "app"}, Origin: origin.Origin{Script: "a.lua", Line: 9}},
		{Methods: []string{"GET", "POST"}, Pattern: "/a", Middleware: says("all"), Action: answer, Origin: at},
		{Pattern: "/admin/*", Middleware: append(says("all"), says("auth")...), Action: answer, Origin: at},
		{
			Hosts: []string{"b.example"}, Methods: []string{"GET"}, Pattern: "/guarded", Name: "g", Priority: 7,
			Guards: append(says("outer"), says("inner")...), Middleware: says("all"), Action: answer, Origin: at,
		},
	}
	got := table.Routes()
	for i := range want {
		if i >= len(got) || !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("the routes are\n%+v; want\n%+v", got, want)
		}
	}
	if tenants, routes, pools := table.Counts(); tenants != 1 || routes != len(want) || pools != 1 || len(got) != len(want) {
		t.Errorf("counted %d tenants, %d routes, %d pools; listed %d routes", tenants, routes, pools, len(got))
	}
	if p := table.Pools(); len(p) != 1 || p[0].Name != "app" || p[0].Tenant != "acme" || p[0].Upstreams[0].Address != "127.0.0.1:1" {
		t.Errorf("the pools are %+v", p)
	}
}

func TestPoolsOfOneNameAreToldApartByTheirPlace(t *testing.T) {
	t.Parallel()
	spec := func(script string, line int, port string) []pool.Spec {
		return []pool.Spec{{Name: "app", Config: []byte(`{"upstreams": [{"dial": "127.0.0.1:` + port + `"}]}`), Origin: origin.Origin{Script: script, Line: line}}}
	}
	table, err := Build(Spec{
		Pools:   spec("pools.app", 0, "1"),
		Default: Tenant{Pools: spec("a.lua", 2, "2")},
		Tenants: []Tenant{
			{Name: "in", Hosts: []string{"in"}, Inside: true, Pools: spec("a.lua", 3, "3")},
			{Name: "out", Hosts: []string{"out"}, Pools: spec("tenants.out.pools.app", 0, "4")},
		},
	}, newTestPools(t))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Retire()
	var got []string
	for _, p := range table.Pools() {
		got = append(got, strings.Join([]string{p.Tenant, p.Name, p.At.String(), p.Hides.String(), p.Upstreams[0].Address}, " "))
	}
	want := []string{
		" app pools.app  127.0.0.1:1",
		" app a.lua:2 pools.app 127.0.0.1:2",
		"in app a.lua:3 a.lua:2 127.0.0.1:3",
		"out app tenants.out.pools.app pools.app 127.0.0.1:4",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestThingsOfOneNameAreComparedAsASet(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		from, to []part
		want     Changes
	}{
		{"nothing", []part{{"a", "1"}, {"b", "1"}}, []part{{"b", "1"}, {"a", "1"}}, Changes{}},
		{"a new one before one of the same name", []part{{"a", "1"}}, []part{{"a", "2"}, {"a", "1"}}, Changes{Added: []string{"a"}}},
		{"one of two is gone", []part{{"a", "1"}, {"a", "2"}}, []part{{"a", "2"}}, Changes{Removed: []string{"a"}}},
		{"twins", []part{{"a", "1"}, {"a", "1"}}, nil, Changes{Removed: []string{"a", "a"}}},
		{
			"all at once",
			[]part{{"a", "1"}, {"b", "1"}, {"c", "1"}},
			[]part{{"d", "1"}, {"b", "2"}, {"c", "1"}},
			Changes{Added: []string{"d"}, Removed: []string{"a"}, Changed: []string{"b"}},
		},
	} {
		if got := compare(row.from, row.to); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
}
