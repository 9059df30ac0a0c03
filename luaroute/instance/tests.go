package instance

import (
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/inventory"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Test runs a file of tests. route.simulate in it asks the table of an instance, or if that is nil the one that the file declares
// itself.
func Test(ctx context.Context, loading caddy.Context, host Host, file string, of *Instance) ([]simulate.Test, error) {
	c := &config.Instance{Name: "test", Scripting: config.Scripting{Scripts: []string{file}}}
	var table *routing.Table
	if of != nil {
		table = of.table.Load()
		c.Env, c.Limits, c.Allow = of.loader.config.Env, of.loader.config.Limits, of.loader.config.Allow
	}
	l, err := newLoader(loading, c, host)
	if err != nil {
		return nil, err
	}
	suite := new(simulate.Suite)
	l.suite = suite
	own, err := l.load(ctx, new(source.Trace))
	if err != nil {
		return nil, err
	}
	defer own.Table.Retire()
	if table == nil {
		return suite.Run(ctx, own.vms, own.Table)
	}
	if declared := inventory.Routes(own.Table); len(declared) > 0 {
		return nil, fmt.Errorf("%s: these tests ask about the routes of a configuration; expected no routes of their own", declared[0].At)
	}
	return suite.Run(ctx, own.vms, table)
}
