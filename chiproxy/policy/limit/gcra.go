package limit

import (
	"fmt"
	"time"
)

// pace is how fast a budget comes back, and how large it is.
type pace struct {
	interval time.Duration // for one
	burst    int64
}

// Bounds of a pace. Shorter intervals than a microsecond would be rounded noticeably, and longer times than ten years overflow one day.
const (
	minInterval = time.Microsecond
	maxSpan     = 10 * 365 * 24 * time.Hour
)

func newPace(rate, burst int, per time.Duration) (pace, error) {
	p := pace{per / time.Duration(rate), int64(burst)}
	if p.interval < minInterval {
		return p, fmt.Errorf("%d in %s are more than one in a microsecond; expected fewer", rate, per)
	}
	if p.burst > int64(maxSpan/p.interval) {
		return p, fmt.Errorf("a budget of %d that comes back at %d in %s takes more than ten years; expected less", burst, rate, per)
	}
	return p, nil
}

// span is how long an empty budget takes to be whole.
func (p pace) span() time.Duration { return p.interval * time.Duration(p.burst) }

// take takes cost, which is at most the burst, from the budget that is whole at a time, and returns when it is whole then. If not enough is left
// it takes nothing. A time further away than a whole budget takes comes of a slower pace, or of a clock that was set back, and counts as that.
func (p pace) take(whole, now time.Duration, cost int64) (time.Duration, Budget) {
	full := now + p.span()
	from := min(max(whole, now), full)
	then := from + time.Duration(cost)*p.interval
	if then > full {
		return from, Budget{Remaining: int64((full - from) / p.interval), Reset: from - now, RetryAfter: then - full}
	}
	return then, Budget{OK: true, Remaining: int64((full - then) / p.interval), Reset: then - now}
}
