//go:build !race

// With the race detector, a sync.Pool forgets some of what it is given, so there is nothing to count.

package headers_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/headers"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
)

func TestFixedChangesOfAResponseHaveOneAllocation(t *testing.T) {
	table := policytest.Table(t, silent, build(t, headers.Options{Response: fixed}))
	r := policytest.From(policytest.Request("GET", "/items/1"), policytest.Client)
	w := policytest.Discard()
	if n := testing.AllocsPerRun(200, func() { _ = table.Serve(w, r, nil) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
