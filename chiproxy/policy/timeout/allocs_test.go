package timeout_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// The one allocation is the writer that knows the time, with the context that ends: see response.Deadline.
func TestARequestInTimeHasOneAllocation(t *testing.T) {
	silent := policytest.Action(func(ex *chiproxy.Exchange) error { ex.W.WriteHeader(200); return nil })
	r := policytest.From(policytest.Request("GET", "/items/1"), policytest.Client)
	ctx, w := r.Context(), policytest.Discard()
	allocs := func(around ...chiproxy.Middleware) float64 {
		table := policytest.Table(t, silent, around...)
		return testkit.Allocs(300, func() {
			_ = table.Serve(w, r, nil)
			*r = *r.WithContext(ctx)
		})
	}
	if without, with := allocs(), allocs(policy(false)); with > without+1 {
		t.Errorf("%v allocations with a timeout, %v without", with, without)
	}
}
