package simulate_test

import (
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Check holds a table to what its scripts expect of it, as every load does before the table is published.
func ExampleCheck() {
	declared, err := declare.Run(context.Background(), declare.Options{
		Sources: source.Set{&source.Inline{Name: "main.lua", Code: `
local route = require("luaroute")
route:get("/users/{id}", function(req) return 200, "user " .. req.params.id end)
route:get("/*", { status = 404 })
route:expect({ path = "/users/7" }, { status = 200, params = { id = "7" } })
route:expect({ path = "/user/7" }, { status = 200 })`}},
		Limits: config.Limits{Body: 1 << 20, VMs: 10},
		Logger: zap.NewNop(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	pools := pool.NewSet(caddy.Context{})
	defer pools.Close()
	table, err := routing.Build(chiproxy.Spec{Default: chiproxy.Tenant{Root: declared.Root}, Release: declared.VMs.Stop}, pools)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer table.Retire()
	fmt.Println(simulate.Check(table, declared.Expectations))
	// Output:
	// main.lua:6: expect: GET /user/7: status is 404, expected 200 (the route at main.lua:4 took it)
}
