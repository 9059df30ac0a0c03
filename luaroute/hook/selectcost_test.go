package hook_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func init() { caddy.RegisterModule(new(instant)) }

// instant is a transport that answers at once.
type instant struct{}

// CaddyModule returns the Caddy module information.
func (*instant) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.transport.test_instant", New: func() caddy.Module { return new(instant) }}
}

// RoundTrip answers; a request with X-Hold says that it is here, and waits for its end.
func (*instant) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-Hold") != "" {
		arrived <- struct{}{}
		<-r.Context().Done()
	}
	return &http.Response{StatusCode: 204, Header: http.Header{}, Body: http.NoBody, Request: r, ProtoMajor: 1, ProtoMinor: 1, Proto: "HTTP/1.1"}, nil
}

// instantPool is a table that forwards to a pool of three upstreams that answer at once.
func instantPool(t testing.TB, options string) *routing.Table {
	t.Helper()
	table, err := luatest.Setup{}.Load(t, `local route = require("luaroute")
		route:pool("api", { { "127.0.0.1:1", weight = 2 }, "127.0.0.1:2", "127.0.0.1:3", transport = { protocol = "test_instant" }, `+options+` })
		route:get("/*", "api")`)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func serveInstant(t testing.TB, table *routing.Table) func() {
	w := &nowhere{http.Header{}}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-User", "ann")
	prepared := luatest.Prepared(w, r)
	return func() {
		clear(w.header)
		if err := table.Serve(w, prepared, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })); err != nil {
			t.Fatal(err)
		}
	}
}

type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(int)             {}

var selects = map[string]string{
	"hash": `up:hash(req:header("X-User"))`, "random": "up:random()", "weighted": "up:weighted()", "least": `up:least("requests")`, "best": "up:best()", "policy": "up:policy()", "place": "up[2]",
}

var arrived = make(chan struct{})

// keepInFlight has a request at each upstream until the test ends. Else Caddy's list of what is in flight gets and loses an address with each request, and
// has two allocations or three for that, as the hash of the address says, which is another one in each process.
func keepInFlight(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	t.Cleanup(func() { cancel(); all.Wait() })
	for place := range 3 {
		table := instantPool(t, fmt.Sprintf("select = function(req, up) return up[%d] end", place+1))
		all.Go(func() {
			w := &nowhere{http.Header{}}
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			r.Header.Set("X-Hold", "yes")
			_ = table.Serve(w, luatest.Prepared(w, r), nil)
		})
		<-arrived
	}
}

func TestSelectAllocatesTwice(t *testing.T) {
	keepInFlight(t)
	without := testkit.Allocs(300, serveInstant(t, instantPool(t, `lb_policy = "weighted_round_robin"`)))
	for name, body := range selects {
		with := testkit.Allocs(300, serveInstant(t, instantPool(t, `select = function(req, up) return `+body+` end`)))
		most := 2.0
		if name == "best" { // which has latencies measured
			most = 3
		}
		if with > without+most {
			t.Errorf("%s: %v allocations more than without a function", name, with-without)
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	for name, options := range map[string]string{"without": `lb_policy = "weighted_round_robin"`, "hash": "", "least": "", "best": ""} {
		if body, ok := selects[name]; ok {
			options = `select = function(req, up) return ` + body + ` end`
		}
		b.Run(name, func(b *testing.B) {
			serve := serveInstant(b, instantPool(b, options))
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
