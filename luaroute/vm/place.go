package vm

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// place is what a budget knows of the slow lane. It is in the lane only while Lua runs: whoever waits for something else, or
// returns to Go code that might, steps aside first. The next look at the clock, or call, stands in line again.
type place struct {
	taken  bool
	since  time.Time
	queued time.Duration // for places, since the budget began
}

// keepPlace sees that a script whose tenant has used up its allowance has a place in the slow lane, and gives it to others when
// it is their turn. It may wait, or end the budget.
func (b *Budget) keepPlace() {
	line := b.state.line
	if b.place.taken {
		if b.looked.Sub(b.place.since) < slice || !line.lane.crowded() {
			b.giveWay()
			return
		}
		b.stepAside()
	}
	most := forever
	if line.queue > 0 && !b.streams {
		most = line.queue - b.place.queued
	}
	start := time.Now()
	err := line.enter(b.parent, most, b.spent < slice && !b.streams)
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

// giveWay lets everything else run that can, where the lane could leave no processor to it. Go would do so after 10 ms.
func (b *Budget) giveWay() {
	if runtime.GOMAXPROCS(0) == 1 {
		runtime.Gosched()
		b.looked = time.Now() // what the others took is not time that Lua ran
	}
}

// stepAside gives the place up.
func (b *Budget) stepAside() {
	if b.place.taken {
		if b.ended == nil {
			b.settle() // as time in the lane
		}
		b.place.taken = false
		b.state.line.lane.leave()
	}
}

// StepAside lets others run Lua. Go functions that scripts call do it before they wait, for the network or for a disk;
// State.Wait does it by itself. Nothing has to be done afterwards.
func (s *State) StepAside() { s.budget.stepAside() }
