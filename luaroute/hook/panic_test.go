package hook_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func TestAPanicOfGoCodeIsLoggedWithItsPlaceAndLeftToThePolicy(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, script, want, failed string }{
		{"a handler", "route:get('/x', function()\nfail.panic() end)", "500", "main.lua:3: panic: secret of Go"},
		{"a guard that fails open", "route:get('/x', { when = function()\nfail.panic() end, on_error = 'open' }, { status = 200, body = 'open' })", "200 open", "main.lua:3: panic: secret of Go"},
		{"a handler that declines", "route:get('/x', { on_error = 'decline' }, function()\n\nreturn fail.panic() end)", "418 next", "main.lua:4: panic: secret of Go"},
		{"a scope's own answer", "route:on_error(function() return 503, 'mine' end) route:get('/x', function()\npcall(fail.panic) end)", "503 mine", "main.lua:3: panic: secret of Go"},
		{"a wrapper", "route:with(function(req, res, next)\nfail.panic() next() end):get('/x', { status = 204 })", "500", "main.lua:3: panic: secret of Go"},
		{"on_done", "route:get('/x', function(req, res) res:on_done(function()\nfail.panic() end) return 200, 'fine' end)", "200 fine", "main.lua:3: panic: secret of Go"},
		{"on_done that aborts", "route:get('/x', function(req, res) res:on_done(function()\nfail.abort() end) return 200, 'fine' end)", "200 fine", "main.lua:2: panic: net/http: abort Handler"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{
				Libraries: map[string]vm.Library{"fail": failing{}}, Limits: config.Limits{VMs: 1, Queue: caddy.Duration(time.Minute)},
			}.Serve(t, "local route, fail = require('luaroute'), require('fail')\n"+row.script)
			for range 2 {
				if a := site.Do(t, "/x", ""); a.String() != row.want {
					t.Errorf("got %s, want %s", a, row.want)
				}
			}
			var logged string
			until(t, fmt.Sprintf("%s is logged twice", row.failed), func() bool {
				n := 0
				for _, entry := range site.Logs.FilterMessage("script failed").All() {
					fields := entry.ContextMap()
					if logged = fmt.Sprint(fields["error"]); strings.HasPrefix(logged, row.failed) {
						n++
					}
				}
				return n == 2
			})
		})
	}
}
