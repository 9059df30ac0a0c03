package hook

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Timer is a function that runs at an interval, once for all virtual machines. They all see its latest result.
type Timer struct {
	function
	every time.Duration
	key   string        // of the value in the registry of a state
	ran   chan struct{} // closed after the first run
	value atomic.Pointer[reading]
}

// reading is what a timer returned. Plain data is kept as JSON, as no two states may share a table.
type reading struct {
	plain lua.LValue // a string, number or boolean
	json  string
	count int
}

// Timer returns a timer that calls a function. It does nothing before Serve.
func (v *VMs) Timer(ref vm.Ref, origin origin.Origin, every time.Duration) *Timer {
	return &Timer{
		function: function{v, ref, origin}, every: every,
		key: "luaroute.every " + strconv.Itoa(int(ref)), ran: make(chan struct{}),
	}
}

// Ran is closed after the first run, whether it failed or not.
func (t *Timer) Ran() <-chan struct{} { return t.ran }

// Serve runs the function now, and then with its interval between the end of one run and the beginning of the next, until ctx
// ends.
func (t *Timer) Serve(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	for first := true; ; first = false {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		if first {
			t.run(context.WithValue(ctx, firstKey{}, true))
			close(t.ran)
		} else {
			t.run(ctx)
		}
		next.Reset(t.every)
	}
}

type firstKey struct{}

// First reports whether a state runs a timer for the first time, right after its scripts were loaded. Its context is that of
// the state.
func First(ctx context.Context) bool { return ctx.Value(firstKey{}) != nil }

// run runs the function once, with the budget of a request. An error is logged, and the value stays.
func (t *Timer) run(ctx context.Context) {
	state, err := t.vms.pool.Get(ctx)
	if err != nil {
		if !errors.Is(err, vm.ErrClosed) && ctx.Err() == nil {
			t.vms.report(err, t.origin)
		}
		return
	}
	defer t.vms.pool.Put(state)
	state.Arm(t.vms.budget, ctx)
	_ = t.vms.alone(t.origin, func() error {
		value, err := t.call(state)
		switch {
		case err != nil && ctx.Err() == nil:
			t.vms.report(err, t.origin)
		case err == nil && value != nil:
			if old := t.value.Load(); old != nil {
				value.count = old.count + 1
			}
			t.value.Store(value)
		}
		return nil
	})
}

// call calls the function. Without reading and error it returned nothing.
func (t *Timer) call(state *vm.State) (*reading, error) {
	if err := state.Call(state.Func(t.ref), 2); err != nil {
		return nil, err
	}
	L := state.L
	value, problem := L.Get(-2), L.Get(-1)
	L.Pop(2)
	switch value.(type) {
	case *lua.LNilType:
		if problem != lua.LNil {
			return nil, t.origin.Errorf("route.every: %s", problem)
		}
		return nil, nil
	case lua.LString, lua.LNumber, lua.LBool:
		return &reading{plain: value}, nil
	}
	text, err := luajson.Encode(nil, value)
	if err != nil {
		return nil, t.origin.Errorf("route.every: the function returned a value that is not plain data: %w", err)
	}
	return &reading{json: string(text)}, nil
}

// Latest returns what the function returned last, or nil before its first run. A table belongs to the state that asks; it is made
// once for each value.
func (t *Timer) Latest(L *lua.LState) (lua.LValue, error) {
	r := t.value.Load()
	switch {
	case r == nil:
		return lua.LNil, nil
	case r.plain != nil:
		return r.plain, nil
	}
	kept := L.G.Registry // what is in there counts as memory of the state
	if pair, ok := kept.RawGetString(t.key).(*lua.LTable); ok && pair.RawGetInt(1) == lua.LNumber(r.count) {
		return pair.RawGetInt(2), nil
	}
	value, err := luajson.Decode(L, r.json)
	if err != nil {
		return nil, fmt.Errorf("route.every: %w", err)
	}
	pair := L.CreateTable(2, 0)
	pair.RawSetInt(1, lua.LNumber(r.count))
	pair.RawSetInt(2, value)
	kept.RawSetString(t.key, pair)
	return value, nil
}
