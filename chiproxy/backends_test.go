package chiproxy

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

func TestBackendsAreThePoolsOfATenantInTheirOrder(t *testing.T) {
	t.Parallel()
	pools := newTestPools(t)
	spec := func(name, config string) pool.Spec { return pool.Spec{Name: name, Config: json.RawMessage(config)} }
	plain := `{"upstreams": [{"dial": "10.0.0.1:80"}, {"dial": "10.0.0.2:80"}]}`
	table, err := Build(Spec{
		Pools:   []pool.Spec{spec("global", plain), spec("hidden", plain)},
		Default: Tenant{Pools: []pool.Spec{spec("default", plain), spec("hidden", `{"upstreams": [{"dial": "10.0.0.3:80"}]}`)}},
		Tenants: []Tenant{
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
	for _, tn := range append([]*tenant{table.base}, table.tenants...) {
		got[tn.name] = stateOf(tn.pools.backends())
	}
	backend := func(name, url string) Backend { return Backend{Name: name, URL: url, Healthy: true} }
	checked := backend("checked", "http://127.0.0.1:1")
	checked.HealthURI, checked.HealthInterval = "/up?x=1", time.Hour
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
			got[name][4].Healthy = true
		}
		if !slices.Equal(got[name], want) {
			t.Errorf("tenant %q has %+v; want %+v", name, got[name], want)
		}
	}
}

func TestServicesAreTheUpstreamsOfATenant(t *testing.T) {
	t.Parallel()
	spec := func(name, config string) pool.Spec { return pool.Spec{Name: name, Config: json.RawMessage(config)} }
	table, err := Build(Spec{Default: Tenant{Pools: []pool.Spec{
		spec("two", `{"upstreams": [{"dial": "10.0.0.1:80"}, {"dial": "10.0.0.2:80"}], "rewrite": {"path_regexp": [{"find": "^", "replace": "/v1"}]}}`),
		spec("dynamic", `{"dynamic_upstreams": {"source": "a", "name": "app.invalid", "port": "80"}}`),
		spec("one", `{"upstreams": [{"dial": "10.0.0.3:80"}]}`),
	}}}, newTestPools(t))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Retire()
	want := []Backend{
		{Name: "two", URL: "http://10.0.0.1:80/v1", Healthy: true},
		{Name: "two", URL: "http://10.0.0.2:80/v1", Healthy: true},
		{Name: "dynamic", Healthy: true},
		{Name: "one", URL: "http://10.0.0.3:80", Healthy: true},
	}
	if got := table.TenantStates()[0].Services; !slices.Equal(got, want) {
		t.Errorf("got %+v; want %+v", got, want)
	}
}

func TestABackendIsHealthyWhileAnyUpstreamIs(t *testing.T) {
	t.Parallel()
	up := named(t, "up")
	for _, row := range []struct {
		upstreams []string
		healthy   bool
	}{
		{[]string{up, ports.Dead(t)}, true},
		{[]string{ports.Dead(t)}, false},
	} {
		pool := mustAcquire(t, newTestPools(t), dials(`"health_checks": {"active": {"uri": "/", "interval": "5ms"}}`, row.upstreams...))
		scope := scopeOf(t, byName{"app": pool})
		eventually(t, "the checks have run", func() bool { return stateOf(scope.backends())[0].Healthy == row.healthy })
	}
}
