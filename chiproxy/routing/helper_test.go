package routing

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var (
	dials      = testkit.Dials
	named      = testkit.Named
	prepared   = testcaddy.Prepared
	upstreamAt = testkit.Upstream
)

// newTestPools returns pools that end with the test.
func newTestPools(t testing.TB) *pool.Set {
	t.Helper()
	p := pool.NewSet(testcaddy.Context(t))
	t.Cleanup(p.Close)
	return p
}

// moduleFunc is a handler of Caddy's.
type moduleFunc func(http.ResponseWriter, *http.Request, caddyhttp.Handler) error

func (f moduleFunc) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return f(w, r, next)
}

func get(target string) *http.Request { return httptest.NewRequest(http.MethodGet, target, nil) }

var noNext = caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusTeapot)
	return nil
})
