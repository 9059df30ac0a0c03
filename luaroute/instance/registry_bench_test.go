package instance

import (
	"fmt"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
)

// BenchmarkCertify asks for a host that is served and for one that is not: both must cost the same however many hosts there
// are.
func BenchmarkCertify(b *testing.B) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: b.Context()})
	defer cancel()
	pools := pool.NewSet(ctx)
	defer pools.Close()
	for _, hosts := range []int{10, 1_000, 100_000} {
		var spec chiproxy.Spec
		for i := range hosts {
			spec.Tenants = append(spec.Tenants, chiproxy.Tenant{
				Name: fmt.Sprint(i), Hosts: []string{fmt.Sprintf("shop-%d.example", i), fmt.Sprintf("*.shop-%d.example", i)},
			})
		}
		table, err := routing.Build(spec, pools)
		if err != nil {
			b.Fatal(err)
		}
		i := &Instance{name: "bench"}
		i.table.Store(table)
		running.add(i)
		for host, want := range map[string]bool{fmt.Sprintf("www.shop-%d.example", hosts/2): true, "www.nobody.example": false} {
			b.Run(fmt.Sprintf("hosts=%d/served=%v", hosts, want), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if ok, err := Certify(b.Context(), "bench", host); ok != want {
						b.Fatalf("%s: %v", host, err)
					}
				}
			})
		}
		running.remove(i)
		table.Retire()
	}
}
