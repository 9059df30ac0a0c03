package inventory

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
)

// told is a guard, middleware and action that only says its name.
type told string

func (n told) Allow(*chiproxy.Exchange) (bool, error)          { return true, nil }
func (n told) Do(*chiproxy.Exchange) (chiproxy.Verdict, error) { return chiproxy.Done, nil }
func (n told) Traits() chiproxy.Traits                         { return chiproxy.Traits{Declines: true, Changes: true} }

func (n told) Describe() origin.Origin { return origin.Origin{Kind: "function", Text: string(n)} }

func (n told) Handle(_ *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	return next()
}

func says(text string) []Part { return []Part{{Kind: "function", Text: text}} }

func TestRoutesAreListedWithAllThatIsAroundThem(t *testing.T) {
	t.Parallel()
	route := func(pattern string, methods ...string) chiproxy.Item {
		return chiproxy.Item{Route: &chiproxy.Route{Methods: methods, Pattern: pattern, Action: static.Respond{Status: 204}, Origin: origin.Origin{Script: "a.lua", Line: 3}}}
	}
	guarded := route("/guarded", "GET")
	guarded.Route.Guards = []chiproxy.Guard{told("inner")}
	guarded.Route.Name, guarded.Route.Priority = "g", 7
	table, err := routing.Build(chiproxy.Spec{
		Default: chiproxy.Tenant{Root: chiproxy.Scope{
			Middleware: []chiproxy.Middleware{told("all")},
			Items: []chiproxy.Item{
				route("/a", "GET", "POST"),
				{Scope: &chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/admin/", Middleware: []chiproxy.Middleware{told("auth")}, Items: []chiproxy.Item{route("/*")}}},
				{Scope: &chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"b.example"}, Guards: []chiproxy.Guard{told("outer")}, Items: []chiproxy.Item{guarded}}},
			},
		}},
		Tenants: []chiproxy.Tenant{{
			Name: "acme", Hosts: []string{"acme.example"}, PathPrefix: "/acme/", UsePool: "app",
			Origin: origin.Origin{Script: "a.lua", Line: 9}, Root: chiproxy.Scope{Items: []chiproxy.Item{route("/x")}},
			Pools: []pool.Spec{{Name: "app", Config: []byte(`{"upstreams": [{"dial": "127.0.0.1:1"}]}`)}},
		}},
	}, newTestPools(t))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Retire()
	answer := partOf(static.Respond{Status: 204}.Describe())
	const at = "a.lua:3"
	want := []Route{
		{Tenant: "acme", Hosts: []string{"acme.example"}, Pattern: "/acme/x", Action: answer, At: at},
		{Tenant: "acme", Hosts: []string{"acme.example"}, Pattern: "/acme/*", Action: Part{Kind: "proxy", Text: "app"}, At: "a.lua:9"},
		{Methods: []string{"GET", "POST"}, Pattern: "/a", Middleware: says("all"), Action: answer, At: at},
		{Pattern: "/admin/*", Middleware: append(says("all"), says("auth")...), Action: answer, At: at},
		{
			Hosts: []string{"b.example"}, Methods: []string{"GET"}, Pattern: "/guarded", Name: "g", Priority: 7,
			Guards: append(says("outer"), says("inner")...), Middleware: says("all"), Action: answer, At: at,
		},
	}
	got := Routes(table)
	for i := range want {
		if i >= len(got) || !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("the routes are\n%+v; want\n%+v", got, want)
		}
	}
	if n := Count(table); n.Tenants != 1 || n.Routes != len(want) || n.Pools != 1 || len(got) != len(want) {
		t.Errorf("counted %+v; listed %d routes", n, len(got))
	}
	if p := Pools(table); len(p) != 1 || p[0].Name != "app" || p[0].Tenant != "acme" || p[0].Upstreams[0].Address != "127.0.0.1:1" {
		t.Errorf("the pools are %+v", p)
	}
}

func TestPoolsOfOneNameAreToldApartByTheirPlace(t *testing.T) {
	t.Parallel()
	spec := func(script string, line int, port string) []pool.Spec {
		return []pool.Spec{{Name: "app", Config: []byte(`{"upstreams": [{"dial": "127.0.0.1:` + port + `"}]}`), Origin: origin.Origin{Script: script, Line: line}}}
	}
	table, err := routing.Build(chiproxy.Spec{
		Pools:   spec("pools.app", 0, "1"),
		Default: chiproxy.Tenant{Pools: spec("a.lua", 2, "2")},
		Tenants: []chiproxy.Tenant{
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
		hides := ""
		if p.Hides != nil {
			hides = p.Hides.At.String()
		}
		got = append(got, strings.Join([]string{p.Tenant, p.Name, p.At.String(), hides, p.Upstreams()[0].Address}, " "))
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
		from, to []thing
		want     Changes
	}{
		{"nothing", []thing{{"a", "1"}, {"b", "1"}}, []thing{{"b", "1"}, {"a", "1"}}, Changes{}},
		{"a new one before one of the same name", []thing{{"a", "1"}}, []thing{{"a", "2"}, {"a", "1"}}, Changes{Added: []string{"a"}}},
		{"one of two is gone", []thing{{"a", "1"}, {"a", "2"}}, []thing{{"a", "2"}}, Changes{Removed: []string{"a"}}},
		{"twins", []thing{{"a", "1"}, {"a", "1"}}, nil, Changes{Removed: []string{"a", "a"}}},
		{
			"all at once",
			[]thing{{"a", "1"}, {"b", "1"}, {"c", "1"}},
			[]thing{{"d", "1"}, {"b", "2"}, {"c", "1"}},
			Changes{Added: []string{"d"}, Removed: []string{"a"}, Changed: []string{"b"}},
		},
	} {
		if got := compare(row.from, row.to); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
}

// newTestPools returns pools that end with the test.
func newTestPools(t testing.TB) *pool.Set {
	t.Helper()
	p := pool.NewSet(testcaddy.Context(t))
	t.Cleanup(p.Close)
	return p
}

func TestTheJSONOfChangesCountsAllAndNamesTheFirst(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(Changes{Added: slices.Repeat([]string{"a"}, maxNames+1), Removed: []string{"b"}})
	want := `{"added":101,"removed":1,"changed":0,"added_names":[` + strings.Repeat(`"a",`, maxNames-1) + `"a"],"removed_names":["b"]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}
