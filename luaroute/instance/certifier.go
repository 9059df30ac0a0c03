package instance

import (
	"context"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/capability"
)

// certifier is the say of a tenant in certificates: in all of them, or if it is isolated in those for the hosts that it may name.
type certifier struct {
	allowed *capability.Set
	chiproxy.Certifier
}

// certifiers are those of all tenants. A veto of one is a veto.
type certifiers []certifier

// Rule asks those who have a say in a name.
func (all certifiers) Rule(ctx context.Context, name string) (chiproxy.Ruling, error) {
	ruling := chiproxy.Unruled
	for _, c := range all {
		if c.allowed.Host(name) != nil {
			continue
		}
		own, err := c.Rule(ctx, name)
		switch {
		case err != nil:
			return chiproxy.Vetoed, err
		case own == chiproxy.Vetoed:
			return chiproxy.Vetoed, nil
		case own == chiproxy.Added:
			ruling = chiproxy.Added
		}
	}
	return ruling, nil
}
