package routing

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// TestADataRouteAllocatesNothing measures everything from Serve to the action and back.
func TestADataRouteAllocatesNothing(t *testing.T) {
	s := routesSpec(1000, "/api/v%d/svc%d/{id}")
	s.Tenants = hostsSpec(10).Tenants
	guarded := guardsSpec(100)
	mw := middlewareFunc(func(_ *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		return next()
	})
	wrapped := only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{mw, mw}}, at("/a", chiproxy.Decline{}), at("/*", answers)))
	for name, c := range map[string]struct {
		spec chiproxy.Spec
		url  string
	}{
		"a route":                               {s, "/api/v5/svc555/77"},
		"a less specific route":                 {s, "/other"},
		"a tenant by its host":                  {s, "http://h3.example:8080/x"},
		"a data guard":                          {guarded, "/users/1"},
		"middleware, and a route that declines": {wrapped, "/a"},
	} {
		t.Run(name, func(t *testing.T) {
			table := mustBuild(t, c.spec)
			r := prepared(httptest.NewRecorder(), ask(c.url, "X-Tenant: 50"))
			w := noWriter{http.Header{}}
			if n := testkit.Allocs(200, func() {
				if err := table.Serve(w, r, nextNothing); err != nil {
					t.Fatal(err)
				}
			}); n >= 1 {
				t.Errorf("%v allocations for each request", n)
			}
		})
	}
}

func TestALookThatCannotApplyCostsNothing(t *testing.T) {
	guarded := mustBuild(t, only(owner("/admin", at("/*", chiproxy.Error{Status: 401})), at("/*", answers)))
	for path, want := range map[string]float64{"/users/42": 0, "/users//42": 3} { // for the clean path
		r := prepared(httptest.NewRecorder(), ask(path))
		w := noWriter{http.Header{}}
		if n := testkit.Allocs(200, func() { _ = guarded.Serve(w, r, nextNothing) }); n > want {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
	if open := mustBuild(t, only(at("/*", say("x")), at("/a/*", static.Redirect{Location: "/"}, header("X")))); !open.guards {
		t.Error("a route with a guard is not looked for")
	}
	if open := mustBuild(t, only(at("/*", say("x")), at("/a/*", say("a")))); open.guards {
		t.Error("in a table that guards nothing, something is looked for")
	}
}

func TestCountingADataRouteAllocatesNothingMore(t *testing.T) {
	pools := newTestPools(t)
	measure := func(d *telemetry.Draft) float64 {
		table, err := Build(chiproxy.Spec{Series: d, Default: chiproxy.Tenant{Root: chiproxy.Scope{Items: []chiproxy.Item{{Route: &chiproxy.Route{
			Pattern: "/items/{id}", Action: acting(func(*chiproxy.Exchange) (chiproxy.Verdict, error) { return chiproxy.Done, nil }),
		}}}}}}, pools)
		if err != nil {
			t.Fatal(err)
		}
		defer table.Retire()
		w := httptest.NewRecorder()
		r := prepared(w, get("/items/5"))
		return testkit.Allocs(200, func() { _ = table.Serve(w, r, noNext) })
	}
	without, with := measure(nil), measure(telemetry.New(telemetry.Options{}).Begin())
	if with > without {
		t.Errorf("%v allocations with a counter, %v without", with, without)
	}
}
