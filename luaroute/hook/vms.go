// Package hook turns Lua functions into guards, middleware and actions.
package hook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/internal/spelling"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	luahttp "github.com/luaroute/caddy-luaroute/luaroute/lib/http"
	"github.com/luaroute/caddy-luaroute/luaroute/request"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// VMs are the virtual machines that run the functions of one set of scripts. Functions are made while the scripts load, and can be called
// after Start.
type VMs struct {
	limits config.Limits
	budget vm.Limits // of one request, or of what else calls a function
	logger *zap.Logger
	// Placeholder returns nil if the functions may read a placeholder. Nil, it allows all.
	Placeholder func(name string) error
	// Counts are the counters of the scripts; nil counts nothing.
	Counts *telemetry.Lua
	// Customs are the metrics that the functions may count in, by name. They are all there before Start.
	Customs map[string]*telemetry.Custom

	// Spans says that each function has a span of its own in requests that are traced.
	Spans bool

	quiet  quiet
	passed sync.Map // of passage
	meter  *meter
	image  *vm.Image // nil before Start
	asks   []bool    // of functions, by their Ref: whether they read the body first of all
	pool   *vm.Pool
}

// NewVMs returns virtual machines that Start has not started yet.
func NewVMs(limits config.Limits, logger *zap.Logger) *VMs {
	budget := vm.Limits{CPU: time.Duration(limits.CPU), Wall: time.Duration(limits.Wall), Memory: int64(limits.Memory)}
	v := &VMs{limits: limits, budget: budget, logger: logger}
	v.meter = &meter{v, vm.NewLine()}
	return v
}

// Start lets the functions of an image be called.
func (v *VMs) Start(image *vm.Image) {
	v.image, v.pool = image, vm.NewPool(image, v.limits.VMs, time.Duration(v.limits.Queue))
	v.pool.LimitMemory(int64(v.limits.TotalMemory))
	v.pool.LimitStreams(v.limits.Streams)
	v.asks = image.Where(request.AsksForBody)
	v.pool.StandIn(v.meter.Line)
}

// Stop releases all virtual machines, those in use when their request ends.
func (v *VMs) Stop() {
	if v.pool != nil {
		v.pool.Close()
	}
}

// NewState returns a virtual machine of its own, for functions that run without a request. It does not return to the pool. Start must have
// been called.
func (v *VMs) NewState() *vm.State { return v.pool.NewState() }

// Stats returns how many virtual machines there are, none before Start.
func (v *VMs) Stats() vm.Stats {
	if v.pool == nil {
		return vm.Stats{}
	}
	return v.pool.Stats()
}

// session is the virtual machine that one tenant's part of a request has, and what its functions see of the request. It
// stays with the virtual machine.
type session struct {
	vms     *VMs
	state   *vm.State
	ex      *chiproxy.Exchange
	request *request.Request
	pins    int                       // functions that go on after what they wait for
	done    []func(*lua.LState) error // what runs when the request is over
	later   []*lua.LFunction          // what is still to be called, and which only Go holds
	insides []*inside                 // what the wrappers that run wrap; those further in come later
	depth   int                       // how many wrappers run
	away    bool                      // no function of it runs until Go has waited for something long
	revived revivals
}

// revivals are the budgets that a session got after its own had ended: for the answer of an error, and for the response hooks.
type revivals struct{ answer, hooks bool }

// enter returns the session of a request. It begins one for the first function that is called, and for the first after a panic in Go, which
// may have to answer that failure.
func (v *VMs) enter(ex *chiproxy.Exchange) (*session, error) {
	if s, ok := ex.Hold.(*session); ok {
		if s.state.Panicked() {
			s.Yield()
		}
		if ex.Hold == s {
			s.back()
			return s, nil
		}
	}
	before, _ := ex.Hold.(*parked)
	ctx := ex.R.Context()
	state, err := v.pool.GetFor(ctx, ex.Kept(v.pool))
	if err != nil {
		return nil, v.refused(ctx, err)
	}
	s, ok := state.Slot.(*session)
	if !ok {
		s = &session{vms: v, state: state}
		state.Slot = s
	}
	s.ex, s.request, s.pins, s.depth, s.away = ex, request.New(ex, s, int64(v.limits.Body)), 0, 0, false
	s.revived = revivals{}
	budget := v.budget
	refuse := ex.Refuse()
	if refuse != nil {
		budget = shareOf(ctx, budget)
	}
	state.Arm(budget, ctx)
	if before != nil {
		before.restore(s)
	}
	if state.Refuse = refuse; refuse != nil {
		state.Clock = vm.ClockOf(ctx)
	}
	ex.Hold = s
	return s, nil
}

// Placeholder returns nil if the functions may read a placeholder.
func (s *session) Placeholder(name string) error {
	if s.vms.Placeholder == nil {
		return nil
	}
	return s.vms.Placeholder(name)
}

// Keep counts what the request keeps.
func (s *session) Keep(bytes int64) { s.ex.Keep(s.vms.pool, bytes) }

// Custom returns a metric of the scripts; nil if there is none of the name, and why.
func (s *session) Custom(name string) (*telemetry.Custom, error) {
	if m := s.vms.Customs[name]; m != nil {
		return m, nil
	}
	names := slices.Sorted(maps.Keys(s.vms.Customs))
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no metric %q; declare it with route.metric{ name = … } while the script loads", script.Clip(name))
	}
	return nil, fmt.Errorf("there is no metric %q; the script declares %s%s", script.Clip(name), strings.Join(names, ", "), spelling.Hint(name, names))
}

// AskPool returns a function that sends requests to a pool, for the library http.
func (s *session) AskPool(name string, forAll bool) (func(http.ResponseWriter, *http.Request) error, error) {
	if s.ex == nil {
		return nil, errNoRequest
	}
	return s.ex.AskPool(name, forAll)
}

var errNoRequest = errors.New("a pool can be asked only while a request runs")

// refused says why there is no virtual machine.
func (v *VMs) refused(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return gone(err)
	}
	v.Counts.Failed(vm.LimitOf(err))
	tellSpan(ctx, err, "")
	return &chiproxy.HookError{Err: err, Budget: errors.Is(err, vm.ErrBusy) || errors.Is(err, vm.ErrBudget)}
}

// Yield releases the virtual machine before the request waits for an upstream, unless a function continues after that or req.ctx has values
// that cannot leave it.
func (s *session) Yield() {
	if s.pins == 0 {
		if ctx, ok := s.request.Keep(); ok {
			s.ex.Hold = nil
			if tally := s.state.Tally(); ctx != nil || tally != (vm.Tally{}) {
				s.ex.Hold = &parked{s.vms, ctx, tally}
			}
			s.Release()
			return
		}
	}
	s.away = true
	if s.ex.Wrote() {
		s.Left()
	}
}

// Left lets the virtual machine count as one of a stream, where its functions wait for what is inside them: from now on nothing but the pieces
// of the body, and the end, are for them.
func (s *session) Left() {
	if s.away {
		s.state.Stream()
	}
}

// back notes that what Go waited for is over.
func (s *session) back() {
	if s.away {
		s.away = false
		s.state.Resume()
	}
}

// parked is what a request keeps of a session without its virtual machine: the functions that are called after an upstream
// has failed see the req.ctx of those before, and may log what is left.
type parked struct {
	vms   *VMs
	ctx   *lua.LTable // nil without one
	tally vm.Tally
}

// restore hands it to the session that continues the request.
func (p *parked) restore(s *session) {
	if p.ctx != nil {
		s.request.Restore(p.ctx)
	}
	s.state.Count(p.tally)
}

// Yield has nothing to release.
func (*parked) Yield() {}

// Left has nothing that could count otherwise.
func (*parked) Left() {}

// Release has nothing to end.
func (*parked) Release() {}

// Release returns the virtual machine, after the functions that run at the end of the request.
func (s *session) Release() {
	s.request.End()
	s.back()
	spent := s.state.Spent()
	s.vms.Counts.Ran(spent)
	s.ex.RanLua(spent)
	s.ex = nil
	switch {
	case len(s.done) == 0:
		s.rest()
	case s.state.Refuse != nil: // nobody waits for a response, but whoever asks what would happen wants to see all of it
		s.detached()
	default:
		go s.detached()
	}
}

// rest returns the virtual machine to the pool.
func (s *session) rest() {
	s.request.Forget()
	s.request = nil
	clear(s.later)
	s.later = s.later[:0]
	s.vms.pool.Put(s.state)
}

// Keeps visits what the session holds of its virtual machine's values.
func (s *session) Keeps(visit func(lua.LValue)) {
	for _, fn := range s.later {
		visit(fn)
	}
	if s.request != nil {
		s.request.Keeps(visit)
	}
}

// failed turns the error of a call into a HookError, which the policy handles, or into the answer itself.
func (s *session) failed(err error, origin origin.Origin) error {
	var answer caddyhttp.HandlerError
	if errors.As(err, &answer) {
		return answer
	}
	if s.ex != nil && s.ex.R.Context().Err() != nil {
		return gone(err)
	}
	hook := s.vms.report(err, origin)
	if s.ex != nil {
		tellSpan(s.ex.R.Context(), err, hook.Origin.String())
	}
	return hook
}

// alone calls a function outside a request, where nobody else recovers from a panic.
func (v *VMs) alone(origin origin.Origin, call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = v.report(origin.Errorf("panic: %v", r), origin)
		}
	}()
	return call()
}

// report logs the failure of a function.
func (v *VMs) report(err error, origin origin.Origin) *chiproxy.HookError {
	v.Counts.Failed(vm.LimitOf(err))
	hook := &chiproxy.HookError{
		Err: err, Budget: errors.Is(err, vm.ErrBudget), Origin: origin,
		ID: caddyhttp.Error(http.StatusInternalServerError, nil).ID,
	}
	var own *script.Error
	trace := ""
	if errors.As(err, &own) {
		own.Shorten()
		trace = own.Trace
		hook.Origin.Script, hook.Origin.Line = own.Script, own.Line
	}
	v.quiet.failure(v.logger, time.Now(), hook, origin, trace)
	return hook
}

// statusClientClosed is what Caddy's reverse_proxy answers when the client has left.
const statusClientClosed = 499

func gone(err error) error { return caddyhttp.Error(statusClientClosed, goneError{err}) }

// goneError is the error of a function whose client has left.
type goneError struct{ error }

// Error hides the script's message: handle_errors may show it.
func (goneError) Error() string { return "the client has left" }

// Unwrap returns the error of the function.
func (e goneError) Unwrap() error { return e.error }

// Interface guards
var (
	_ chiproxy.Holder = (*session)(nil)
	_ vm.Keeper       = (*session)(nil)
	_ luahttp.Pools   = (*session)(nil)
	_ chiproxy.Holder = (*parked)(nil)
)
