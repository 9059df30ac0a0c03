package fair

import (
	"sync/atomic"
	"time"
)

const (
	// Burst is how long a tenant with its whole allowance runs before it needs a turn.
	Burst = 2 * time.Millisecond
	// share is what it may run without one on average: 1/share of the time of a processor.
	share = 50
)

// allowance is how long one tenant runs without a turn.
type allowance struct {
	began time.Time
	// paid is when the share will have paid for all that was used, in nanoseconds since it began.
	paid atomic.Int64
	// used says that it was used up when last checked.
	used atomic.Bool
}

func newAllowance() allowance { return allowance{began: time.Now()} }

// Use charges the allowance for time that ran without a turn until now.
func (a *allowance) Use(ran time.Duration, now time.Time) {
	at := int64(now.Sub(a.began))
	for {
		old := a.paid.Load()
		paid := max(old, at) + int64(ran)*share
		if a.paid.CompareAndSwap(old, paid) {
			if paid-at > int64(Burst)*share {
				a.used.Store(true)
			}
			return
		}
	}
}

// UsedUp reports whether the tenant needs a turn to run. It reads the clock only if that was so before.
func (a *allowance) UsedUp() bool {
	if !a.used.Load() {
		return false
	}
	if a.paid.Load()-int64(time.Since(a.began)) > int64(Burst)*share {
		return true
	}
	a.used.Store(false)
	return false
}
