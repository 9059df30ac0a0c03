package chiproxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// newTestPools returns pools that end with the test.
func newTestPools(t testing.TB) *pool.Set {
	t.Helper()
	p := pool.NewSet(testcaddy.Context(t))
	t.Cleanup(p.Close)
	return p
}

// mustAcquire returns the pool of a configuration.
func mustAcquire(t testing.TB, s *pool.Set, config string) *pool.Pool {
	t.Helper()
	p, err := s.Acquire(pool.Spec{Name: "p", Config: json.RawMessage(config)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// named starts an upstream that answers its name.
func named(t testing.TB, name string) string {
	return upstreamAt(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
}

var noNext = caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusTeapot)
	return nil
})

// prepared gives a request what Caddy's server gives it.
func prepared(w http.ResponseWriter, r *http.Request) *http.Request {
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "127.0.0.1")
	caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, false)
	return r
}

// byName are pools by the names that they get.
type byName map[string]*pool.Pool

// scopeOf returns a scope with the pools by name.
func scopeOf(t testing.TB, pools byName) *poolScope {
	t.Helper()
	s := pool.NewScope(nil)
	for name, p := range pools {
		if err := s.Add(&pool.Named{Pool: p, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	return &poolScope{Scope: s}
}

// outcome is what came of an action.
type outcome struct {
	*httptest.ResponseRecorder
	verdict Verdict
	err     error
	ex      *Exchange
}

// perform carries out an action on a request, as a table would.
func perform(t testing.TB, a Action, pools *poolScope, r *http.Request) outcome {
	t.Helper()
	w := httptest.NewRecorder()
	ex := &Exchange{performer: actual{}, W: w, R: prepared(w, r), Next: noNext, pools: pools}
	verdict, err := ex.Perform(a)
	return outcome{w, verdict, err, ex}
}

func get(target string) *http.Request { return httptest.NewRequest(http.MethodGet, target, nil) }

// serve runs an action behind a real server and returns its URL.
func serve(t testing.TB, a Action, pools *poolScope) string {
	t.Helper()
	bound, err := bind(a, pools)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ex := &Exchange{performer: actual{}, W: w, R: prepared(w, r), Next: noNext, pools: pools}
		if _, err := bound.Do(ex); err != nil {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

var (
	dials      = testkit.Dials
	errText    = testkit.ErrText
	upstreamAt = testkit.Upstream
)
