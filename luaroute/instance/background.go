package instance

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"
	"weak"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/interrupt"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// pause is the minimum time between two reloads that scripts request.
	pause = 100 * time.Millisecond
	// tenantPause is that between two that isolated tenants request, all of them together: each runs the scripts of all tenants.
	tenantPause = time.Minute
)

// Start makes the instance known by its name, and begins what runs in the background. The servers are those of its configuration.
func (i *Instance) Start(servers map[string]*caddyhttp.Server) {
	all := slices.Collect(maps.Values(servers))
	i.unlogged.Store(!slices.ContainsFunc(all, logs))
	i.namedAround.Store(slices.ContainsFunc(all, names))
	running.add(i)
	i.loader.startStore()
	i.start()
}

// Stop makes the instance unknown, and ends what runs in the background.
func (i *Instance) Stop() {
	running.remove(i)
	i.stop()
}

// start begins timers, the watch, and the reloads that scripts ask for.
func (i *Instance) start() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.background != nil || i.ended {
		return
	}
	i.background, i.endBackground = context.WithCancel(i.loader.ctx)
	i.now.start(i.background)
	go i.fulfil(i.background)
	go i.handOn(i.background)
	if every := time.Duration(i.loader.config.Watch); every > 0 {
		go i.watch(i.background, every)
	}
}

// stop ends what the instance runs in the background.
func (i *Instance) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tail.End()
	if i.endBackground != nil {
		i.endBackground()
	}
}

// EndWithin ends background work, and after the grace period the script calls that still run: for a replaced configuration, or a server
// that stops. Only the first call counts.
func (i *Instance) EndWithin(grace time.Duration) {
	i.stop()
	i.ending.Do(func() {
		if !caddy.Exiting() {
			replaced.add(i.loader.calls)
		}
		time.AfterFunc(grace, func() {
			if caddy.Exiting() {
				i.loader.calls.End()
			} else {
				i.loader.calls.EndCalls()
			}
		})
	})
}

// replaced holds the lives of configurations that another has replaced. Calls that wait for what they wrap, and those of responses that still stream,
// go on then; they end with the server. A life that nobody has any more is forgotten.
var replaced lives

type lives struct {
	mu  sync.Mutex
	all map[weak.Pointer[vm.Life]]struct{}
}

func (l *lives) add(life *vm.Life) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[weak.Pointer[vm.Life]]struct{}{}
	}
	key := weak.Make(life)
	l.all[key] = struct{}{}
	runtime.AddCleanup(life, l.forget, key)
}

func (l *lives) forget(key weak.Pointer[vm.Life]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, key)
}

func (l *lives) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range l.all {
		if life := key.Value(); life != nil {
			life.End()
		}
	}
}

// EndReplaced ends the calls of scripts that still run for configurations that others have replaced, and all that begin for them, after a
// while: for a server that stops.
func EndReplaced(grace time.Duration) { time.AfterFunc(grace, replaced.end) }

// wish is whether something is requested. Requests count as one until it is taken.
type wish chan struct{}

func newWish() wish { return make(wish, 1) }

func (w wish) make() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// handOn requests the reloads that isolated tenants have requested, one in a tenantPause. One that must wait is not lost.
func (i *Instance) handOn(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-i.wantedByTenants:
		}
		i.wanted.make()
		if interrupt.Sleep(ctx, tenantPause) != nil {
			return
		}
	}
}

// fulfil reloads when scripts request it, at most half of the time.
func (i *Instance) fulfil(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-i.wanted:
		}
		start := time.Now()
		_, _ = i.Reload(ctx, causeScript) // which reports what goes wrong
		if interrupt.Sleep(ctx, max(pause, time.Since(start))) != nil {
			return
		}
	}
}

// watch reloads when something that the last load read has changed: an editor may write several files, or one in several steps.
func (i *Instance) watch(ctx context.Context, every time.Duration) {
	for Changed(ctx, every, func() *source.Trace { return i.State().trace }) {
		_, _ = i.Reload(ctx, causeWatch) // which reports what goes wrong
	}
}

// Changed looks at each interval, and returns when something that the last load has read has changed and stays unchanged for a moment. It
// returns false when the context ends.
func Changed(ctx context.Context, every time.Duration, last func() *source.Trace) bool {
	var p pending
	for interrupt.Sleep(ctx, every) == nil {
		if trace := last(); p.settled(trace, trace.Changes(ctx), time.Now()) {
			return true
		}
	}
	return false
}

const (
	// settles is how long a change must stay the same before it is loaded; at least one interval.
	settles = 100 * time.Millisecond
	// missed is how long, and for how many looks, a file must be missing before it counts as deleted: an editor may delete or empty a file
	// before it writes it.
	missed      = 2 * time.Second
	missedLooks = 4
)

// pending is a change that has not been taken yet.
type pending struct {
	of      *source.Trace
	changes source.Changes
	since   time.Time
	looks   int
}

// settled notes what a look found, and reports whether it has stayed the same for long enough.
func (p *pending) settled(of *source.Trace, changes source.Changes, now time.Time) bool {
	switch {
	case changes.All == "":
		*p = pending{}
		return false
	case p.of != of || p.changes != changes:
		*p = pending{of, changes, now, 1}
		return false
	}
	p.looks++
	if changes.Lost {
		return now.Sub(p.since) >= missed && p.looks >= missedLooks
	}
	return now.Sub(p.since) >= settles
}

// start lets the timers of a table run until its end, or that of ctx.
func (l *loaded) start(ctx context.Context) {
	ctx, l.stop = context.WithCancel(ctx)
	for _, t := range l.timers {
		go t.Serve(ctx)
	}
}

// end stops the timers of a table.
func (l *loaded) end() {
	if l.stop != nil {
		l.stop()
	}
}

// warmUp is how long a reload waits for the first runs of the timers of its table.
const warmUp = time.Second

// warm waits until all timers have run once, for at most warmUp.
func (l *loaded) warm(ctx context.Context) {
	limit := time.NewTimer(warmUp)
	defer limit.Stop()
	for _, t := range l.timers {
		select {
		case <-t.Ran():
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
