package limit_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// quiet answers without an allocation.
var quiet = policytest.Action(func(ex *chiproxy.Exchange) error {
	ex.W.WriteHeader(204)
	return nil
})

// costs are limits with what they allocate for a request.
func costs(t testing.TB) map[string]struct {
	mw     []chiproxy.Middleware
	allocs float64
} {
	fast := func(headers string) func(*limit.Options) {
		return func(o *limit.Options) {
			o.Rate, o.Per, o.Burst, o.Headers = 1_000_000, caddy.Duration(time.Second), burst(1_000_000), headers
		}
	}
	gate := concurrency(t, bookOf(t), limit.ConcurrencyOptions{Max: 100, Key: []string{"client_ip"}})
	return map[string]struct {
		mw     []chiproxy.Middleware
		allocs float64
	}{
		"none":        {nil, 0},
		"limit":       {[]chiproxy.Middleware{rate(t, bookOf(t), 1, fast("off"))}, 0},
		"fields":      {[]chiproxy.Middleware{rate(t, bookOf(t), 1, fast("draft"))}, 1},
		"x fields":    {[]chiproxy.Middleware{rate(t, bookOf(t), 1, fast("x"))}, 4},
		"concurrency": {[]chiproxy.Middleware{gate}, 0},
	}
}

// TestWhatALimitAllocatesForARequest compares tables with a limit and without. The fields of an answer are one, of theirs
// alone: those who log the response keep the values, and Caddy's header handler changes them where they stand.
func TestWhatALimitAllocatesForARequest(t *testing.T) {
	all := costs(t)
	of := func(mw []chiproxy.Middleware) float64 {
		table := policytest.Table(t, quiet, mw...)
		w := httptest.NewRecorder()
		r := policytest.From(get(), policytest.Client)
		return testkit.Allocs(500, func() {
			clear(w.Header())
			_ = table.Serve(w, r, nil)
		})
	}
	base := of(nil)
	for name, c := range all {
		if got := of(c.mw) - base; got > c.allocs {
			t.Errorf("%s: %v allocations, want at most %v", name, got, c.allocs)
		}
	}
}

func BenchmarkLimit(b *testing.B) {
	for _, name := range []string{"none", "limit", "fields", "x fields", "concurrency", "none"} {
		b.Run(name, func(b *testing.B) {
			table := policytest.Table(b, quiet, costs(b)[name].mw...)
			w := httptest.NewRecorder()
			r := policytest.From(get(), policytest.Client)
			b.ReportAllocs()
			for b.Loop() {
				clear(w.Header())
				_ = table.Serve(w, r, nil)
			}
		})
	}
}
