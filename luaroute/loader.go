package luaroute

import (
	"errors"
	"fmt"
	"maps"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// loader makes tables of the configuration of one instance.
type loader struct {
	ctx       caddy.Context
	logger    *zap.Logger
	config    *config.Instance
	pools     *chiproxy.Pools
	libraries map[string]vm.Library
	root      scripting
	tenants   []configTenant
	// suite are the tests that the scripts declare; nil if they are none of tests.
	suite    *simulate.Suite
	again    func() // asks for a reload
	programs script.Programs
}

// supported fails where no script may run; tests force it.
var supported = vm.Supported

// newLoader loads the modules that the configuration names.
func newLoader(ctx caddy.Context, c *config.Instance, pools *chiproxy.Pools) (*loader, error) {
	l := &loader{
		ctx: ctx, config: c, pools: pools,
		logger: ctx.Logger().With(zap.String("instance", c.Name)),
	}
	err := supported()
	if err != nil {
		return nil, err
	}
	if l.libraries, err = libraries(ctx); err != nil {
		return nil, err
	}
	if l.root, err = newScripting(ctx, &c.Scripting, "", hook.DefaultLimits); err != nil {
		return nil, err
	}
	if len(l.root.sources) == 0 && len(c.Tenants) == 0 {
		return nil, errors.New("there is nothing to route with; expected scripts, sources or tenants")
	}
	for _, t := range c.Tenants {
		s, err := newScripting(ctx, &t.Scripting, "tenants."+t.Name+".", l.root.limits)
		if err != nil {
			return nil, fmt.Errorf("tenant %q: %w", t.Name, err)
		}
		if len(s.sources) == 0 && t.UsePool == "" {
			return nil, fmt.Errorf("tenant %q: there is nothing to route with; expected scripts, sources or use_pool", t.Name)
		}
		handlers := maps.Clone(l.root.handlers)
		maps.Copy(handlers, s.handlers)
		s.handlers = handlers
		l.tenants = append(l.tenants, configTenant{t, s})
	}
	return l, nil
}
