package hook_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// TestGuardsThatAreDataLookAtNoMoreThanTheirTenantMay has guards that no index can find, with requests that make them look at much. Small
// requests are answered whatever there is.
func TestGuardsThatAreDataLookAtNoMoreThanTheirTenantMay(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a=b&", 50_000)
	cookies := "Cookie: " + strings.TrimSuffix(strings.Repeat("a=b; ", 50_000), "; ")
	routes := func(guard string) string {
		return fmt.Sprintf(`for i = 1, 2000 do route:get("/", { when = { header = { ["X-A"] = true }, %s } }, { body = "x" }) end`, guard)
	}
	for name, row := range map[string]struct{ guards, path, header string }{
		"a query":          {routes(`query = { ["n" .. i] = "x" }`), "/?" + long, ""},
		"cookies":          {routes(`cookie = { ["n" .. i] = "x" }`), "/", cookies},
		"what must not be": {routes(`["not"] = { any = { { query = { ["n" .. i] = "x" } }, { query = { a = "b" } } } }`), "/?" + long, ""},
		"many in one": {`local all = {} for i = 1, 2000 do all[i] = { query = { ["n" .. i] = "x" } } end
			route:get("/", { when = { any = all } }, { body = "x" })`, "/?" + long, ""},
		"many values": {`local all = {} for i = 1, 10000 do all[i] = "v" .. i end
			route:get("/", { when = { header = { ["X-A"] = true }, query = { a = all } } }, { body = "x" })`, "/?" + long, ""},
		"guards of a layer": {`local all = {} for i = 1, 2000 do all[i] = { query = { ["n" .. i] = "x" } } end
			route:when({ ["not"] = { any = all } }, function(r) r:get("/", { body = "x" }) end)`, "/?" + long, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := `local route = require("luaroute") ` + row.guards + ` route:get("/", { body = "rest" })`
			header := row.header
			if header == "" {
				header = "X-B: 1"
			}
			setup := luatest.Setup{Allow: &config.Allow{}, Limits: config.Limits{CPU: caddy.Duration(5 * time.Millisecond), Queue: caddy.Duration(time.Minute)}}
			site := setup.Serve(t, script)
			if a := site.Do(t, "/", "", "X-A: 1"); a.Status != 200 {
				t.Errorf("a small one: got %s: %s", a, lastError(site))
			}
			a := site.Do(t, row.path, "", "X-A: 1", header)
			if says := lastError(site); a.Status != 503 || !strings.Contains(says, "it would look at") && !strings.Contains(says, "the modules of Caddy's ran for more") {
				t.Errorf("got %s, want 503: %s", a, says)
			}
			setup.Allow = nil // trusted
			if a := setup.Serve(t, script).Do(t, row.path, "", "X-A: 1", header); a.Status != 200 {
				t.Errorf("of a trusted tenant: got %s", a)
			}
		})
	}
}
