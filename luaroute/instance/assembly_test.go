package instance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	_ "github.com/caddyserver/caddy/v2/modules/standard" // scripts name modules of it

	"github.com/luaroute/caddy-luaroute/chiproxy/inventory"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// fleet makes an instance of so many tenants, whose scripts are what code returns. Caddy makes one at a time.
func fleet(t *testing.T, tenants int, isolate bool, code func(i int) string) (*Instance, error) {
	t.Helper()
	ctx := testcaddy.Context(t)
	pools := pool.NewSet(ctx)
	t.Cleanup(pools.Close)
	c := &config.Instance{Name: t.Name(), IsolateFailures: isolate}
	for i := range tenants {
		raw, err := json.Marshal(map[string]string{"source": "inline", "name": fmt.Sprintf("t%d.lua", i), "code": code(i)})
		if err != nil {
			t.Fatal(err)
		}
		c.Tenants = append(c.Tenants, &config.Tenant{
			Name: fmt.Sprintf("t%d", i), Hosts: []string{fmt.Sprintf("t%d.test", i)}, Scripting: config.Scripting{SourcesRaw: []json.RawMessage{raw}},
		})
	}
	i, err := New(ctx, c, Host{Pools: pools, Emit: func(string, map[string]any) {}})
	if err == nil {
		t.Cleanup(i.Retire)
	}
	return i, err
}

func TestWhatTenantsDeclareSideBySideIsPutTogetherInTheirOrder(t *testing.T) {
	const tenants = 40
	i, err := fleet(t, tenants, false, func(i int) string {
		return fmt.Sprintf(`local route = require("luaroute")
			route:pool("own", { "10.0.0.1:%d" })
			route:get("/x", { when = route.matcher("header", { ["X-A"] = { "%d" } }) }, route.handler("static_response", { body = "m" }))
			route:get("/y", { when = function(req) return req:header("X-B") end }, "own")
			route.every(3600, function() end)
			print("loaded")`, 1000+i, i)
	})
	if err != nil {
		t.Fatal(err)
	}
	now := i.State()
	if n := inventory.Count(now.Table); n.Tenants != tenants || n.Routes != 2*tenants || len(now.timers) != tenants {
		t.Errorf("there are %d tenants with %d routes and %d timers", n.Tenants, n.Routes, len(now.timers))
	}
	for n, name := range now.Scripts {
		if want := fmt.Sprintf("t%d.lua", n); name != want || now.contents[n].tenant != fmt.Sprintf("t%d", n) {
			t.Errorf("script %d is %s of tenant %s", n, name, now.contents[n].tenant)
		}
	}
}

func TestOfManyFailuresTheFirstOfTheConfigurationIsReported(t *testing.T) {
	_, err := fleet(t, 30, false, func(i int) string {
		if i < 7 {
			return `require("luaroute"):get("/", { status = 204 })`
		}
		return fmt.Sprintf(`for i = 1, %d do end error("broken")`, 1000*(30-i))
	})
	if err == nil || !strings.Contains(err.Error(), "t7.lua:1: broken") {
		t.Errorf("got %v", err)
	}
}

func TestTimersOfATenantThatIsLeftOutDoNotRun(t *testing.T) {
	i, err := fleet(t, 6, true, func(i int) string {
		target := `{ status = 204 }`
		if i%2 == 1 {
			target = `"nowhere"` // which is found when the table is built
		}
		return `local route = require("luaroute") route.every(3600, function() end) route:get("/", ` + target + `)`
	})
	if err != nil {
		t.Fatal(err)
	}
	if now := i.State(); len(now.timers) != 3 || len(now.LeftOut) != 3 || now.LeftOut["t1"] == nil {
		t.Errorf("%d timers are there, and %v are left out", len(now.timers), now.LeftOut)
	}
}
