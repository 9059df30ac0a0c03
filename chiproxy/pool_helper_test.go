package chiproxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// poolsTestContext returns the context of a running configuration.
func poolsTestContext(t testing.TB) caddy.Context {
	t.Helper()
	return testcaddy.Context(t)
}

// newTestPools returns pools that end with the test.
func newTestPools(t testing.TB) *Pools {
	t.Helper()
	p := NewPools(poolsTestContext(t))
	t.Cleanup(p.Close)
	return p
}

// mustAcquire returns the pool of a configuration.
func mustAcquire(t testing.TB, p *Pools, config string) *Pool {
	t.Helper()
	pool, err := p.acquire(PoolSpec{Name: "p", Config: json.RawMessage(config)})
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

// origin starts an upstream and returns its address.
func upstreamAt(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// named starts an upstream that answers its name.
func named(t testing.TB, name string) string {
	return upstreamAt(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
}

// dials writes the configuration of a pool of addresses, with more fields behind them.
func dials(more string, addresses ...string) string {
	var ups []string
	for _, a := range addresses {
		ups = append(ups, fmt.Sprintf(`{"dial":%q}`, a))
	}
	config := `{"upstreams":[` + strings.Join(ups, ",") + `]`
	if more != "" {
		config += "," + more
	}
	return config + "}"
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

// scopeOf returns a scope with the pools by name.
func scopeOf(t testing.TB, pools map[string]*Pool) *poolScope {
	t.Helper()
	s := newPoolScope(nil)
	for name, p := range pools {
		if err := s.add(&namedPool{Pool: p, name: name}); err != nil {
			t.Fatal(err)
		}
	}
	return s
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
	ex := &Exchange{W: w, R: prepared(w, r), Next: noNext, pools: pools}
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
		ex := &Exchange{W: w, R: prepared(w, r), Next: noNext, pools: pools}
		if _, err := bound.Do(ex); err != nil {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// eventually waits for a condition.
var eventually = testkit.Until
