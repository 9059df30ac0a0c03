package instance

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/memory"
)

// newStore loads the store of an instance.
func newStore(ctx caddy.Context, c *config.Instance) (kv.Store, error) {
	ctx = kv.InInstance(ctx, c.Name)
	var mod any
	var err error
	if c.KVRaw == nil {
		mod, err = ctx.LoadModuleByID(memory.ID, nil)
	} else if err = c.CheckStore(); err == nil {
		mod, err = ctx.LoadModule(c, "KVRaw")
	}
	if err != nil {
		return nil, fmt.Errorf("kv: %w", err)
	}
	store, ok := mod.(kv.Store)
	if !ok {
		return nil, fmt.Errorf("kv: module %s is not a store", mod.(caddy.Module).CaddyModule().ID)
	}
	return store, nil
}

// Kept returns what a tenant keeps in the store, and false if the store does not know.
func (i *Instance) Kept(tenant string) (kv.Usage, bool) {
	counted, ok := i.loader.store.(kv.Counted)
	if !ok {
		return kv.Usage{}, false
	}
	return counted.Usage(kv.Scope{Instance: i.loader.keeper, Tenant: tenant}), true
}

// startStore lets the settings of the configuration apply to the store.
func (l *loader) startStore() {
	if s, ok := l.store.(kv.Starter); ok {
		s.Start()
	}
}
