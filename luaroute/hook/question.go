package hook

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Question is a function that is called with plain values instead of req and res, on a copy of the loaded state: what a call changes is
// discarded.
type Question struct{ function }

// Question returns a function that is called with plain values.
func (v *VMs) Question(ref vm.Ref, origin origin.Origin) *Question {
	return &Question{function{v, ref, origin}}
}

// Ask calls the function as a part of a request, with the values that args returns, and hands what it returned to read. An error
// of read is one of the function.
func (q *Question) Ask(ex *chiproxy.Exchange, args func(*lua.LState) []lua.LValue, read func(lua.LValue) error) error {
	s, err := q.vms.enter(ex)
	if err != nil {
		return err
	}
	if err := q.put(s.state, args(s.state.L), read); err != nil {
		return s.failed(err, q.origin)
	}
	return nil
}

// AskAlone calls the function outside of any request, with a budget of its own. The error of the function is a
// *chiproxy.HookError.
func (q *Question) AskAlone(ctx context.Context, args func(*lua.LState) []lua.LValue, read func(lua.LValue) error) error {
	state, err := q.vms.pool.Get(ctx)
	if err != nil {
		return q.vms.refused(ctx, err)
	}
	defer q.vms.pool.Put(state)
	state.Arm(q.vms.budget, ctx)
	return q.vms.alone(q.origin, func() error {
		if err := q.put(state, args(state.L), read); err != nil {
			return q.vms.report(err, q.origin)
		}
		return nil
	})
}

// put makes the call.
func (q *Question) put(state *vm.State, values []lua.LValue, read func(lua.LValue) error) error {
	return state.Scratch(func() error {
		if err := state.Call(state.Func(q.ref), 1, values...); err != nil {
			return err
		}
		v := state.L.Get(-1)
		state.L.Pop(1)
		if err := read(v); err != nil {
			return q.origin.Errorf("%w", err)
		}
		return nil
	})
}
