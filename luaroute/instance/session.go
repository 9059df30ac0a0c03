package instance

import (
	"context"
	"errors"
	"fmt"

	"github.com/luaroute/caddy-luaroute/internal/spelling"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Converse loads the scripts a second time, without serving, and calls use while the session is open with what those of a tenant have loaded.
// The default tenant has no name.
func (i *Instance) Converse(ctx context.Context, host Host, tenant string, session *simulate.Session, use func() error) error {
	suite, bench := session.Suite()
	bench.Knows(host.Libraries)
	l := i.loader.offline(host, bench)
	l.suite, l.suiteOf = suite, tenant
	own, err := l.load(ctx, new(source.Trace))
	if err != nil {
		return err
	}
	defer own.Table.Retire()
	if err := own.LeftOut[tenant]; err != nil {
		return err
	}
	if own.vms == nil {
		return own.speechless(tenant)
	}
	return session.Open(own.vms, own.Table, use)
}

// speechless is the error for a tenant without scripts.
func (l *loaded) speechless(tenant string) error {
	var names []string
	for _, t := range l.Table.Tenants() {
		names = append(names, t.Spec.Name)
	}
	_, known := l.Table.Tenant(tenant)
	switch {
	case !known:
		return fmt.Errorf("there is no tenant %q%s", tenant, spelling.Hint(tenant, names))
	case tenant == "":
		return errors.New("the instance has no scripts but those of tenants; expected a script of its own, or the name of a tenant")
	}
	return fmt.Errorf("tenant %q has no scripts of its own; the functions of its routes are those of the instance's scripts", tenant)
}
