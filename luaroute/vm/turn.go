package vm

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/fair"
)

// processors is the queue of the process. It leaves one processor to those that need little.
var processors = fair.NewQueue(func() int { return max(1, runtime.GOMAXPROCS(0)-1) })

// NewLine returns a line for turns of the process, for a tenant that also has other work than that of a Pool; see Pool.StandIn.
func NewLine() *fair.Line { return processors.NewLine() }

// StandIn gives the states the line of their tenant, whose allowance they use. Call it before the first Get.
func (p *Pool) StandIn(line *fair.Line) { p.line = line }

// Line returns the line of the states.
func (p *Pool) Line() *fair.Line { return p.line }

// turn is what a budget knows of its turn. It has one only while Lua runs: before it waits for something else, or returns to Go code
// that might, it steps aside. The next check of the clock, or call, waits for another one.
type turn struct {
	taken  bool
	since  time.Time
	queued time.Duration // for turns, since the budget began
}

// keepTurn makes sure that a script whose tenant has used up its allowance has a turn, and yields to others after a slice. It
// may wait, or end the budget.
func (b *budget) keepTurn() {
	line, queue := b.state.line, b.state.queue
	if b.turn.taken {
		if b.looked.Sub(b.turn.since) < fair.Slice || !line.Crowded() {
			b.giveWay()
			return
		}
		b.stepAside()
	}
	var err error
	if start := time.Now(); line.TryEnter() {
		b.looked = start
	} else {
		err = b.waitForTurn()
		b.looked = time.Now() // the wait is not time that Lua ran
		b.turn.queued += b.looked.Sub(start)
	}
	switch {
	case err == nil:
		b.turn.taken, b.turn.since = true, b.looked
	case errors.Is(err, fair.ErrTimeout):
		b.end(fmt.Errorf("%w: it waited for more than %v for a processor", errQueue, queue))
	default:
		b.end(err)
	}
}

// waitForTurn stands in the line of the tenant.
func (b *budget) waitForTurn() error {
	most := fair.Forever
	if queue := b.state.queue; queue > 0 && !b.streams {
		most = queue - b.turn.queued
	}
	ctx, stop := b.waiting()
	defer stop()
	return b.state.line.Enter(ctx, most, b.spent < fair.Slice && !b.streams)
}

// giveWay yields to all other goroutines where they may have no processor. Go would do so after 10 ms.
func (b *budget) giveWay() {
	if runtime.GOMAXPROCS(0) == 1 {
		runtime.Gosched()
		b.looked = time.Now() // what the others took is not time that Lua ran
	}
}

// stepAside ends the turn.
func (b *budget) stepAside() {
	if b.turn.taken {
		if b.ended == nil {
			b.settle() // as time of the turn
		}
		b.turn.taken = false
		b.state.line.Leave()
	}
}

// StepAside lets others run Lua. Go functions that scripts call use it before they wait, for the network or for a disk;
// State.Wait does it itself. Nothing has to be done afterwards.
func (s *State) StepAside() {
	s.account()
	s.budget.stepAside()
}
