package main

import (
	"cmp"
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
// the client, and with one that is the same again: as far as that is from 1, the ratios say nothing. They take turns. What any middleware costs
// is in the ratios, too.
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
	const batch = 20
	took := make([][]time.Duration, len(paths))
	n := 0
	for b.Loop() {
		for i := range paths {
			i = (i + n) % len(paths)
			start := time.Now()
			for range batch {
				w := httptest.NewRecorder()
				server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, paths[i], nil))
				if w.Code != http.StatusOK {
					b.Fatalf("%s: %d %s", paths[i], w.Code, w.Body)
				}
			}
			took[i] = append(took[i], time.Since(start)/batch)
		}
		n++
	}
	// Others use the machine, too: the tenth of batches that were least disturbed tell the most.
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
