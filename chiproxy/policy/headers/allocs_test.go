package headers_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/headers"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestFixedChangesOfAResponseHaveOneAllocation(t *testing.T) {
	table := policytest.Table(t, policytest.Silent, build(t, headers.Options{Response: fixed}))
	r := policytest.From(policytest.Request("GET", "/items/1"), policytest.Client)
	w := policytest.Discard()
	if n := testkit.Allocs(200, func() { _ = table.Serve(w, r, nil) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
