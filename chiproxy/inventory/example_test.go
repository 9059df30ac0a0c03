package inventory_test

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/inventory"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

// Compare says what a reload has changed.
func ExampleCompare() {
	pools := pool.NewSet(caddy.Context{})
	defer pools.Close()
	var tables []*routing.Table
	say := func(path, body string) chiproxy.Item {
		return chiproxy.Item{Route: &chiproxy.Route{Methods: []string{"GET"}, Pattern: path, Action: static.Respond{Body: body}}}
	}
	for _, items := range [][]chiproxy.Item{
		{say("/", "home"), say("/news", "old")},
		{say("/", "home"), say("/news", "new"), say("/jobs", "jobs")},
	} {
		table, err := routing.Build(chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{Items: items}}}, pools)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer table.Retire()
		tables = append(tables, table)
	}
	d := inventory.Compare(tables[0], tables[1])
	fmt.Println("added", d.Routes.Added, "changed", d.Routes.Changed, "removed", d.Routes.Removed)
	// Output:
	// added [GET /jobs] changed [GET /news] removed []
}
