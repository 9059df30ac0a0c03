//go:build !race

// With the race detector, a sync.Pool forgets some of what it is given, so there is nothing to count.

package cors_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
)

func TestAResponseToASiteHasOneAllocation(t *testing.T) {
	for name, c := range map[string]struct {
		header []string
		most   float64
	}{"no site": {nil, 1}, "a site": {[]string{origin, "https://app.example"}, 1}} {
		table := policytest.Table(t, silent, build(t, rules))
		r := policytest.From(policytest.Request("GET", "/items/1", c.header...), policytest.Client)
		w := policytest.Discard()
		n := testing.AllocsPerRun(200, func() {
			clear(w.Header())
			_ = table.Serve(w, r, nil)
		})
		if n > c.most {
			t.Errorf("%s: %v allocations, expected %v", name, n, c.most)
		}
	}
}
