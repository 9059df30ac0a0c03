package hook

import (
	"context"
	"errors"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Later keeps the virtual machine for a function that is called when the response leaves.
func (s *session) Later(fn, written *lua.LFunction) func(args ...lua.LValue) (lua.LValue, error) {
	s.pins++
	s.later = append(s.later, written)
	origin := originOf(written)
	return func(args ...lua.LValue) (lua.LValue, error) {
		s.again(&s.revived.hooks)
		end := s.begin(origin)
		err := s.state.Call(fn, 1, args...)
		if end(err); err != nil {
			return nil, s.failed(err, origin)
		}
		v := s.state.L.Get(-1)
		s.state.L.Pop(1)
		return v, nil
	}
}

// again grants a second budget after the first has ended: once to answer the error, and once for the hooks of that answer. A function that
// still runs gets none.
func (s *session) again(given *bool) {
	if *given || s.ex == nil || !s.state.Ended() || !s.state.Idle() {
		return
	}
	*given = true
	s.state.Revive()
	s.state.Rearm(s.vms.budget, s.ex.R.Context())
}

// Passed logs why a function was not called, once for each kind of reason.
func (s *session) Passed(fn *lua.LFunction, kind, why string) {
	origin := originOf(fn)
	if _, said := s.vms.passed.LoadOrStore(passage{origin, kind}, true); !said {
		s.vms.logger.Warn(why, zap.Stringer("function", origin))
	}
}

// passage is a reason why a function was not called.
type passage struct {
	function origin.Origin
	kind     string
}

// Done keeps the virtual machine for a function that is called after the response.
func (s *session) Done(fn *lua.LFunction) {
	call := s.Later(fn, fn)
	s.ex.OnDone(func(o chiproxy.Outcome) {
		s.done = append(s.done, func(L *lua.LState) error {
			return s.vms.alone(originOf(fn), func() error {
				_, err := call(info(L, o))
				return err
			})
		})
	})
}

// detached runs the functions of on_done with a budget of their own, even if the request exceeded its budget or panicked. Nobody waits for
// them; failed has logged their errors.
func (s *session) detached() {
	defer s.rest()
	defer s.request.Forget()
	done := s.done
	s.done = nil
	s.state.Rearm(s.vms.budget, context.Background())
	for _, call := range done {
		s.state.Revive()
		if err := call(s.state.L); errors.Is(err, vm.ErrBudget) {
			return
		}
	}
}

// info is what on_done gets.
func info(L *lua.LState, o chiproxy.Outcome) *lua.LTable {
	t := L.CreateTable(0, 5)
	t.RawSetString("status", lua.LNumber(o.Status))
	t.RawSetString("bytes", lua.LNumber(o.Bytes))
	t.RawSetString("duration", lua.LNumber(o.Duration.Seconds()))
	if o.Upstream != "" {
		t.RawSetString("upstream", lua.LString(o.Upstream))
	}
	if o.Err != nil {
		t.RawSetString("error", lua.LString(o.Err.Error()))
	}
	return t
}

// originOf returns where a function of a script stands.
func originOf(fn *lua.LFunction) origin.Origin {
	if fn.IsG {
		return origin.Origin{}
	}
	return origin.Origin{Script: fn.Proto.SourceName, Line: fn.Proto.LineDefined, Kind: "function"}
}
