package hook

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// function is a Lua function that requests call.
type function struct {
	vms    *VMs
	ref    vm.Ref
	origin origin.Origin
}

// Describe returns where the function is declared.
func (f *function) Describe() origin.Origin { return f.origin }

// Fingerprint tells functions apart by their code.
func (f *function) Fingerprint() uint64 {
	if f.vms.image == nil {
		return 0
	}
	return f.vms.image.Fingerprint(f.ref)
}

// call calls the function with req and res, and perhaps more, and returns its first three results.
func (f *function) call(s *session, more ...lua.LValue) (results, error) {
	args := append([]lua.LValue{s.request.Req(), s.request.Res()}, more...)
	end := s.begin(f.origin)
	err := s.state.Call(s.state.Func(f.ref), len(results{}), args...)
	if end(err); err != nil {
		return results{}, err
	}
	L := s.state.L
	r := results{L.Get(-3), L.Get(-2), L.Get(-1)}
	L.Pop(len(r))
	return r, nil
}

// finish calls the function and goes on with what it returned, inside of the response hooks that it has set.
func (f *function) finish(s *session, then func(s *session, r results) (chiproxy.Verdict, error), more ...lua.LValue,
) (chiproxy.Verdict, error) {
	req := s.request
	outer := req.Enter(false)
	r, err := f.call(s, more...)
	own := req.Leave(outer)
	rest := func() (v chiproxy.Verdict, failed error) {
		if err == nil {
			v, failed = then(s, r)
		} else {
			failed = s.failed(err, f.origin)
		}
		if failed != nil {
			req.DropHeld()
		}
		return v, failed
	}
	if own == nil {
		return rest()
	}
	return s.ex.Around(own, rest)
}

// wrote sends what the function has written last.
func (f *function) wrote(s *session) error {
	if err := s.request.SendHeld(s.state); err != nil {
		return s.failed(err, f.origin)
	}
	return nil
}

// Guard returns a guard that allows a request if the function returns a true value.
func (v *VMs) Guard(ref vm.Ref, origin origin.Origin) chiproxy.Guard {
	return &guard{function{v, ref, origin}}
}

type guard struct{ function }

// Allow calls the function.
func (g *guard) Allow(ex *chiproxy.Exchange) (bool, error) {
	s, err := g.enter(ex)
	if err != nil {
		return false, err
	}
	outer := s.request.Enter(true)
	r, err := g.call(s)
	s.request.Leave(outer)
	if err != nil {
		return false, s.failed(err, g.origin)
	}
	return lua.LVAsBool(r[0]), nil
}

// Handler returns an action: the function answers, or returns what answers.
func (v *VMs) Handler(ref vm.Ref, origin origin.Origin) chiproxy.Action {
	return &handler{function{v, ref, origin}}
}

type handler struct{ function }

// Traits are those of a function that answers. Its req and res take a snapshot before they change something.
func (h *handler) Traits() chiproxy.Traits { return chiproxy.Traits{Declines: true} }

// Do calls the function and does what it returns.
func (h *handler) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	s, err := h.enter(ex)
	if err != nil {
		return chiproxy.Done, err
	}
	if failure := ex.Failure(); failure != nil {
		s.again(&s.revived.answer)
		return h.finish(s, h.answered, failureTable(s.state.L, failure))
	}
	return h.finish(s, h.answered)
}

// failureTable is what a handler gets as its third argument where it answers an error.
func failureTable(L *lua.LState, f *chiproxy.Failure) *lua.LTable {
	t := L.CreateTable(0, 7)
	t.RawSetString("status", lua.LNumber(f.Status))
	for key, text := range map[string]string{
		"kind": f.Kind, "reason": f.Reason, "message": f.Message, "id": f.ID, "upstream": f.Upstream, "route": f.Route,
	} {
		if text != "" {
			t.RawSetString(key, lua.LString(text))
		}
	}
	return t
}

func (h *handler) answered(s *session, r results) (chiproxy.Verdict, error) {
	action, err := h.answer(s, r)
	switch {
	case err != nil:
		return chiproxy.Done, s.failed(err, h.origin)
	case action != nil:
		return s.ex.Act(action)
	case s.request.Sent():
		return chiproxy.Done, h.wrote(s)
	}
	err = h.origin.Errorf("the handler returned nothing and wrote nothing; for an empty answer: return 204")
	return chiproxy.Done, s.failed(err, h.origin)
}

// Middleware returns middleware: the function runs before what is inside and may answer instead of it.
func (v *VMs) Middleware(ref vm.Ref, origin origin.Origin) chiproxy.Middleware {
	return &before{function{v, ref, origin}}
}

type before struct{ function }

// Traits are those of a function that may answer. Its req and res take a snapshot before they change something.
func (b *before) Traits() chiproxy.Traits { return chiproxy.Traits{Declines: true} }

// Handle calls the function, and goes on if it did not answer.
func (b *before) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	s, err := b.enter(ex)
	if err != nil {
		return chiproxy.Done, err
	}
	return b.finish(s, func(s *session, r results) (chiproxy.Verdict, error) {
		action, err := b.answer(s, r)
		switch {
		case err != nil:
			return chiproxy.Done, s.failed(err, b.origin)
		case action != nil:
			return ex.Act(action)
		case s.request.Sent():
			return chiproxy.Done, b.wrote(s)
		}
		return next()
	})
}
