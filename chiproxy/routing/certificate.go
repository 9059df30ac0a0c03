package routing

import (
	"context"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
)

// HasHost reports whether some tenant or layer serves the host, by name or by wildcard. What is for all hosts does not count.
// The host has no port; how many hosts the table has does not matter.
func (t *Table) HasHost(name string) bool {
	name = host.ForCertificate(name)
	return name != "" && t.hasHost(name)
}

func (t *Table) hasHost(name string) bool {
	return t.index.hasHost(name) || t.layerHosts != nil && t.layerHosts.Has(name)
}

// Certify reports whether a certificate may be issued for a host: one that HasHost has, unless Spec.Certifier rules otherwise. The
// error is that of the Certifier, and the answer no then; or ErrRetired when the table was retired.
func (t *Table) Certify(ctx context.Context, name string) (bool, error) {
	name = host.ForCertificate(name)
	if name == "" {
		return false, nil
	}
	if !t.Acquire() {
		return false, ErrRetired
	}
	defer t.Release()
	if t.certifier == nil {
		return t.hasHost(name), nil
	}
	ruling, err := t.certifier.Rule(ctx, name)
	if err != nil {
		return false, err
	}
	return ruling == chiproxy.Added || ruling == chiproxy.Unruled && t.hasHost(name), nil
}
