package instance

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy/inventory"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Causes of reloads, for logs, events and the admin API.
const (
	CauseAdmin  = "admin API"
	CausePush   = "script of the admin API"
	CauseDelete = "script deleted by the admin API"
	causeScript = "route.reload"
	causeWatch  = "watch"
)

// Events of Caddy's events app.
const (
	eventReloaded = "luaroute.reloaded"
	eventFailed   = "luaroute.reload_failed"
)

// errMoved means that scripts changed while they were loaded. The watch tries again once they settle.
var errMoved = errors.New("the scripts have changed again")

// ErrEnded means that an instance serves no more.
var ErrEnded = errors.New("the configuration of this instance has ended")

// Reload builds a whole new table and replaces the current one with it. If that fails the old table keeps serving, and the failure is kept
// until a reload succeeds. Running requests finish on the table they began with. One reload runs at a time; others wait.
func (i *Instance) Reload(ctx context.Context, cause string) (*Reloaded, error) {
	return i.Change(ctx, cause, nil)
}

// Change is Reload with a step between: keep, if not nil, is called when the new table is ready, before it serves. A failure is not
// remembered, as nothing has changed.
func (i *Instance) Change(ctx context.Context, cause string, keep func(context.Context) error) (*Reloaded, error) {
	done, err := i.replace(ctx, cause, keep)
	i.tell(done, cause, err)
	return done, err
}

// Reloaded is what a reload has done.
type Reloaded struct {
	*loaded
	Version int
	inventory.Difference
}

// replace is Change without the report. It continues when the caller has left: cut short, it would have read only a part of the scripts,
// and the others would no longer be watched.
func (i *Instance) replace(ctx context.Context, cause string, keep func(context.Context) error) (*Reloaded, error) {
	i.reloading.Lock()
	defer i.reloading.Unlock()
	background := i.inBackground()
	if background == nil {
		return nil, ErrEnded
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(background, func() { cancel(ErrEnded) })()

	trace := new(source.Trace)
	next, err := i.loader.load(ctx, trace)
	if err == nil {
		if err = i.good(next, trace, cause); err != nil {
			next.Table.Retire()
		}
	} else if cause == causeWatch && !i.State().trace.Agrees(trace) {
		err = errMoved
	}
	switch {
	case errors.Is(err, errMoved):
		return nil, err
	case err != nil && ctx.Err() != nil:
		return nil, ErrEnded
	case err != nil:
		if keep == nil {
			i.remember(&Failure{err, cause, time.Now()}, trace)
		}
		return nil, err
	}
	if keep != nil {
		if err := keep(ctx); err != nil {
			next.Table.Retire()
			return nil, err
		}
	}
	next.start(background)
	next.warm(ctx)
	done := &Reloaded{loaded: next, Difference: inventory.Compare(i.table.Load(), next.Table)}
	if done.Version = i.publish(done, trace); done.Version == 0 {
		return nil, ErrEnded
	}
	i.serves(next)
	return done, nil
}

// good returns what speaks against publishing a loaded table.
func (i *Instance) good(next *loaded, trace *source.Trace, cause string) error {
	now := i.State()
	if cause == causeWatch && !now.trace.Agrees(trace) {
		return errMoved
	}
	return lost(now.contents, next.contents, cause == CauseDelete)
}

// inBackground returns the context of what the instance runs in the background, or nil if the configuration does not run.
func (i *Instance) inBackground() context.Context {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.background
}

// publish replaces the current table, and returns the new version, or 0 if the instance has ended.
func (i *Instance) publish(done *Reloaded, trace *source.Trace) int {
	next := done.loaded
	i.mu.Lock()
	if i.ended {
		i.mu.Unlock()
		next.end()
		next.Table.Retire()
		return 0
	}
	before := i.now
	i.now = State{loaded: next, Version: before.Version + 1, LoadedAt: time.Now(), Difference: &done.Difference, trace: trace}
	version := i.now.Version
	next.series.Publish()
	i.table.Store(next.Table)
	i.mu.Unlock()
	before.end()
	before.Table.Retire()
	return version
}

// remember keeps why a reload failed and what it read, so that a change of that is noticed.
func (i *Instance) remember(f *Failure, trace *source.Trace) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now.Failure, i.now.trace = f, trace
}

// fields describes a table for the log.
func (l *loaded) fields() []zap.Field {
	n := inventory.Count(l.Table)
	return []zap.Field{
		zap.Int("tenants", n.Tenants), zap.Int("routes", n.Routes), zap.Int("pools", n.Pools), zap.Duration("took", l.took),
	}
}

// tell reports a reload to log, metrics and events.
func (i *Instance) tell(done *Reloaded, cause string, err error) {
	if errors.Is(err, ErrEnded) || errors.Is(err, errMoved) {
		return
	}
	if err != nil {
		i.failed.Add(1)
		i.logger.Error("reload failed, the old routing table keeps serving", zap.Error(err), zap.String("cause", cause))
		i.loader.host.Emit(eventFailed, map[string]any{"instance": i.name, "cause": cause, "error": err.Error()})
		return
	}
	i.reloads.Add(1)
	i.logger.Info("routing table reloaded", append(done.fields(), zap.String("cause", cause), zap.Int("version", done.Version))...)
	i.loader.host.Emit(eventReloaded, map[string]any{
		"instance": i.name, "cause": cause, "version": done.Version, "seconds": done.took.Seconds(),
	})
}
