package limit

import (
	"context"
	"time"
)

// Store counts budgets instead of this process, such as for all servers.
type Store interface {
	// Take takes Cost from the budget of a key, or nothing if that is more than is left.
	Take(context.Context, Ask) (Budget, error)
}

// Waiter is a Store that may wait for something outside of the process.
type Waiter interface{ Waits() bool }

// Ask is what a Store is asked for.
type Ask struct {
	// Key is that of the limit and of the client.
	Key string
	// Interval is how long one of the budget takes to come back, and Burst how many there may be at once.
	Interval time.Duration
	Burst    int64
	// Cost may be 0: nothing is taken. It may be below: that much comes back.
	Cost int64
}

// Budget is what came of it.
type Budget struct {
	// OK reports whether it was taken.
	OK bool
	// Remaining is what is left.
	Remaining int64
	// Reset is how long until the budget is whole, and RetryAfter until this cost can be taken, 0 if it could.
	Reset, RetryAfter time.Duration
}
