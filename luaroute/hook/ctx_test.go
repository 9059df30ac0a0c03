package hook_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestReqCtxLivesOnAfterAnUpstreamHasFailed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, script, want string }{
		{
			"for on_error of the scope",
			"route:use(function(req) req.ctx.who = 'ann' end) route:on_error(function(req) return 502, req.ctx.who end) route:get('/x', 'dead')",
			"502 ann",
		},
		{
			"for the next candidate",
			`route:get('/x', function(req) req.ctx.who = 'ann' return route.proxy('dead', { on_error = 'decline' }) end)
			route:get('/*', function(req) return 200, req.ctx.who end)`,
			"200 ann",
		},
		{
			"with tables that name one another",
			`route:get('/x', function(req)
				local t = { name = 'ann', [1] = 'one', [false] = 2.5 }
				t.self, req.ctx.t, req.ctx.again = t, t, t
				return route.proxy('dead', { on_error = 'decline' })
			end)
			route:get('/*', function(req)
				local t = req.ctx.t
				return 200, t.self.self.name .. t[1] .. t[false] .. tostring(t == req.ctx.again)
			end)`,
			"200 annone2.5true",
		},
		{
			"with a function, as the virtual machine is kept",
			`route:get('/x', function(req) req.ctx.f = function() return 'ann' end return route.proxy('dead', { on_error = 'decline' }) end)
			route:get('/*', function(req) return 200, req.ctx.f() end)`,
			"200 ann",
		},
		{
			"with a metatable, as the virtual machine is kept",
			`route:get('/x', function(req)
				req.ctx.t = setmetatable({}, { __index = function() return 'ann' end })
				return route.proxy('dead', { on_error = 'decline' })
			end)
			route:get('/*', function(req) return 200, req.ctx.t.x end)`,
			"200 ann",
		},
		{
			"with more than is copied, as the virtual machine is kept",
			`route:get('/x', function(req)
				for i = 1, 5000 do req.ctx[i] = i end
				return route.proxy('dead', { on_error = 'decline' })
			end)
			route:get('/*', function(req) return 200, #req.ctx end)`,
			"200 5000",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, head(t)+row.script)
			for range 2 { // the second time with a virtual machine that has served before
				if a := site.Do(t, "/x", ""); a.String() != row.want {
					t.Errorf("got %s, want %s", a, row.want)
				}
			}
		})
	}
}

// What a script keeps of a request's req.ctx is not what the request goes on with, as that is another virtual machine's by then.
func TestAKeptReqCtxIsNotTheOneOfALaterVirtualMachine(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, head(t)+`
		local kept
		route:get('/x', function(req) req.ctx.a = 'first' kept = req.ctx return route.proxy('dead', { on_error = 'decline' }) end)
		route:get('/*', function(req)
			if kept then kept.a = 'changed' end
			return 200, req.ctx.a
		end)`)
	if a := site.Do(t, "/x", ""); a.String() != "200 first" {
		t.Errorf("got %s", a)
	}
}
