package vm

import (
	"sync/atomic"
	"time"
)

const (
	// soon is how long the Lua of a tenant that was quiet runs before it needs a place in the slow lane.
	soon = 2 * time.Millisecond
	// share is what it may run without one in the long run: one part in so many of the time of a processor.
	share = 50
	// unseen is what counts for the instructions up to the first look at the clock in a call, some of a quantum.
	unseen = quantum * usualStep
)

// allowance is how long the Lua of one tenant runs without a place in the slow lane. Calls that end before they look at the
// clock cost nothing of it, as long as it is not used up.
type allowance struct {
	began time.Time
	// paid is when all that was used will be paid for with the share, in nanoseconds since it began.
	paid atomic.Int64
	// used says that it is used up, or was at the last look.
	used atomic.Bool
}

// use takes from the allowance what ran without a place until now.
func (a *allowance) use(ran time.Duration, now time.Time) {
	at := int64(now.Sub(a.began))
	for {
		old := a.paid.Load()
		paid := max(old, at) + int64(ran)*share
		if a.paid.CompareAndSwap(old, paid) {
			if paid-at > int64(soon)*share {
				a.used.Store(true)
			}
			return
		}
	}
}

// usedUp says whether nothing may run without a place. It looks at the clock only if it was so before.
func (a *allowance) usedUp() bool {
	if !a.used.Load() {
		return false
	}
	if a.paid.Load()-int64(time.Since(a.began)) > int64(soon)*share {
		return true
	}
	a.used.Store(false)
	return false
}
