package instance

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/tally"
)

// maxPlaces is from how many places panics are told apart; those of all others are taken for one.
const maxPlaces = 100

// panics keeps the panics of handlers from filling a disk: a script can name one of Caddy's that fails on each request, and the server logs
// the whole stack each time.
type panics struct {
	left *tally.Tally

	mu   sync.Mutex
	seen map[string]time.Time // by place
}

func newPanics(logger *zap.Logger) *panics {
	return &panics{
		left: tally.New(func(c tally.Count) {
			logger.Error("handlers panicked again; those of the same place as one within the same second are not logged",
				zap.Int("panics", c.Lines), zap.String("first", c.First))
		}),
		seen: map[string]time.Time{},
	}
}

// pass is to be deferred around handlers. The first panic of a place in a second goes on as it is. The others end their responses all the
// same, but are only counted.
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

// placeOfPanic returns file:line of what has panicked first, for a deferred function that has recovered: others on the way may have recovered,
// and panicked again.
func placeOfPanic() (place string) {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	panicking := false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicking = true
		case panicking && !strings.HasPrefix(f.Function, "runtime."): // which finds nil pointers and the like
			panicking = false
			place = f.File + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return place
		}
	}
}
