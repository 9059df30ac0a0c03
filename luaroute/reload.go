package luaroute

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Causes of reloads, for logs, events and the admin API.
const (
	causeAdmin  = "admin API"
	causePush   = "script of the admin API"
	causeDelete = "script deleted by the admin API"
	causeScript = "route.reload"
	causeWatch  = "watch"
)

// errMoved says that scripts were changed again while they were loaded. The watch waits until that is over.
var errMoved = errors.New("the scripts have changed again")

// errEnded says that an instance has no more tables.
var errEnded = errors.New("the configuration of the instance has ended")

// reload makes a whole new table beside the one that serves, and lets it take its place. What fails leaves the old one serving,
// and is remembered until the next reload that does not. Running requests finish on the table they began with. One
// reload runs at a time; the others wait.
func (i *instance) reload(ctx context.Context, cause string) (*reloaded, error) {
	return i.change(ctx, cause, nil)
}

// change is a reload. If keep is not nil, it is called when the new table is good, and before it serves; what fails then is
// not remembered, as nothing has changed.
func (i *instance) change(ctx context.Context, cause string, keep func(context.Context) error) (*reloaded, error) {
	done, err := i.replace(ctx, cause, keep)
	i.tell(done, cause, err)
	return done, err
}

// reloaded is what a reload has done.
type reloaded struct {
	*loaded
	version int
	chiproxy.Difference
}

// replace is a change that is yet to be reported. It goes on when those who have asked for it are gone: cut short, it would have
// looked at a part of the scripts only, and the others would not be watched any more.
func (i *instance) replace(ctx context.Context, cause string, keep func(context.Context) error) (*reloaded, error) {
	i.reloading.Lock()
	defer i.reloading.Unlock()
	living := i.live()
	if living == nil {
		return nil, errEnded
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(living, func() { cancel(errEnded) })()

	trace := new(source.Trace)
	next, err := i.loader.load(ctx, trace)
	if err == nil {
		if err = i.good(next, trace, cause); err != nil {
			next.table.Retire()
		}
	} else if cause == causeWatch && !i.state().trace.Agrees(trace) {
		err = errMoved
	}
	switch {
	case errors.Is(err, errMoved):
		return nil, err
	case err != nil && ctx.Err() != nil:
		return nil, errEnded
	case err != nil:
		if keep == nil {
			i.remember(&failure{err, cause, time.Now()}, trace)
		}
		return nil, err
	}
	if keep != nil {
		if err := keep(ctx); err != nil {
			next.table.Retire()
			return nil, err
		}
	}
	next.start(living)
	next.warm(ctx)
	done := &reloaded{loaded: next, Difference: chiproxy.Differences(i.table.Load(), next.table)}
	if done.version = i.publish(next, trace); done.version == 0 {
		return nil, errEnded
	}
	return done, nil
}

// good says what speaks against a table that was loaded.
func (i *instance) good(next *loaded, trace *source.Trace, cause string) error {
	now := i.state()
	if cause == causeWatch && !now.trace.Agrees(trace) {
		return errMoved
	}
	return lost(now.contents, next.contents, cause == causeDelete)
}

// live returns the context of what the instance does by itself, or nil if the configuration does not run.
func (i *instance) live() context.Context {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.living
}

// publish lets a table take the place of the one that serves, and returns its version, or 0 if the instance has ended.
func (i *instance) publish(next *loaded, trace *source.Trace) int {
	i.mu.Lock()
	if i.ended {
		i.mu.Unlock()
		next.end()
		next.table.Retire()
		return 0
	}
	before := i.now
	i.now = state{loaded: next, version: before.version + 1, loadedAt: time.Now(), trace: trace}
	version := i.now.version
	i.table.Store(next.table)
	i.mu.Unlock()
	before.end()
	before.table.Retire()
	return version
}

// remember keeps why a reload has failed, and what it has looked at, so that a change of it is noticed.
func (i *instance) remember(f *failure, trace *source.Trace) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now.failure, i.now.trace = f, trace
}

// fields describes a table for the log.
func (l *loaded) fields() []zap.Field {
	tenants, routes, pools := l.table.Counts()
	return []zap.Field{
		zap.Int("tenants", tenants), zap.Int("routes", routes), zap.Int("pools", pools), zap.Duration("took", l.took),
	}
}
