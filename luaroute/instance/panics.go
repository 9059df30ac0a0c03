package instance

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy/tally"
)

// maxPlaces is how many places of panics are told apart; all others count as one.
const maxPlaces = 100

// panics keeps the panics of handlers from filling a disk: a script can use a Caddy handler that panics on each request, and the server
// logs the stack each time.
type panics struct {
	left *tally.Tally

	mu   sync.Mutex
	seen map[string]time.Time // by place
}

func newPanics(logger *zap.Logger) *panics {
	return &panics{
		left: tally.New(tally.Interval, func(c tally.Count) {
			logger.Error("handlers panicked again; a panic from the same place within a second is not logged",
				zap.Int("panics", c.Lines), zap.String("first", c.First))
		}),
		seen: map[string]time.Time{},
	}
}

// pass is deferred around handlers. The first panic of a place in a second passes unchanged. Others end their responses too, but are only
// counted.
func (p *panics) pass() {
	r := recover()
	if r == nil {
		return
	}
	if r != http.ErrAbortHandler {
		if place := placeOfPanic(); !p.first(place, time.Now()) {
			p.left.Add(0, func() string { return place })
			r = http.ErrAbortHandler
		}
	}
	panic(r)
}

// first reports whether no panic of a place was seen for a second.
func (p *panics) first(place string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, known := p.seen[place]
	if !known && len(p.seen) >= maxPlaces {
		place = ""
		last = p.seen[place]
	}
	if now.Sub(last) < tally.Interval {
		return false
	}
	p.seen[place] = now
	return true
}

// placeOfPanic returns file:line of what has panicked first, for a deferred function that has recovered: deferred functions before it may
// have recovered and panicked again.
func placeOfPanic() (place string) {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	panicking := false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicking = true
		case panicking && !strings.HasPrefix(f.Function, "runtime."): // the runtime raises nil dereferences and the like
			panicking = false
			place = f.File + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return place
		}
	}
}
