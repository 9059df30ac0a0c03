package routing

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// modelCase is a random specification and how the table and the model see it.
type modelCase struct {
	seed    uint64
	maker   *specMaker
	world   *world
	spec    chiproxy.Spec
	table   *Table
	base    *refTenant
	tenants []*refTenant
}

// newModelCase returns nil when the specification is refused.
func newModelCase(seed uint64) *modelCase {
	c := &modelCase{seed: seed}
	c.maker = &specMaker{rng: testkit.Seeded(seed, 7), world: &c.world}
	c.spec = c.maker.spec()
	var err error
	if c.table, err = Build(c.spec, pool.NewSet(caddy.Context{})); err != nil {
		return nil
	}
	c.base = newRefTenant(&c.spec.Default)
	for i := range c.spec.Tenants {
		c.tenants = append(c.tenants, newRefTenant(&c.spec.Tenants[i]))
	}
	return c
}

// request returns a random request, and the seed of the world that it meets.
func (c *modelCase) request() (*http.Request, uint64) {
	rng := c.maker.rng
	method := pick(rng, "GET", "GET", "GET", "HEAD", "POST", "PURGE", "CONNECT")
	host := pick(rng, "x.example", "y.example", "z.test", "other.org")
	r := httptest.NewRequest(http.MethodGet, c.maker.path(), nil)
	r.Method, r.Host = method, host
	for _, name := range []string{"X-T", "X-U"} {
		if rng.IntN(2) == 0 {
			r.Header.Set(name, pick(rng, "1", "2", "3"))
		}
	}
	return r, rng.Uint64()
}

// compare sends one random request to the table and to the model.
func (c *modelCase) compare(t testing.TB) {
	r, seed := c.request()
	r = r.WithContext(context.WithValue(t.Context(), caddyhttp.VarsCtxKey, map[string]any{}))
	method, host, target := r.Method, r.Host, r.RequestURI

	model := &refRun{
		spec: &c.spec, host: host, method: method, allow: map[string]bool{},
		world: &world{seed: seed, header: r.Header.Clone()},
		path:  target,
	}
	want := model.serve(c.base, c.tenants)

	c.world = &world{seed: seed}
	w := httptest.NewRecorder()
	got := "done"
	err := c.table.Serve(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		got = "next"
		if model.handedOn {
			return nil // with what middleware has changed
		}
		if r.Method != method || r.URL.Path == "/spoiled" || r.Header.Get("X-Spoiled") != "" {
			t.Errorf("what declined has left its changes: %s %s %v", r.Method, r.URL, r.Header)
		}
		if w.Header().Get("X-Spoiled") != "" {
			t.Error("what declined has left its response header")
		}
		return nil
	}))
	if err != nil {
		he := err.(caddyhttp.HandlerError)
		got = http.StatusText(he.StatusCode)
		switch he.StatusCode {
		case http.StatusNotFound:
			got = "404"
		case http.StatusMethodNotAllowed:
			got = "405 " + w.Header().Get("Allow")
		}
	}
	if got != want || !slices.Equal(c.world.log, model.world.log) {
		t.Fatalf("specification %d: %s %s%s (%v), mismatch %d\n model %s %q\n table %s %q\n default %s", c.seed, method, host, target, r.Header,
			c.spec.MethodMismatch, want, model.world.log, got, c.world.log, dumpSpec(&c.spec))
	}
}

// TestTheTableDoesWhatTheModelSays compares random specifications and requests with the model: each guard, middleware
// and action that was asked, in order, and what became of the request.
func TestTheTableDoesWhatTheModelSays(t *testing.T) {
	t.Parallel()
	specs, requests := 16000, 25
	if testing.Short() {
		specs = 500
	}
	built, lookups := 0, 0
	for seed := range specs {
		c := newModelCase(uint64(seed))
		if c == nil {
			continue
		}
		built++
		for range requests {
			c.compare(t)
			lookups++
		}
	}
	if built < specs/5 {
		t.Errorf("only %d of %d specifications were built", built, specs)
	}
	if !testing.Short() && lookups < 100_000 {
		t.Errorf("only %d lookups", lookups)
	}
	t.Logf("%d specifications, %d lookups", built, lookups)
}

// FuzzTheTableDoesWhatTheModelSays is the same with the fuzzer's choice of specifications.
func FuzzTheTableDoesWhatTheModelSays(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		if c := newModelCase(seed); c != nil {
			for range 20 {
				c.compare(t)
			}
		}
	})
}
