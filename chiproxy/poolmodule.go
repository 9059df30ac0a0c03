package chiproxy

import "github.com/caddyserver/caddy/v2"

func init() {
	caddy.RegisterModule(poolModuleID{})
}

// poolModule stands for the reverse_proxy of a pool where Caddy wants to know whose logger to give out. A handler that is
// provisioned without being loaded would log under the name of whichever module was loaded last.
type poolModule struct{ ctx caddy.Context }

// CaddyModule returns the module that pools log as.
func (*poolModule) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: handlerID, New: func() caddy.Module { return new(poolModule) }}
}

// Provision keeps the context.
func (m *poolModule) Provision(ctx caddy.Context) error {
	m.ctx = ctx
	return nil
}

// poolModuleID is what poolModule is registered as, since its own ID is that of another module.
type poolModuleID struct{}

// CaddyModule returns the Caddy module information.
func (poolModuleID) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.pools", New: func() caddy.Module { return new(poolModule) }}
}

// Interface guards
var _ caddy.Provisioner = (*poolModule)(nil)
