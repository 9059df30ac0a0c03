package cors_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestAResponseToASiteHasOneAllocation(t *testing.T) {
	for name, c := range map[string]struct {
		header []string
		most   float64
	}{"no site": {nil, 1}, "a site": {[]string{origin, "https://app.example"}, 1}} {
		table := policytest.Table(t, policytest.Silent, build(t, rules))
		r := policytest.From(policytest.Request("GET", "/items/1", c.header...), policytest.Client)
		w := policytest.Discard()
		n := testkit.Allocs(200, func() {
			clear(w.Header())
			_ = table.Serve(w, r, nil)
		})
		if n > c.most {
			t.Errorf("%s: %v allocations, expected %v", name, n, c.most)
		}
	}
}
