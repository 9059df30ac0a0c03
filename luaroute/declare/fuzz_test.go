package declare_test

import (
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// FuzzAnyScriptLoadsOrIsRefused runs scripts through the whole load: parser, builder, declarations, table. The budget of a load
// bounds each.
func FuzzAnyScriptLoadsOrIsRefused(f *testing.F) {
	for _, seed := range []string{
		"", "\x1bLua", "route:get('/x', 'p')", "route:any('/{a}/{b:[0-9]+}/*', function(req, res, ...) end)",
		"route:use(function(req, res, next) next() end) route:route('/a', function(r) r:get('/', { body = 'b' }) end)",
		"route:pool('q', { '10.0.0.1:80', '{', lb_policy = '}', transport = { protocol = 'http' } })",
		"route:tenant('t', { hosts = { '*.é.example', '[::1]' }, path_prefix = '/%2F' }, function(r) r:host({ 'a' }, function() end) end)",
		"local a, b = route.new(), route.new() a:mount('/', b) b:mount('/', a) route:mount('/', a)",
		"route:get('/', { when = { header = { A = true, B = { 'c' } }, function() end }, meta = { a = {} }, priority = 1e9 }, route.proxy('p', { query = { a = 1 } }))",
		"for i = 1, 1e9 do route:get('/' .. i, 'p') end", "local t = {} t[1] = t route:when(t, print)", "return require(...)(...)",
		"route:get('/', route.matcher('expression', 'true'))", "route:expect({ path = '/' }, { next = true })", "setmetatable(route, {})",
	} {
		f.Add("local route = require('luaroute') route:pool('p', '10.0.0.1:80') " + seed)
	}
	s := luatest.Setup{LoadLimits: vm.Limits{CPU: 100 * time.Millisecond}}
	f.Fuzz(func(t *testing.T, script string) {
		table, err := s.Load(t, script)
		if (table == nil) == (err == nil) {
			t.Errorf("the table is %v, the error %v", table, err)
		}
		if err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
	})
}
