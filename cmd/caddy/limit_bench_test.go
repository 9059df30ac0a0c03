package main

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// BenchmarkADataRouteWithALimit compares a route that forwards, through Caddy's server and handlers, with the same behind a limit by the address of
// the client, and with one that is the same again: as far as that is from 1, the ratios say nothing. They take turns in an order of
// chance, for a hundredth of a second and a half each. What any middleware costs is in the ratios, too.
func BenchmarkADataRouteWithALimit(b *testing.B) {
	c := e2e.New(b)
	c.Serve("app", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	c.Route(head + `
		route:pool("app", { "$app" })
		route:get("/without", "app")
		route:get("/again", "app")
		local options = { name = "api", rate = 1e6, per = 1, burst = 1000000, key = "client_ip" }
		route:with(route.limit(options)):get("/with", "app")
		route:with(route.max_body("1MB")):get("/other", "app")
		options.name, options.headers = "silent", false
		route:with(route.limit(options)):get("/silent", "app")`)
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		b.Fatal(err)
	}
	var server *caddyhttp.Server
	for _, server = range app.(*caddyhttp.App).Servers {
	}
	paths := []string{"/without", "/again", "/with", "/silent", "/other"}
	const slice = 15 * time.Millisecond
	took := make([][]time.Duration, len(paths))
	for b.Loop() {
		for _, i := range rand.Perm(len(paths)) {
			start, n := time.Now(), time.Duration(0)
			for time.Since(start) < slice {
				for range 20 {
					w := &statusOnly{header: http.Header{}}
					server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, paths[i], nil))
					if w.status != http.StatusOK {
						b.Fatalf("%s: %d", paths[i], w.status)
					}
					n++
				}
			}
			took[i] = append(took[i], time.Since(start)/n)
		}
	}
	// Others use the machine, too: the tenth of slices that were least disturbed tell the most.
	typical := func(i int) float64 {
		slices.SortFunc(took[i], cmp.Compare[time.Duration])
		return float64(took[i][len(took[i])/10])
	}
	b.ReportMetric(typical(0), "ns/request")
	b.ReportMetric(typical(1)/typical(0), "null")
	b.ReportMetric(typical(2)/typical(0), "limit")
	b.ReportMetric(typical(3)/typical(0), "limit-without-fields")
	b.ReportMetric(typical(4)/typical(0), "other-middleware")
	b.ReportMetric(0, "ns/op") // of a turn
}

// statusOnly is a response of which the status is kept.
type statusOnly struct {
	header http.Header
	status int
}

// Header returns the header.
func (w *statusOnly) Header() http.Header { return w.header }

// WriteHeader keeps the status.
func (w *statusOnly) WriteHeader(status int) { w.status = status }

// Write writes nothing.
func (w *statusOnly) Write(p []byte) (int, error) { return len(p), nil }
