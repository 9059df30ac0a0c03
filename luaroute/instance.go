package luaroute

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
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// instance is what the handlers of one name share: the table that serves.
type instance struct {
	app    *App
	name   string
	config []byte // what it was made of
	logger *zap.Logger
	loader *loader
	table  atomic.Pointer[chiproxy.Table]

	reloading sync.Mutex // held by the reload that runs
	mu        sync.Mutex // guards what follows, and that table is not set after the end
	now       state
	ended     bool
	// living is the context of what acts by itself, nil before the app starts.
	living context.Context
	die    context.CancelFunc

	wanted chan struct{} // holds one wish for a reload at most

	reloads, failed atomic.Int64 // since the configuration was loaded
}

// state is what is known about the table of an instance. What it refers to does not change.
type state struct {
	*loaded
	// version counts the tables since the configuration was loaded, from 1.
	version  int
	loadedAt time.Time
	// failure is that of the last reload, nil if it was good.
	failure *failure
	// trace is what the last load has looked at, well or not.
	trace *source.Trace
}

// failure is a reload that failed.
type failure struct {
	err   error
	cause string
	at    time.Time
}

// newInstance loads the scripts of a configuration.
func newInstance(ctx caddy.Context, c *config.Instance, app *App, canonical []byte) (*instance, error) {
	l, err := newLoader(ctx, c, app.pools)
	if err != nil {
		return nil, err
	}
	i := &instance{app: app, name: c.Name, config: canonical, logger: l.logger, loader: l, wanted: make(chan struct{}, 1)}
	l.again = i.want
	trace := new(source.Trace)
	first, err := l.load(ctx, trace)
	if err != nil {
		return nil, err
	}
	i.now = state{loaded: first, version: 1, loadedAt: time.Now(), trace: trace}
	i.table.Store(first.table)
	i.logger.Info("routing table loaded", first.fields()...)
	return i, nil
}

// state returns what is known about the table of the moment.
func (i *instance) state() state {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

// serve routes a request by the table of the moment.
func (i *instance) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	for {
		table := i.table.Load()
		err := table.Serve(w, r, next)
		if err == nil || !errors.Is(err, chiproxy.ErrRetired) {
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

// certify says whether a certificate may be issued for a host.
func (i *instance) certify(ctx context.Context, host string) (bool, error) {
	for {
		table := i.table.Load()
		ok, err := table.Certify(ctx, host)
		if !errors.Is(err, chiproxy.ErrRetired) || i.table.Load() == table {
			return ok, err
		}
	}
}

// late deals with an error that came after the header of the response had left. Caddy must not answer it again, so it is
// logged here; a client that waits for the rest of a body learns from its connection that there is none.
func (i *instance) late(r *http.Request, err error) error {
	if err == nil || !errors.Is(err, chiproxy.ErrHeaderSent) {
		return err
	}
	i.logger.Error("request failed after the response had begun",
		zap.Error(err), zap.String("method", r.Method), zap.String("uri", r.RequestURI))
	if errors.Is(err, chiproxy.ErrBodySent) {
		return nil
	}
	panic(http.ErrAbortHandler)
}

// isEnded says whether the table was given up.
func (i *instance) isEnded() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.ended
}

// retire gives the table up, for good.
func (i *instance) retire() {
	i.stop()
	i.mu.Lock()
	i.ended = true
	table := i.table.Load()
	i.mu.Unlock()
	table.Retire()
}
