// Package instance runs the scripts of one configuration: it loads them into a table, serves with it, and reloads it.
package instance

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/inventory"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/overlay"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
	"github.com/luaroute/caddy-luaroute/luaroute/tail"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Instance is what the handlers of one name share: the table that serves.
type Instance struct {
	name    string
	logger  *zap.Logger
	loader  *loader
	table   atomic.Pointer[routing.Table]
	panics  *panics
	watcher watcher
	// unlogged says that no server of the configuration writes access logs.
	unlogged atomic.Bool
	// namedAround and namedInside say that the routes of servers, and the scripts, have the name of a placeholder of a request.
	namedAround, namedInside atomic.Bool
	tail                     tail.Hub

	reloading sync.Mutex // held by the reload that runs
	mu        sync.Mutex // guards what follows, and that table is not set after the end
	now       State
	ended     bool
	// background is the context of what runs in the background, nil before the app starts.
	background    context.Context
	endBackground context.CancelFunc
	ending        sync.Once // see EndWithin

	wanted, wantedByTenants wish // reloads that trusted and isolated scripts request

	reloads, failed atomic.Int64 // since the configuration was loaded
}

// State is what is known about the table of an instance. What it refers to does not change.
type State struct {
	*loaded
	// Version counts the tables since the configuration was loaded, from 1.
	Version  int
	LoadedAt time.Time
	// Failure is that of the last reload, nil if it succeeded.
	Failure *Failure
	// Difference is what the last reload that succeeded has changed, nil before the first.
	Difference *inventory.Difference
	// trace is what the last load read, even if it failed.
	trace *source.Trace
}

// Failure is a reload that failed.
type Failure struct {
	Err   error
	Cause string
	At    time.Time
}

// Host is what an instance needs from the app.
type Host struct {
	Pools *pool.Set
	// Libraries are those that scripts can require, by name.
	Libraries map[string]vm.Library
	// Emit emits an event about a reload.
	Emit func(event string, data map[string]any)
}

// New loads the scripts of a configuration.
func New(ctx caddy.Context, c *config.Instance, host Host) (*Instance, error) {
	l, err := newLoader(ctx, c, host)
	if err != nil {
		return nil, err
	}
	i := &Instance{name: c.Name, logger: l.logger, loader: l, panics: newPanics(l.logger), watcher: newWatcher(c), wanted: newWish(), wantedByTenants: newWish()}
	l.again, l.againForTenants = i.wanted.make, i.wantedByTenants.make
	trace := new(source.Trace)
	first, err := l.load(ctx, trace)
	if err != nil {
		return nil, err
	}
	i.now = State{loaded: first, Version: 1, LoadedAt: time.Now(), trace: trace}
	first.series.Publish()
	i.table.Store(first.Table)
	i.logger.Info("routing table loaded", first.fields()...)
	i.serves(first)
	return i, nil
}

// Name returns the name of the instance.
func (i *Instance) Name() string { return i.name }

// Table returns the current table.
func (i *Instance) Table() *routing.Table { return i.table.Load() }

// Reloads returns how many reloads there were since the configuration was loaded.
func (i *Instance) Reloads() (good, failed int64) { return i.reloads.Load(), i.failed.Load() }

// State describes the current table.
func (i *Instance) State() State {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

// Serve routes a request with the current table.
func (i *Instance) Serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (err error) {
	defer i.panics.pass()
	told := i.observe(r)
	if i.tail.Watched() {
		if told == nil {
			told = &observed{instance: i, unseen: true}
		}
		defer i.follow(r, told).end()
	}
	if told != nil && !told.unseen && i.Dev() && onThisMachine(r) {
		shown := &devWriter{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, of: told}
		w = shown
		asked := r.Clone(r.Context()) // before a script changes it, and behind what Caddy has stripped
		asked.Body = http.NoBody
		defer func() {
			if err != nil && i.show(shown, asked, err) {
				err = nil
			}
		}()
	}
	for {
		table := i.table.Load()
		err := table.ServeReporting(w, r, next, told.report())
		if err == nil || !errors.Is(err, routing.ErrRetired) {
			told.end(r)
			return i.late(r, err)
		}
		if i.table.Load() != table {
			continue // a reload came in between
		}
		// The configuration has ended. Caddy cleans up while the last requests of its servers are still on their way to
		// the handlers, so those are for the configuration that took its place.
		successor := running.get(i.name)
		if successor == nil || successor == i {
			return caddyhttp.Error(http.StatusServiceUnavailable, err)
		}
		i = successor
	}
}

// certify reports whether a certificate may be issued for a host.
func (i *Instance) certify(ctx context.Context, host string) (bool, error) {
	for {
		table := i.table.Load()
		ok, err := table.Certify(ctx, host)
		if !errors.Is(err, routing.ErrRetired) || i.table.Load() == table {
			return ok, err
		}
	}
}

// Explain reports how the current table would handle a request.
func (i *Instance) Explain(r *http.Request, run bool) explain.Decision {
	r = r.WithContext(overlay.NewRun(nil).In(r.Context()))
	for {
		table := i.table.Load()
		d := explain.Decide(table, r, run)
		if !errors.Is(d.Err, routing.ErrRetired) || i.table.Load() == table {
			return d
		}
	}
}

// late handles an error after the response header was sent. Caddy must not answer again, so it is logged here, and the connection is
// aborted if the body is incomplete.
func (i *Instance) late(r *http.Request, err error) error {
	if err == nil || !errors.Is(err, chiproxy.ErrHeaderSent) {
		return err
	}
	i.logger.Error("request failed after its response had begun",
		zap.Error(err), zap.String("method", r.Method), zap.String("uri", r.RequestURI))
	if errors.Is(err, chiproxy.ErrBodySent) {
		return nil
	}
	panic(http.ErrAbortHandler)
}

// Ended reports whether Retire was called.
func (i *Instance) Ended() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.ended
}

// Retire releases the table. The instance serves no more.
func (i *Instance) Retire() {
	i.stop()
	i.mu.Lock()
	i.ended = true
	table := i.table.Load()
	i.mu.Unlock()
	table.Retire()
}
