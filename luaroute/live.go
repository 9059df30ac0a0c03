package luaroute

import (
	"context"
	"time"
)

// pause is the least time between two reloads that scripts have asked for.
const pause = 100 * time.Millisecond

// start begins what the instance does by itself: timers, the watch, and the reloads that scripts ask for.
func (i *instance) start() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.living != nil || i.ended {
		return
	}
	i.living, i.die = context.WithCancel(i.loader.ctx)
	i.now.start(i.living)
	go i.fulfil(i.living)
	if every := time.Duration(i.loader.handler.Watch); every > 0 {
		go i.watch(i.living, every)
	}
}

// stop ends what the instance does by itself.
func (i *instance) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.die != nil {
		i.die()
	}
}

// want asks for a reload. Wishes that come before the reload begins are one.
func (i *instance) want() {
	select {
	case i.wanted <- struct{}{}:
	default:
	}
}

// fulfil reloads when scripts have asked for it, for at most half of the time.
func (i *instance) fulfil(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-i.wanted:
		}
		start := time.Now()
		_, _ = i.reload(ctx, causeScript) // which reports what goes wrong
		if !wait(ctx, max(pause, time.Since(start))) {
			return
		}
	}
}

// watch reloads when something that the last load has looked at is another one, and stays so from one look to the next: an
// editor may write several files, or one in several steps.
func (i *instance) watch(ctx context.Context, every time.Duration) {
	pending, of := "", i.state().trace
	for wait(ctx, every) {
		trace := i.state().trace
		changes := trace.Changes(ctx)
		switch {
		case changes == "":
			pending = ""
		case trace != of || changes != pending:
			pending = changes
		default:
			pending = ""
			_, _ = i.reload(ctx, causeWatch) // which reports what goes wrong
		}
		of = trace
	}
}

// wait waits, and returns false when the context ends.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
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

// warm waits until all timers have run once, but not for long.
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
