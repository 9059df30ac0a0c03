package legacy

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestBackendsAreThePoolsOfATenantInTheirOrder(t *testing.T) {
	t.Parallel()
	pools := newTestPools(t)
	spec := func(name, config string) pool.Spec { return pool.Spec{Name: name, Config: json.RawMessage(config)} }
	plain := `{"upstreams": [{"dial": "10.0.0.1:80"}, {"dial": "10.0.0.2:80"}]}`
	table, err := routing.Build(chiproxy.Spec{
		Pools:   []pool.Spec{spec("global", plain), spec("hidden", plain)},
		Default: chiproxy.Tenant{Pools: []pool.Spec{spec("default", plain), spec("hidden", `{"upstreams": [{"dial": "10.0.0.3:80"}]}`)}},
		Tenants: []chiproxy.Tenant{
			{Name: "bare", Hosts: []string{"bare"}},
			{Name: "inside", Hosts: []string{"inside"}, Inside: true},
			{Name: "owns", Hosts: []string{"owns"}, Inside: true, Pools: []pool.Spec{spec("hidden", `{"upstreams": [{"dial": "10.0.0.3:80"}]}`)}},
			{Name: "own", Hosts: []string{"own"}, Pools: []pool.Spec{
				spec("tls", `{"upstreams": [{"dial": "[::1]:8443"}], "transport": {"protocol": "http", "tls": {}},
					"rewrite": {"path_regexp": [{"find": "^", "replace": "/a$$b"}]}}`),
				spec("other rewrite", `{"upstreams": [{"dial": "10.0.0.1:80"}], "rewrite": {"path_regexp": [{"find": "/", "replace": "/x"}]}}`),
				spec("socket", `{"upstreams": [{"dial": "unix//run/app.sock"}]}`),
				spec("dynamic", `{"dynamic_upstreams": {"source": "a", "name": "app.invalid", "port": "80"}}`),
				spec("checked", `{"upstreams": [{"dial": "127.0.0.1:1"}], "health_checks": {"active": {"uri": "/up?x=1", "interval": "1h"}}}`),
			}},
		},
	}, pools)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Retire()
	got := map[string][]Backend{}
	for _, tn := range table.Tenants() {
		got[tn.Spec.Name] = backendsOf(servicesIn(tn.Pools))
	}
	backend := func(name, url string) Backend { return Backend{Name: name, URL: url, Health: true} }
	checked := backend("checked", "http://127.0.0.1:1")
	if own, _ := table.Tenant("own"); servicesIn(own.Pools)[4].healthURI != "/up?x=1" || servicesIn(own.Pools)[4].healthInterval != time.Hour {
		t.Errorf("the health check is another one: %+v", servicesIn(own.Pools)[4])
	}
	global, ours := backend("global", "http://10.0.0.1:80"), backend("default", "http://10.0.0.1:80")
	outer, inner := backend("hidden", "http://10.0.0.1:80"), backend("hidden", "http://10.0.0.3:80")
	for name, want := range map[string][]Backend{
		"":       {global, ours, inner},
		"bare":   {global, outer},
		"inside": {global, ours, inner},
		"owns":   {inner},
		"own": {
			backend("tls", "https://[::1]:8443/a$b"), backend("other rewrite", "http://10.0.0.1:80"),
			backend("socket", "unix//run/app.sock"), backend("dynamic", ""), checked,
		},
	} {
		if name == "own" { // the first check may be over already
			got[name][4].Health = true
		}
		if !slices.Equal(got[name], want) {
			t.Errorf("tenant %q has %+v; want %+v", name, got[name], want)
		}
	}
}

func TestServicesAreTheUpstreamsOfATenant(t *testing.T) {
	t.Parallel()
	spec := func(name, config string) pool.Spec { return pool.Spec{Name: name, Config: json.RawMessage(config)} }
	table, err := routing.Build(chiproxy.Spec{Default: chiproxy.Tenant{Pools: []pool.Spec{
		spec("two", `{"upstreams": [{"dial": "10.0.0.1:80"}, {"dial": "10.0.0.2:80"}], "rewrite": {"path_regexp": [{"find": "^", "replace": "/v1"}]}}`),
		spec("dynamic", `{"dynamic_upstreams": {"source": "a", "name": "app.invalid", "port": "80"}}`),
		spec("one", `{"upstreams": [{"dial": "10.0.0.3:80"}]}`),
	}}}, newTestPools(t))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Retire()
	want := []Backend{
		{Name: "two", URL: "http://10.0.0.1:80/v1", Health: true},
		{Name: "two", URL: "http://10.0.0.2:80/v1", Health: true},
		{Name: "dynamic", Health: true},
		{Name: "one", URL: "http://10.0.0.3:80", Health: true},
	}
	var got []Backend
	for _, s := range upstreamsIn(table.Tenants()[0].Pools) {
		got = append(got, s.Backend)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v; want %+v", got, want)
	}
}

func TestABackendIsHealthyWhileAnyUpstreamIs(t *testing.T) {
	t.Parallel()
	up := testkit.Upstream(t, func(w http.ResponseWriter, _ *http.Request) {})
	for _, row := range []struct {
		upstreams []string
		healthy   bool
	}{
		{[]string{up, ports.Dead(t)}, true},
		{[]string{ports.Dead(t)}, false},
	} {
		p, err := newTestPools(t).Acquire(pool.Spec{Config: json.RawMessage(testkit.Dials(`"health_checks": {"active": {"uri": "/", "interval": "5ms"}}`, row.upstreams...))})
		if err != nil {
			t.Fatal(err)
		}
		testkit.Until(t, "the checks have run", func() bool { return isHealthy(p) == row.healthy })
	}
}

// newTestPools returns pools that end with the test.
func newTestPools(t testing.TB) *pool.Set {
	t.Helper()
	p := pool.NewSet(testcaddy.Context(t))
	t.Cleanup(p.Close)
	return p
}
