package hook_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func TestWhatAllFunctionsOfARequestLogIsCountedTogether(t *testing.T) {
	t.Parallel()
	const half = `for i = 1, 700 do log.info("m") end`
	for _, row := range []struct{ name, code string }{
		{"a handler and on_done", `route:get("/", function(req, res)
			res:on_done(function() ` + half + ` log.warn("done") end)
			` + half + ` return 204
		end)`},
		{"before and after its virtual machine was given back", `route:on_error(function() ` + half + ` log.warn("done") return 204 end)
			route:use(function() ` + half + ` end)
			route:get("/", route.proxy("none"))`},
		{"what has ended and is revived", `route:get("/", function(req, res)
			res:on_headers(function() ` + half + ` log.warn("done") end)
			` + half + ` while true do end
		end)`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{Pools: map[string]string{"none": `{"upstreams":[{"dial":"127.0.0.1:1"}]}`}}.Serve(t, `local route, log = require("luaroute"), require("log")
`+row.code)
			site.Do(t, "/", "")
			until(t, "all has run", func() bool { return site.VMs.Stats().Idle == site.VMs.Stats().Size })
			if got, want := site.Logs.FilterMessage("m").Len(), vm.MaxLogged/256; got != want {
				t.Errorf("%d lines were logged; want %d", got, want)
			}
			if n := site.Logs.FilterMessage("done").Len(); n != 0 {
				t.Error("a line was logged after others were left out")
			}
		})
	}
}
