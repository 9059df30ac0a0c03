package routing

import (
	"fmt"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/internal/pieces"
)

// Routes are looked at when they are put on their shapes, when those are checked, and when the mux is made.
func TestOthersMayRunWhileATableOfManyRoutesIsBuilt(t *testing.T) {
	t.Parallel()
	const routes, looks = 20 * pieces.Size, 3
	for name, scopes := range map[string]func(i int) chiproxy.Item{
		"routes":       func(i int) chiproxy.Item { return at(fmt.Sprintf("GET /a%d/{id}", i), static.Respond{}) },
		"scopes":       func(i int) chiproxy.Item { return owner(fmt.Sprintf("/a%d", i), at("GET /{id}", static.Respond{})) },
		"on one shape": func(i int) chiproxy.Item { return at(fmt.Sprintf("M%d /a", i), static.Respond{}) },
	} {
		var items []chiproxy.Item
		for i := range routes {
			items = append(items, scopes(i))
		}
		b := newBuilder(chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{Items: items}}}, pool.NewSet(caddy.Context{}))
		yields := 0
		b.work.Yield = func() { yields++ }
		if _, err := b.build(); err != nil {
			t.Fatal(err)
		}
		want := looks * routes / pieces.Size
		if name == "on one shape" {
			want = routes / pieces.Size
		}
		if yields < want {
			t.Errorf("%s: others may run %d times, want at least %d", name, yields, want)
		}
	}
}
