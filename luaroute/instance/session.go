package instance

import (
	"context"
	"errors"

	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Converse loads the scripts a second time, without serving, and calls use while the session is open with what they have loaded.
func (i *Instance) Converse(ctx context.Context, host Host, session *simulate.Session, use func() error) error {
	suite, bench := session.Suite()
	bench.Knows(host.Libraries)
	l := i.loader.offline(host, bench)
	l.suite = suite
	own, err := l.load(ctx, new(source.Trace))
	if err != nil {
		return err
	}
	defer own.Table.Retire()
	if own.vms == nil {
		return errors.New("the instance has no scripts but those of tenants; expected a script of its own")
	}
	return session.Open(own.vms, own.Table, use)
}
