package hook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/fair"
)

const (
	// leastCalls is how many modules must have run for a request before their time can end it. On a busy machine a single one may
	// stand still for long, through no fault of its own.
	leastCalls = 4
	// longestSlice is how long it runs at most between two pauses, by its own fault.
	longestSlice = 4 * fair.Slice
	// usualStep is how long an instruction of a regular expression takes for a byte, in most expressions less: some are as slow as
	// 50 ns.
	usualStep = 5 * time.Nanosecond
)

// meter counts the time of Caddy's modules that run for a tenant: against its fair share, and against the time that one request may
// take, which is as long for its modules as it is for its Lua.
type meter struct {
	vms *VMs
	*fair.Line
}

// Meter counts the time of Caddy's modules that run for the tenant.
func (v *VMs) Meter() chiproxy.Meter { return v.meter }

// Steps is how many instructions the regular expressions of something that cannot be interrupted may have, times the bytes that they match.
func (v *VMs) Steps() int64 { return int64(v.budget.CPU / usualStep) }

// Start waits until a module may run.
func (m *meter) Start(ctx context.Context, u *chiproxy.Usage, work chiproxy.Work) error {
	cpu := m.vms.budget.CPU
	switch {
	case u.Ran >= cpu:
		return m.ended(ctx, work, "the modules of Caddy's ran for more than %v", cpu)
	case work.Steps > m.vms.Steps():
		return m.ended(ctx, work, "its regular expressions have %d instructions times bytes to match; allowed are %d", work.Steps, m.vms.Steps())
	case work.Looks > m.vms.Steps():
		return m.ended(ctx, work, "it would look at %d bytes and values; allowed are %d", work.Looks, m.vms.Steps())
	}
	if m.UsedUp() {
		if err := m.turn(ctx, u); errors.Is(err, fair.ErrTimeout) {
			return m.ended(ctx, work, "it waited for more than %v for a processor", m.queue())
		} else if err != nil {
			return gone(err)
		}
		return nil
	}
	u.Since = time.Now()
	return nil
}

func (m *meter) queue() time.Duration { return time.Duration(m.vms.limits.Queue) }

// turn waits for a turn.
func (m *meter) turn(ctx context.Context, u *chiproxy.Usage) error {
	start := time.Now()
	err := m.Enter(ctx, m.queue()-u.Queued, u.Ran < fair.Slice)
	now := time.Now()
	u.Queued += now.Sub(start)
	if err == nil {
		u.Since, u.Turn = now, true
	}
	return err
}

// Pause lets others have the processor after a slice, as Lua does.
func (m *meter) Pause(ctx context.Context, u *chiproxy.Usage, work chiproxy.Work) error {
	if time.Since(u.Since) < fair.Slice {
		return nil
	}
	m.stop(u, longestSlice)
	return m.Start(ctx, u, work)
}

// Stop counts how long a module ran.
func (m *meter) Stop(u *chiproxy.Usage) { m.stop(u, m.vms.budget.CPU/leastCalls) }

// stop counts at most so much for the request.
func (m *meter) stop(u *chiproxy.Usage, most time.Duration) {
	now := time.Now()
	ran := now.Sub(u.Since)
	u.Ran += min(ran, most)
	if u.Turn {
		m.Leave()
	} else {
		m.Use(ran, now)
	}
	u.Since, u.Turn = time.Time{}, false
}

// ended is the end of the budget of a request.
func (m *meter) ended(ctx context.Context, work chiproxy.Work, format string, args ...any) error {
	err := work.Origin.Errorf("%w: %s", vm.ErrBudget, fmt.Sprintf(format, args...))
	tellSpan(ctx, err, work.Origin.String())
	return m.vms.report(err, work.Origin)
}

var _ chiproxy.Meter = (*meter)(nil)
