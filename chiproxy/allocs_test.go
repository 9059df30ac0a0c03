//go:build !race

// With the race detector, a sync.Pool forgets some of what it is given, so there is nothing to count.

package chiproxy

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestADataRouteAllocatesNothing measures everything from Serve to the action and back.
func TestADataRouteAllocatesNothing(t *testing.T) {
	s := routesSpec(1000, "/api/v%d/svc%d/{id}")
	s.Tenants = hostsSpec(10).Tenants
	guarded := guardsSpec(100)
	mw := middlewareFunc(func(_ *Exchange, next func() (Verdict, error)) (Verdict, error) { return next() })
	wrapped := only(in(Scope{Middleware: []Middleware{mw, mw}}, at("/a", Skip{}), at("/*", answers)))
	for name, c := range map[string]struct {
		spec Spec
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
			if n := testing.AllocsPerRun(200, func() {
				if err := table.Serve(w, r, nextNothing); err != nil {
					t.Fatal(err)
				}
			}); n >= 1 {
				t.Errorf("%v allocations for each request", n)
			}
		})
	}
}
