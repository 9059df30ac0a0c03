package vm

import (
	"errors"
	"fmt"
	"time"
)

// place is what a budget knows of the slow lane. It is in the lane only while Lua runs: whoever waits for something else, or
// returns to Go code that might, steps aside first. The next look at the clock stands in line again.
type place struct {
	taken  bool
	since  time.Time
	queued time.Duration // for places, since the budget began
}

// keepPlace sees that a script that runs for long has a place in the slow lane. It may wait, or end the budget.
func (b *Budget) keepPlace() {
	line := b.state.line
	if b.place.taken {
		if b.looked.Sub(b.place.since) < slice || !line.lane.crowded() {
			return
		}
		b.stepAside()
	}
	start := time.Now()
	err := line.enter(b.parent, line.queue-b.place.queued)
	b.looked = time.Now() // the wait is not time that Lua ran
	b.place.queued += b.looked.Sub(start)
	switch {
	case err == nil:
		b.place.taken, b.place.since = true, b.looked
	case errors.Is(err, errQueue):
		b.end(fmt.Errorf("%w: it waited for more than %v for a processor", ErrBudget, line.queue))
	default:
		b.end(err)
	}
}

// stepAside gives the place up.
func (b *Budget) stepAside() {
	if b.place.taken {
		b.place.taken = false
		b.state.line.leave()
	}
}

// StepAside lets others run Lua. Go functions that scripts call do it before they wait, for the network or for a disk;
// State.Wait does it by itself. Nothing has to be done afterwards.
func (s *State) StepAside() { s.budget.stepAside() }
