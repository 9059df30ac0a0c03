package hook

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/fair"
)

// meterOf returns a meter of a tenant that was quiet, in a queue of one turn.
func meterOf(cpu, queue time.Duration) *meter {
	m := NewVMs(config.Limits{CPU: caddy.Duration(cpu), Queue: caddy.Duration(queue)}, zap.NewNop()).meter
	m.Line = fair.NewQueue(func() int { return 1 }).NewLine()
	return m
}

func TestTheTimeOfModulesUsesTheFairShareOfTheirTenant(t *testing.T) {
	t.Parallel()
	m := meterOf(time.Second, time.Millisecond)
	var u chiproxy.Usage
	u.Since = time.Now().Add(-2 * fair.Burst) // it ran for so long
	m.Stop(&u)
	if !m.UsedUp() {
		t.Fatal("the fair share is not used")
	}
	if err := m.Start(t.Context(), &u, chiproxy.Work{}); err != nil || !u.Turn {
		t.Fatalf("got %v; it has a turn: %t", err, u.Turn)
	}
	var other chiproxy.Usage
	err := m.Start(t.Context(), &other, chiproxy.Work{})
	hook, _ := errors.AsType[*chiproxy.HookError](err)
	if hook == nil || !hook.Budget || !errors.Is(err, vm.ErrBudget) || !other.Since.IsZero() {
		t.Errorf("while another has the turn: got %v; want the end of a budget", err)
	}
	if again := m.Start(t.Context(), &other, chiproxy.Work{}); again == nil || other.Queued < time.Millisecond {
		t.Errorf("got %v; it has waited for %v", again, other.Queued)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	patient := meterOf(time.Second, time.Hour)
	patient.Line = m.NewLine()
	patient.Use(time.Hour, time.Now())
	err = patient.Start(gone, &chiproxy.Usage{}, chiproxy.Work{})
	if _, isHook := errors.AsType[*chiproxy.HookError](err); err == nil || isHook {
		t.Errorf("a client that left got %v; want no failure of the script", err)
	}
	m.Stop(&u)
	if running, waiting := m.Size(); u.Turn || running+waiting != 0 {
		t.Errorf("the turn was not given back: %d run, %d wait", running, waiting)
	}
}

func TestLuaAndModulesOfATenantHaveOneFairShare(t *testing.T) {
	t.Parallel()
	v := NewVMs(config.DefaultLimits, zap.NewNop())
	image, err := vm.NewBuilder(func(*vm.Builder) {}, vm.Options{Logger: zap.NewNop()}).Freeze()
	if err != nil {
		t.Fatal(err)
	}
	v.Start(image)
	defer v.Stop()
	v.meter.Use(time.Hour, time.Now())
	if !v.pool.Line().UsedUp() {
		t.Error("the time of modules is not that of its Lua")
	}
}

func TestOneModuleThatStandsStillDoesNotEndARequest(t *testing.T) {
	t.Parallel()
	m := meterOf(time.Second, time.Hour)
	var u chiproxy.Usage
	for range leastCalls {
		if err := m.Start(t.Context(), &u, chiproxy.Work{}); err != nil {
			t.Fatal(err)
		}
		u.Since = u.Since.Add(-time.Hour)
		m.Stop(&u)
	}
	if err := m.Start(t.Context(), &u, chiproxy.Work{}); !errors.Is(err, vm.ErrBudget) {
		t.Errorf("got %v after %d of them; want the end of the budget", err, leastCalls)
	}
}

// TestAModuleThatPausesGivesItsTurnToOthersAfterASlice lets it run for less than one, for longer, and for as long as a request may.
func TestAModuleThatPausesGivesItsTurnToOthersAfterASlice(t *testing.T) {
	t.Parallel()
	m := meterOf(time.Second, time.Hour)
	m.Use(time.Hour, time.Now()) // its allowance is used up
	var u chiproxy.Usage
	if err := m.Start(t.Context(), &u, chiproxy.Work{}); err != nil || !u.Turn {
		t.Fatalf("got %v; it has a turn: %t", err, u.Turn)
	}
	u.Since = time.Now().Add(time.Hour) // whatever the machine does meanwhile, it runs for less than a slice
	if err := m.Pause(t.Context(), &u, chiproxy.Work{}); err != nil || u.Ran != 0 {
		t.Errorf("got %v; %v were counted too early", err, u.Ran)
	}
	other := m.NewLine()
	waits := make(chan error, 1)
	go func() { waits <- other.Enter(context.Background(), fair.Forever, true) }()
	testkit.Until(t, "another waits for the turn", m.Crowded)
	u.Since = time.Now().Add(-2 * fair.Slice)
	go func() {
		if err := <-waits; err != nil {
			t.Error(err)
		}
		m.Leave()
	}()
	if err := m.Pause(t.Context(), &u, chiproxy.Work{}); err != nil || !u.Turn || u.Ran < 2*fair.Slice {
		t.Errorf("got %v; it has a turn: %t, %v were counted", err, u.Turn, u.Ran)
	}
	m.Stop(&u)
	u.Ran = time.Second
	u.Since = time.Now().Add(-2 * fair.Slice)
	if err := m.Pause(t.Context(), &u, chiproxy.Work{}); !errors.Is(err, vm.ErrBudget) || !u.Since.IsZero() {
		t.Errorf("at the end of its budget: got %v; it runs: %t", err, !u.Since.IsZero())
	}
	if running, waiting := m.Size(); running+waiting != 0 {
		t.Errorf("%d run, %d wait", running, waiting)
	}
}
