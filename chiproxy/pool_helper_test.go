package chiproxy

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

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

var noNext = caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusTeapot)
	return nil
})

// byName are pools by the names that they get.
type byName map[string]*pool.Pool

// scopeOf returns a scope with the pools by name.
func scopeOf(t testing.TB, pools byName) *PoolScope {
	t.Helper()
	s := pool.NewScope(nil)
	for name, p := range pools {
		if err := s.Add(&pool.Named{Pool: p, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	return &PoolScope{Scope: s}
}

// alone is the place of what stands in no table.
type alone struct {
	*Driver
	pools *PoolScope
}

func (alone) Tenant() string       { return "" }
func (alone) Route() *Route        { return nil }
func (alone) Pattern() string      { return "" }
func (alone) At() string           { return "" }
func (alone) Names() []string      { return nil }
func (alone) Matched(int) string   { return "" }
func (alone) Policy() *ErrorPolicy { return &ErrorPolicy{} }
func (alone) Around() error        { return nil }
func (a alone) Pools() *PoolScope  { return a.pools }
func (a alone) Onward() error      { return a.Driver.Onward() }

// exchangeOf returns the exchange of what stands in no table.
func exchangeOf(w http.ResponseWriter, r *http.Request, pools *PoolScope) *Exchange {
	return &driverOf(w, r, pools).Exchange
}

func driverOf(w http.ResponseWriter, r *http.Request, pools *PoolScope) *Driver {
	d := new(Driver)
	d.Begin(w, r, noNext, alone{d, pools}, nil)
	return d
}

// outcome is what came of an action.
type outcome struct {
	*httptest.ResponseRecorder
	verdict Verdict
	err     error
	ex      *Exchange
}

// perform carries out an action on a request, as a table would.
func perform(t testing.TB, a Action, pools *PoolScope, r *http.Request) outcome {
	t.Helper()
	w := httptest.NewRecorder()
	ex := exchangeOf(w, prepared(w, r), pools)
	verdict, err := ex.Perform(a)
	return outcome{w, verdict, err, ex}
}

func get(target string) *http.Request { return httptest.NewRequest(http.MethodGet, target, nil) }

// serve runs an action behind a real server and returns its URL.
func serve(t testing.TB, a Action, pools *PoolScope) string {
	t.Helper()
	bound, err := pools.Bind(a)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ex := exchangeOf(w, prepared(w, r), pools)
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
	named      = testkit.Named
	prepared   = testcaddy.Prepared
)
