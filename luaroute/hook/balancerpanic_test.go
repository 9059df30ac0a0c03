package hook_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// A panic of Go in a function of a pool is an error of the function, the only virtual machine serves on, and clients see nothing of it.
func TestAPanicOfGoCodeInAFunctionOfAPoolIsAnErrorOfIt(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, options, open, closed string }{
		{"select", "select = function(req, up) fail.panic() end", "200 GET 200", "500"},
		{"select, from a helper that it has made", "select = function(req, up) fail.make()(up) end", "200 GET 200", "500"},
		{"select that takes it for a failure of its own", "select = function(req, up) pcall(fail.panic) return false end", "200 GET 200", "500"},
		{"upstreams", "upstreams = function(req) fail.panic() end", "200 GET 200", "500"},
		{"retry", "select = function(req, up) return up:least('index') end, retries = 1, retry = function(req, try) fail.panic() end", "503 GET 503", "500"},
	} {
		for mode, want := range map[string]string{"open": row.open, "closed": row.closed} {
			t.Run(row.name+" "+mode, func(t *testing.T) {
				t.Parallel()
				var bad, good atomic.Int32
				addresses := []string{answering(t, 200, &good)}
				if row.name == "retry" {
					addresses = []string{answering(t, 503, &bad), addresses[0]}
				}
				site := luatest.Setup{Libraries: map[string]vm.Library{"fail": failing{}}, Limits: config.Limits{VMs: 1}}.Serve(t, fmt.Sprintf(`
					local route, fail = require("luaroute"), require("fail")
					route:pool("api", { "%s", on_error = %q, %s })
					route:get("/*", "api")`, strings.Join(addresses, `", "`), mode, row.options))
				for range 3 {
					if a := site.Do(t, "/", ""); a.String() != want {
						t.Errorf("got %s, want %s", a, want)
					}
				}
				if n := site.Logs.FilterMessage("script failed").Len(); n != 3 {
					t.Errorf("%d failures are logged: %v", n, site.Logs.All())
				}
				if s := site.VMs.Stats(); s.Size != s.Idle {
					t.Errorf("virtual machines are missing: %+v", s)
				}
			})
		}
	}
}
