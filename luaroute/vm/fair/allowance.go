package fair

import (
	"sync/atomic"
	"time"
)

const (
	// Burst is how long a tenant that was quiet runs before it needs a turn.
	Burst = 2 * time.Millisecond
	// share is what it may run without one in the long run: one part in so many of the time of a processor.
	share = 50
)

// allowance is how long one tenant runs without a turn.
type allowance struct {
	began time.Time
	// paid is when all that was used will be paid for with the share, in nanoseconds since it began.
	paid atomic.Int64
	// used says that it is used up, or was at the last look.
	used atomic.Bool
}

func newAllowance() allowance { return allowance{began: time.Now()} }

// Use takes from the allowance of the tenant what ran without a turn until now.
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

// UsedUp reports whether nothing of the tenant may run without a turn. It looks at the clock only if it was so before.
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
