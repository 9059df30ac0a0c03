package vm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/fair"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

const (
	// maxCalls is how many calls may stand in one another in a thread.
	maxCalls = 1000
	// spareCalls are those of Go functions, which are made before anybody looks.
	spareCalls = 8
)

// stateOptions keep a state small: most requests need a few frames and registers, and growing them is cheap.
var stateOptions = lua.Options{
	SkipOpenLibs:        true,
	RegistrySize:        256,
	RegistryMaxSize:     1 << 16,
	RegistryGrowStep:    1024,
	CallStackSize:       maxCalls + spareCalls,
	MinimizeStackMemory: true,
}

// State is one Lua state of ours: that of a builder, or a copy that serves requests. One goroutine uses it at a time.
type State struct {
	// L is its main thread.
	L *lua.LState
	// Slot is for the room above: the load, or what it keeps with the state from request to request.
	Slot any
	// Refuse is set while the state runs for a request that is only explained, or for a test. A library that would reach the
	// world outside calls it with a few words and fails, and a store keeps its writes to itself. It is nil otherwise.
	Refuse func(what string)
	// Clock is the time that scripts see, where Refuse is set; the zero time stands for the real one. See Now.
	Clock time.Time

	budget   budget
	line     *fair.Line    // for turns on the processors, and how long it waits there for one request, all together;
	queue    time.Duration // 0 stands for a load, which waits for as long as it takes
	counted  int64         // what its pool counts for it, in bytes
	pool     *Pool         // nil without one
	place    atomic.Int32  // in the pool
	patience *time.Timer   // for the client; nil before it is first waited for
	lingered time.Duration // for the client of the request
	options  *Options
	builder  *Builder // while scripts load, else nil
	world
	depth    int   // of Call in itself
	compiled int64 // bytes of text that load and loadstring have compiled
	passing  any   // a panic that goes on behind Call: not one of the script
	thrown   error // the last error that Throw raised
	revived  bool  // it had ended before
}

// rest forgets the request that the state served.
func (s *State) rest() {
	s.thrown, s.Refuse, s.Clock = nil, nil, time.Time{}
	s.L.SetTop(0)
	s.Arm(s.budget.limits, context.Background())
}

func newState(options *Options) *State {
	s := &State{L: lua.NewState(stateOptions), options: options, line: processors.NewLine()}
	s.L.G.Registry = gopher.NewTable(0, 0) // gopher-lua makes room for 32 fields, and few states have any
	s.budget.state = s
	s.budget.enter()
	s.env = s.L.G.Global
	s.budget.attach(s.L)
	return s
}

// Of returns the state that a Lua thread belongs to, or nil if it is none of ours.
func Of(L *lua.LState) *State {
	if b, ok := L.Context().(*budget); ok {
		return b.state
	}
	return nil
}

// Loading reports whether scripts are being loaded, so that they may declare things.
func (s *State) Loading() bool { return s.builder != nil }

// Declaring reports whether scripts run to declare things, so that nothing may be asked or changed outside. Functions of route.on_load
// run while scripts load, too, but afterwards.
func (s *State) Declaring() bool { return s.builder != nil && !s.builder.declared }

// Reserve counts bytes that Go code holds for the state besides what Lua can see, in the memory of all states of its pool; a negative number
// releases them. It reports whether that is below its limit. Other goroutines may call it while the state waits.
func (s *State) Reserve(bytes int64) bool {
	if s.pool == nil {
		return true
	}
	t := &s.pool.total
	if t.add(bytes) {
		s.pool.ease()
	}
	return t.most == 0 || t.held.Load() < t.most
}

// Memory returns the limit of the state, in bytes.
func (s *State) Memory() int64 { return s.budget.limits.Memory }

// Context returns the context that the state was armed with. Unlike that of the Lua threads it may be used by other
// goroutines.
func (s *State) Context() context.Context { return s.budget.parent }

// Arm gives the state a new budget, for one request or load. It ends early with the context. Limits that
// are zero are those of DefaultLimits.
func (s *State) Arm(limits Limits, ctx context.Context) {
	s.budget.arm(ctx, limits.or(DefaultLimits))
}

// Rearm gives the state another budget for the same request: its tally stays.
func (s *State) Rearm(limits Limits, ctx context.Context) {
	tally := s.budget.tally
	s.Arm(limits, ctx)
	s.budget.tally = tally
}

// Tally is what is counted for a whole request, whichever states run for it and however often they get a budget.
type Tally struct {
	// Logged is how many bytes were logged.
	Logged int
	// Calls is how often other servers were asked.
	Calls int
}

// Tally returns what was counted for the request.
func (s *State) Tally() Tally { return s.budget.tally }

// Count adds what another state, or a library, has counted for the request.
func (s *State) Count(t Tally) {
	s.budget.tally.Logged += t.Logged
	s.budget.tally.Calls += t.Calls
}

// Ended reports whether the budget has ended, or Go code has panicked.
func (s *State) Ended() bool { return s.budget.ended != nil }

// Idle reports whether no function of the state runs.
func (s *State) Idle() bool { return s.depth == 0 }

// Broken says that the state cannot be used again, because a budget ended or Go code panicked in the middle of Lua.
func (s *State) Broken() bool { return s.budget.ended != nil || s.revived }

// Panicked reports whether the state is broken because Go code panicked.
func (s *State) Panicked() bool {
	_, ok := s.budget.ended.(*panicError)
	return ok
}

// Revive lets functions run again in a state that is broken, for what has to run at the end of its request; the caller arms
// it. The state stays one that cannot serve another request.
func (s *State) Revive() {
	if s.budget.ended != nil {
		s.revived, s.budget.ended, s.passing = true, nil, nil
		s.L.G.CurrentThread = s.L // a coroutine may have been interrupted
	}
}

// Call calls a Lua function and leaves nret results on the stack of L; the caller pops them. The error is a *script.Error,
// and errors.Is finds ErrBudget in it when a budget ended. A panic of Go code that Lua called is such an error, too, and the
// state is broken then; but Call panics with http.ErrAbortHandler, and with what came through Outside.
func (s *State) Call(fn *lua.LFunction, nret int, args ...lua.LValue) error {
	top := s.L.GetTop()
	s.L.Push(fn)
	for _, arg := range args {
		s.L.Push(arg)
	}
	if s.depth++; s.depth == 1 {
		s.budget.enter()
	}
	if s.line.UsedUp() && s.budget.ended == nil {
		s.budget.keepTurn()
	}
	err := s.described(protected(s.L, len(args), nret, guard{}))
	s.budget.stepAside() // also if this is a call in a call: the Go code between them may wait
	if s.depth--; s.depth == 0 {
		s.budget.pause()
	}
	if err == nil && s.budget.ended == nil {
		return nil
	}
	s.L.SetTop(top)
	return s.failure(err)
}

// failure turns what a call failed with into an error that keeps its meaning.
func (s *State) failure(err error) error {
	if s.passing != nil {
		panic(s.passing)
	}
	failed := script.AsError(err)
	if ended := s.budget.ended; ended != nil {
		if failed == nil { // a pcall was the last thing that ran
			failed = &script.Error{}
		}
		failed.Message, failed.Err = ended.Error(), ended
		if p, ok := ended.(*panicError); ok {
			failed.Script, failed.Line = splitPlace(p.where)
			failed.Trace += "\n" + string(p.stack)
		}
		return failed
	}
	if failed.Err == nil && s.thrown != nil && failed.Message == messageOf(s.thrown) {
		failed.Err = s.thrown
	}
	s.thrown = nil
	return failed
}

// Throw raises a Go error as an error of Lua. The error that State.Call returns unwraps to it, unless the script catches
// it. If it is a *script.Error, its place is kept; else it gets that of the caller.
func Throw(L *lua.LState, err error) {
	s := Of(L)
	if s != nil {
		s.thrown = err
		if s.budget.ended != nil {
			L.RaiseError("%s", s.budget.ended.Error())
		}
	}
	var own *script.Error
	if errors.As(err, &own) && own.Line != 0 {
		L.Error(lua.LString(own.Error()), 0)
	}
	L.RaiseError("%s", err.Error())
}

func messageOf(err error) string {
	var own *script.Error
	if errors.As(err, &own) {
		return own.Message
	}
	return err.Error()
}

// Where returns script:line of the nearest Lua code on the stack: Go functions such as pcall may stand in between, and coroutines. It is
// empty where there is none.
func Where(L *lua.LState) string {
	for ; L != nil; L = L.Parent {
		for f := gopher.Running(L); f != nil; f = callerOf(L, f) {
			if !f.Fn.IsG && f.Pc > 0 {
				return fmt.Sprintf("%s:%d", f.Fn.Proto.SourceName, f.Line())
			}
		}
	}
	return ""
}

// splitPlace returns the script and the line of script:line.
func splitPlace(where string) (script string, line int) {
	i := max(strings.LastIndexByte(where, ':'), 0)
	line, _ = strconv.Atoi(where[min(i+1, len(where)):])
	return where[:i], line
}

// described replaces an error that is a table with a __tostring by what that says. It runs within the budget, as all that
// scripts do; if it fails, the error stays what it is.
func (s *State) described(err error) error {
	if err == nil || s.budget.ended != nil {
		return err
	}
	var api *lua.ApiError // after the calls that succeed have left: it is allocated
	if !errors.As(err, &api) {
		return err
	}
	object, ok := api.Object.(*lua.LTable)
	if !ok {
		return err
	}
	describe, ok := s.L.GetMetaField(object, "__tostring").(*lua.LFunction)
	if !ok {
		return err
	}
	top := s.L.GetTop()
	defer s.L.SetTop(top)
	s.L.Push(describe)
	s.L.Push(object)
	if protected(s.L, 1, 1, guard{}) != nil {
		return err
	}
	text, ok := s.L.Get(-1).(lua.LString)
	if !ok {
		return err
	}
	return &lua.ApiError{Type: api.Type, Object: text, StackTrace: api.StackTrace}
}
