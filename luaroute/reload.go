package luaroute

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// Causes of reloads, for logs, events and the admin API.
const causeAdmin = "admin API"

// errEnded says that an instance has no more tables.
var errEnded = errors.New("the configuration of the instance has ended")

// reload makes a whole new table beside the one that serves, and lets it take its place. What fails leaves the old one serving,
// and is remembered until the next reload that does not. Running requests finish on the table they began with. One
// reload runs at a time; the others wait.
func (i *instance) reload(ctx context.Context, cause string) (chiproxy.Difference, error) {
	i.reloading.Lock()
	defer i.reloading.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(i.loader.ctx, func() { cancel(errEnded) })()

	next, err := i.loader.load(ctx)
	if err != nil {
		return chiproxy.Difference{}, i.refuse(err, cause)
	}
	difference := chiproxy.Differences(i.table.Load(), next.table)
	if err := i.publish(next); err != nil {
		return chiproxy.Difference{}, err
	}
	i.logger.Info("routing table reloaded", append(next.fields(), zap.String("cause", cause), zap.Int("version", i.state().version))...)
	return difference, nil
}

// publish lets a table take the place of the one that serves.
func (i *instance) publish(next *loaded) error {
	i.mu.Lock()
	if i.ended {
		i.mu.Unlock()
		next.table.Retire()
		return errEnded
	}
	i.now = state{loaded: next, version: i.now.version + 1, loadedAt: time.Now()}
	old := i.table.Swap(next.table)
	i.mu.Unlock()
	old.Retire()
	return nil
}

// refuse remembers why a reload has failed.
func (i *instance) refuse(err error, cause string) error {
	i.mu.Lock()
	if i.ended {
		i.mu.Unlock()
		return errEnded
	}
	i.now.failure = &failure{err, cause, time.Now()}
	i.mu.Unlock()
	i.logger.Error("reload failed, the old routing table serves on", zap.Error(err), zap.String("cause", cause))
	return err
}

// fields describes a table for the log.
func (l *loaded) fields() []zap.Field {
	tenants, routes, pools := l.table.Counts()
	return []zap.Field{
		zap.Int("tenants", tenants), zap.Int("routes", routes), zap.Int("pools", pools), zap.Duration("took", l.took),
	}
}
