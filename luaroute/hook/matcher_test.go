package hook_test

import (
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// older is a matcher as they were before matchers had errors.
type older struct {
	Method string `json:"method"`
}

func init() { caddy.RegisterModule(older{}) }

// CaddyModule returns the Caddy module information.
func (older) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.matchers.older", New: func() caddy.Module { return new(older) }}
}

// Match compares the method.
func (m older) Match(r *http.Request) bool { return r.Method == m.Method }

func TestAMatcherOfCaddyIsAGuard(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, matcher, want string }{
		{"a list", "route.matcher('method', { 'GET' })", "200 matched"},
		{"one that does not match", "route.matcher('method', { 'POST' })", "418 next"},
		{"an object", "route.matcher('header', { ['X-A'] = { 'b' } })", "200 matched"},
		{"an address", "route.matcher('remote_ip', { ranges = { '127.0.0.0/8' } })", "200 matched"},
		{"one of the older kind", "route.matcher('older', { method = 'GET' })", "200 matched"},
		{"one of the older kind that does not match", "route.matcher('older', { method = 'PUT' })", "418 next"},
		{"an expression", "route.matcher('expression', \"{http.request.method} == 'GET'\")", "200 matched"},
		{"an expression with a short placeholder, as in a Caddyfile", "route.matcher('expression', \"{method} == 'GET' && {path} == '/x'\")", "200 matched"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, "local route = require('luaroute') route:get('/x', { when = "+row.matcher+" }, { body = 'matched' })")
			if a := site.Do(t, "/x", "", "X-A: b"); a.String() != row.want {
				t.Errorf("got %s, want %s: %s", a, row.want, lastError(site))
			}
		})
	}
}
