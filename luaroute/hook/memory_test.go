package hook_test

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestWhatARequestHoldsInGoCountsAsMemoryOfItsVM(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body string }{
		{"req.ctx", `for i = 1, 1e9 do req.ctx[i] = ("x"):rep(1e5) .. i end`},
		{"functions for the end", `for i = 1, 1e9 do local s = ("x"):rep(1e5) .. i res:on_done(function() return s end) end`},
		{"functions for the header", `for i = 1, 1e9 do local s = ("x"):rep(1e5) .. i res:on_headers(function() return s end) end`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			limits := config.Limits{CPU: caddy.Duration(time.Minute), Memory: 8 << 20}
			site := luatest.Setup{Limits: limits}.Serve(t, `
				local route = require("luaroute")
				route:get("/", function(req, res) `+test.body+` end)
				route:get("/fine", { status = 204 })`)
			if got := site.Do(t, "GET /", ""); got.Status != 503 {
				t.Errorf("got %v, want 503", got)
			}
			if got := site.Do(t, "GET /fine", ""); got.Status != 204 {
				t.Errorf("afterwards: got %v", got)
			}
		})
	}
}
