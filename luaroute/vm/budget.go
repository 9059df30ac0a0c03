package vm

import (
	"context"
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/fair"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// ErrBudget means that a script has used up its budget.
var ErrBudget = errors.New("the budget of the script is used up")

// The limits of a budget. An error for one of them is an ErrBudget, too.
var (
	errCPU    = fmt.Errorf("%w", ErrBudget)
	errWall   = fmt.Errorf("%w", ErrBudget)
	errMemory = fmt.Errorf("%w", ErrBudget)
	errQueue  = fmt.Errorf("%w", ErrBudget)
)

// LimitOf returns the limit that an error is about: cpu, wall, memory or queue, and "" for an error about none.
func LimitOf(err error) string {
	switch {
	case errors.Is(err, errWall):
		return "wall"
	case errors.Is(err, errMemory):
		return "memory"
	case errors.Is(err, errQueue), errors.Is(err, ErrBusy):
		return "queue"
	case errors.Is(err, ErrStopped):
		return ""
	case errors.Is(err, ErrBudget): // of modules of Caddy, too
		return "cpu"
	}
	return ""
}

const (
	// quantum is the number of steps between two looks at the clock. A step is one instruction.
	quantum = 1000
	// usualStep is about how long a step takes.
	usualStep = 50 * time.Nanosecond
	// unseen is what counts for the instructions up to the first look at the clock in a call, some of a quantum. Calls that end before
	// it cost nothing of the allowance of their tenant, as long as that is not used up.
	unseen = quantum * usualStep
	// slowest is the most time that one step counts for. A machine that is busy with other things makes steps longer;
	// the script is not to blame for that, and a call of few steps can never end by the clock.
	slowest = time.Microsecond
	// maxThreads is how many coroutines one request or load may make.
	maxThreads = 1000
	// maxResumes is how deep coroutines may resume one another. Each level takes a piece of the Go stack.
	maxResumes = 100
	// loopsPerStep and stepsPerResume say what it costs to call from Lua into Go into Lua. Go's stack moves to a larger place as it
	// grows, so a main loop costs one step for so many around it, and a resume so many for each around it.
	loopsPerStep   = 10
	stepsPerResume = 4
)

// budget counts what a state uses. It is the context of all its Lua threads: gopher-lua asks Done before every
// instruction, and that is where the budget counts. It is for the goroutine that runs the state only;
// Go code that waits uses the context that State.Wait hands it.
type budget struct {
	state  *State
	parent context.Context
	life   context.Context // ends the call that runs; see Life
	limits Limits

	left    int           // steps until the next look at the clock
	size    int           // what left was at the last look
	ahead   int           // steps that were counted at the last look for work that came after it
	slow    int           // how many times as long as usual a step may take
	spent   time.Duration // of limits.CPU
	waited  time.Duration // of limits.Wall
	looked  time.Time     // the last look of the call that runs; zero before its first
	ended   error         // why nothing may run any more
	threads int
	tally   Tally
	resumes int
	nested  int  // main loops of the running thread in one another: calls of metamethods, iterators and the like
	streams bool // it was refilled
	turn    turn

	guarded  bool  // a protected call begins, see catch
	guard    guard // of the protected call that runs
	cuts     []cut // of those that run, the innermost last
	handled  bool  // the last error is what a handler has made of it
	verbatim bool  // the error that is raised next is a script's own, and says what it says

	// Of memory, in bytes: what the last walk has found, what was counted since, what instructions may have made since, and
	// what Go functions hold that call back into Lua. The first three outlive a request.
	live, made, guessed int64
	held                int64
}

const (
	// maxTailCalls is how many tail calls of one frame a stack trace lists.
	maxTailCalls = 3
	// maxTailFrames is in how many frames they are cut.
	maxTailFrames = 16
)

// forgetTailCalls cuts the counts of tail calls in the innermost frames of a thread. gopher-lua writes one line into the
// trace of an error for each, so an error after a loop of a million tail calls would take longer than the loop.
func forgetTailCalls(L *lua.LState) {
	f := gopher.Running(L)
	for range maxTailFrames {
		if f == nil {
			return
		}
		f.TailCall = min(f.TailCall, maxTailCalls)
		f = f.Parent
	}
}

var ended = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// arm starts a new budget.
func (b *budget) arm(parent context.Context, limits Limits) {
	b.stepAside()
	steps := b.state.ahead(quantum)
	*b = budget{
		state: b.state, parent: parent, limits: limits, left: steps, size: steps, slow: 1, ended: b.ended,
		live: b.live, made: b.made, guessed: b.guessed, cuts: b.cuts[:0],
	}
	b.enter()
}

// Done counts one step. It returns a closed channel when the budget has ended, and else nil, which never is ready.
func (b *budget) Done() <-chan struct{} {
	if b.left--; b.left >= 0 {
		return nil
	}
	return b.pass()
}

// pass is look between two instructions, where all that the script holds can be seen.
func (b *budget) pass() <-chan struct{} {
	if b.state.options.Step != nil && b.stepped() {
		return nil
	}
	b.measure()
	b.state.account()
	return b.look()
}

// look takes the time, and asks whether anybody still waits for the result, and whether it is the turn of others.
func (b *budget) look() <-chan struct{} {
	if L := b.state.L.G.CurrentThread; L != nil {
		forgetTailCalls(L)
	}
	if b.ended == nil {
		b.count()
	}
	if b.ended == nil && b.spent >= b.limits.CPU {
		b.end(fmt.Errorf("%w: it ran for more than %v", errCPU, b.limits.CPU))
	}
	if b.ended == nil && b.parent.Err() != nil {
		b.end(context.Cause(b.parent))
	}
	if b.ended == nil && b.life.Err() != nil {
		b.end(context.Cause(b.life))
	}
	if b.ended == nil && (b.turn.taken || b.state.line.UsedUp()) {
		b.keepTurn()
	}
	if b.ended != nil {
		b.stepAside()
		b.left = 0
		return ended
	}
	return nil
}

// count adds the time since the last look.
func (b *budget) count() {
	now := time.Now()
	took := unseen
	if !b.looked.IsZero() {
		took = min(now.Sub(b.looked), time.Duration(b.size-b.left+b.ahead)*b.state.longest()*time.Duration(b.slow))
		b.spent += took
		b.guessed += int64(took) * madeEach
	}
	if !b.turn.taken {
		b.state.line.Use(took, now)
	}
	b.slow = b.state.slowness()
	steps := b.state.ahead(max(quantum/b.slow, 1))
	if b.made+b.guessed > b.room() {
		steps = 0 // the next instruction measures
	}
	b.looked, b.left, b.size, b.ahead = now, steps, steps, 0
}

// settle adds the time since the last look without being one: the next comes no later for it.
func (b *budget) settle() {
	if b.looked.IsZero() {
		return
	}
	left := b.left
	b.count()
	b.left, b.size = left, left
}

// pause forgets the time of the last look, because the call ends here.
func (b *budget) pause() {
	b.settle()
	b.looked = time.Time{}
}

// end says that nothing may run any more, for good: the state is broken. The first reason counts.
func (b *budget) end(why error) {
	if b.ended == nil {
		b.ended = why
	}
	b.left = 0
}

// Err returns why the budget has ended, or nil.
func (b *budget) Err() error { return b.ended }

// Value returns the value of the context that the state was armed with.
func (b *budget) Value(key any) any { return b.parent.Value(key) }

// Deadline returns no deadline: time counts only while Lua runs.
func (b *budget) Deadline() (time.Time, bool) { return time.Time{}, false }

// Spend counts the work of a Go function as steps: some 50 ns each, or 64 bytes copied. It does not return if the budget
// ends with that.
func Spend(L *lua.LState, steps int) {
	b, ok := L.Context().(*budget)
	if !ok {
		return
	}
	if b.left -= steps; b.left >= 0 {
		return
	}
	end := b.look()
	b.ahead = steps
	if end == nil && !b.turn.taken && steps >= int(fair.Burst/usualStep) {
		b.keepTurn() // what comes will use up the allowance
	}
	if b.ended != nil {
		L.RaiseError("%s", b.ended.Error())
	}
}

// Wait runs a function that waits. The context is done when the time for waiting is over, or when nobody waits
// for the request any more; then the budget ends.
func (s *State) Wait(wait func(ctx context.Context) error) error {
	b := &s.budget
	over := fmt.Errorf("%w: it waited for more than %v", errWall, b.limits.Wall)
	s.account()
	ctx, stop := b.waiting()
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, b.limits.Wall-b.waited, over)
	defer cancel()
	b.stepAside()
	if aside := s.options.Aside; aside != nil && s.Loading() {
		defer aside()()
	}
	start := time.Now()
	err := wait(ctx)
	waited := time.Since(start)
	b.waited += waited
	if !b.looked.IsZero() {
		b.looked = b.looked.Add(waited) // it is not time that Lua ran
	}
	if ctx.Err() != nil {
		b.end(context.Cause(ctx))
	} else if b.waited > b.limits.Wall { // on a busy machine what it waited for may come before the end of the context, though later
		b.end(over)
	}
	return err
}

// slowness returns how many times as long as usual an instruction may take: those that make and close functions go over the
// captured variables of all calls that run.
func (s *State) slowness() int {
	L := s.L.G.CurrentThread
	if L == nil {
		return 1
	}
	registers, _ := gopher.Registers(L)
	return 1 + len(registers)/256
}

// Spent returns how long Lua has run in the state since it was armed. It is an estimate, by what was counted, of calls that ended before the first
// look at the clock.
func (s *State) Spent() time.Duration {
	b := &s.budget
	b.settle()
	if b.spent > 0 {
		return b.spent
	}
	return time.Duration(max(b.size-b.left+b.ahead, 1)) * usualStep
}
