package routing

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

// answers is an action that does nothing, for measuring what comes before it.
var answers = chiproxy.Module{Handler: emptyHandler{}}

type emptyHandler struct{}

func (emptyHandler) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error {
	return nil
}

// noWriter is a response writer that costs nothing.
type noWriter struct{ header http.Header }

func (w noWriter) Header() http.Header       { return w.header }
func (noWriter) Write(p []byte) (int, error) { return len(p), nil }
func (noWriter) WriteHeader(int)             {}

var nextNothing = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })

var getOnly = []string{http.MethodGet}

// routesSpec has n plain routes and one for all that is left.
func routesSpec(n int, format string) chiproxy.Spec {
	items := make([]chiproxy.Item, n, n+1)
	for i := range items {
		items[i].Route = &chiproxy.Route{Methods: getOnly, Pattern: fmt.Sprintf(format, i%10, i), Action: chiproxy.Next{}}
	}
	items = append(items, chiproxy.Item{Route: &chiproxy.Route{Pattern: "/*", Action: answers}})
	return chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{Items: items}}}
}

func hostsSpec(n int) chiproxy.Spec {
	var s chiproxy.Spec
	for i := range n {
		t := chiproxy.Tenant{Name: fmt.Sprint(i), Hosts: []string{fmt.Sprintf("h%d.example", i)}}
		t.Root.Items = []chiproxy.Item{{Route: &chiproxy.Route{Pattern: "/*", Action: answers}}}
		s.Tenants = append(s.Tenants, t)
	}
	return s
}

func prefixesSpec(n int) chiproxy.Spec {
	s := hostsSpec(n)
	for i := range s.Tenants {
		s.Tenants[i].Hosts, s.Tenants[i].PathPrefix = nil, fmt.Sprintf("/t%d", i)
	}
	return s
}

func guardsSpec(n int) chiproxy.Spec {
	items := make([]chiproxy.Item, n)
	for i := range items {
		g := &chiproxy.DataGuard{Conditions: []chiproxy.Condition{{Name: "X-Tenant", Values: []string{fmt.Sprint(i)}}}}
		items[i].Route = &chiproxy.Route{Pattern: "/users/{id}", Guards: []chiproxy.Guard{g}, Action: answers}
	}
	return chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{Items: items}}}
}

func mustBuild(tb testing.TB, s chiproxy.Spec) *Table {
	tb.Helper()
	t, err := Build(s, pool.NewSet(caddy.Context{}))
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func getRequest(tb testing.TB, target string) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, target, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func benchLookup(b *testing.B, s chiproxy.Spec, r *http.Request) {
	table := mustBuild(b, s)
	w := noWriter{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		if err := table.Serve(w, r, nextNothing); err != nil {
			b.Fatal(err)
		}
	}
}

var sizes = []int{10, 1000, 10000, 100000}

func BenchmarkLookupRoutes(b *testing.B) {
	for _, n := range sizes {
		i := n / 2
		for name, path := range map[string]string{
			"found": fmt.Sprintf("/api/v%d/svc%d/77", i%10, i), "fallback": "/something/else",
		} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				benchLookup(b, routesSpec(n, "/api/v%d/svc%d/{id}"), getRequest(b, path))
			})
		}
	}
}

func BenchmarkLookupHosts(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			benchLookup(b, hostsSpec(n), getRequest(b, fmt.Sprintf("http://h%d.example:8080/x", n/2)))
		})
	}
}

func BenchmarkLookupPrefixes(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			benchLookup(b, prefixesSpec(n), getRequest(b, fmt.Sprintf("/t%d/x", n/2)))
		})
	}
}

func BenchmarkLookupDataGuards(b *testing.B) {
	for _, n := range []int{1, 10, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := getRequest(b, "/users/7")
			r.Header.Set("X-Tenant", fmt.Sprint(n/2))
			benchLookup(b, guardsSpec(n), r)
		})
	}
}

func BenchmarkLookupMiddleware(b *testing.B) {
	pass := middlewareFunc(func(_ *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		return next()
	})
	for _, n := range []int{1, 5} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := routesSpec(10, "/api/v%d/svc%d/{id}")
			for range n {
				s.Default.Root.Middleware = append(s.Default.Root.Middleware, pass)
			}
			r := getRequest(b, "/x")
			for i := range 12 {
				r.Header.Set(fmt.Sprintf("X-Header-%d", i), "value")
			}
			benchLookup(b, s, r)
		})
	}
}

// BenchmarkLoad prints what a table of a hundred thousand routes costs, with the Route values of its specification.
func BenchmarkLoad(b *testing.B) {
	for _, format := range []string{"/api/v%d/svc%d", "/api/v%d/svc%d/{id}"} {
		b.Run(format, func(b *testing.B) {
			const n = 100000
			for b.Loop() {
				before := heapInUse()
				spec := routesSpec(n, format)
				start := time.Now()
				table := mustBuild(b, spec)
				b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/load")
				b.ReportMetric(float64(heapInUse()-before)/n, "B/route")
				runtime.KeepAlive(table)
				runtime.KeepAlive(spec)
			}
		})
	}
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
