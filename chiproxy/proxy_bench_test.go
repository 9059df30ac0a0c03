package chiproxy

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// BenchmarkProxy compares an action with the bare handler behind it. Allocations are to be equal for a plain proxy.
func BenchmarkProxy(b *testing.B) {
	pool := mustAcquire(b, newTestPools(b), dials("", upstreamAt(b, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })))
	upstream := pool.Upstreams()[0].Address
	pools := scopeOf(b, byName{"a": pool})
	for _, row := range []struct {
		name string
		do   func(ex *Exchange) error
	}{
		{"bare", func(ex *Exchange) error { return pool.Handler().ServeHTTP(ex.W, ex.R, ex.Next) }},
		{"plain", doer(b, Proxy{Pool: "a"}, pools)},
		{"performed", func(ex *Exchange) error { _, err := ex.Perform(Proxy{Pool: "a"}); return err }},
		{"stripped", doer(b, Proxy{Pool: "a", StripPrefix: "/x"}, pools)},
		{"response_headers", doer(b, stamped(), pools)},
		{"upstream", doer(b, Proxy{Pool: "a", Upstream: upstream}, pools)},
		{"plain_beside_upstream", doer(b, Proxy{Pool: "a"}, pools)},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			w := httptest.NewRecorder()
			for b.Loop() {
				b.StopTimer()
				*w = *httptest.NewRecorder()
				ex := exchangeOf(w, prepared(w, get("/x/y")), pools)
				b.StartTimer()
				if err := row.do(ex); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// doer binds an action.
func doer(b *testing.B, a Action, pools *PoolScope) func(*Exchange) error {
	bound, err := pools.Bind(a)
	if err != nil {
		b.Fatal(err)
	}
	return func(ex *Exchange) error { _, err := bound.Do(ex); return err }
}

// canned is a transport that answers without a network.
type canned struct{}

func (canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 204, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func TestAPlainProxyAllocatesNoMoreThanTheBareHandler(t *testing.T) {
	pool := mustAcquire(t, newTestPools(t), dials("", "127.0.0.1:1"))
	pool.Handler().Transport = canned{}
	pools := scopeOf(t, byName{"a": pool})
	bound, err := pools.Bind(Proxy{Pool: "a"})
	if err != nil {
		t.Fatal(err)
	}
	d := new(Driver)
	var at Place = alone{d, pools}
	allocs := func(do func(*Exchange) error) float64 {
		return testkit.Allocs(200, func() {
			w := httptest.NewRecorder()
			d.Begin(w, prepared(w, get("/")), noNext, at, nil)
			defer d.End()
			if err := do(&d.Exchange); err != nil || w.Code != 204 {
				t.Fatal(w.Code, err)
			}
		})
	}
	var bare, plain float64
	for range 5 { // the race detector empties sync.Pools at random
		bare = allocs(func(ex *Exchange) error { return pool.Handler().ServeHTTP(ex.W, ex.R, ex.Next) })
		plain = allocs(func(ex *Exchange) error { _, err := bound.Do(ex); return err })
		if plain <= bare {
			return
		}
	}
	t.Errorf("%v allocations, the bare handler has %v", plain, bare)
}
