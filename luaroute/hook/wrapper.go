package hook

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Wrapper returns middleware around what is inside: the function gets next, and goes on after it.
func (v *VMs) Wrapper(ref vm.Ref, origin origin.Origin) chiproxy.Middleware {
	return &wrapper{function{v, ref, origin}}
}

type wrapper struct{ function }

// Traits are those of a function that may do anything, also after what is inside has declined or failed.
func (w *wrapper) Traits() chiproxy.Traits { return chiproxy.Traits{Declines: true, Changes: true} }

// Handle calls the function, and does what it returned.
func (w *wrapper) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	s, err := w.enter(ex)
	if err != nil {
		return chiproxy.Done, err
	}
	var out outcome
	own := w.ask(s, next, &out)
	if own == nil {
		return out.settle(ex)
	}
	return ex.Around(own, func() (chiproxy.Verdict, error) { return out.settle(ex) })
}

// outcome is the result of a wrapper: an action still to be done, or the verdict of what it wraps.
type outcome struct {
	action  chiproxy.Action
	verdict chiproxy.Verdict
	err     error
}

func (o *outcome) settle(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	if o.action != nil {
		return o.action.Do(ex)
	}
	return o.verdict, o.err
}

// ask calls the function, and returns the response hooks that it has set. It keeps the virtual machine while what is inside
// runs, but not for the answer of the function itself.
func (w *wrapper) ask(s *session, next func() (chiproxy.Verdict, error), out *outcome) (own *response.Hooks) {
	outer := s.request.Enter(false)
	in := s.wrap(next)
	s.pins++
	defer func() {
		s.pins--
		s.unwrap(in)
		own = s.request.Leave(outer)
	}()
	if w.run(s, in, out); out.err != nil {
		s.request.DropHeld()
	}
	return nil
}

func (w *wrapper) run(s *session, in *inside, out *outcome) {
	r, err := w.call(s, in.fn)
	if err != nil {
		var from *insideError
		if errors.As(err, &from) {
			out.err = from.err
			return
		}
		out.err = s.failed(err, w.origin)
		return
	}
	action, err := w.answer(s, r)
	switch {
	case err != nil:
	case action != nil && in.called && (in.verdict == chiproxy.Done && in.err == nil || s.ex.Wrote()):
		err = w.origin.Errorf("the middleware answered, but next() already had")
	case action != nil:
		out.action = action
		return
	case s.request.Sent() && !in.broken:
		out.err = w.wrote(s)
		return
	case in.called:
		out.verdict, out.err = in.verdict, in.err // an error, too, is passed on where the script has caught it and answers nothing
		return
	default:
		err = w.origin.Errorf("the middleware did not call next and answered nothing; to stop here, return an answer")
	}
	out.err = s.failed(err, w.origin)
}

// inside is what a wrapper wraps. It stays with the session, for the next wrapper at the same depth.
type inside struct {
	s       *session
	fn      *lua.LFunction // next, as the script calls it
	next    func() (chiproxy.Verdict, error)
	called  bool
	broken  bool // a response has begun in there that cannot be finished
	verdict chiproxy.Verdict
	err     error
}

// wrap returns the inside of a wrapper that begins.
func (s *session) wrap(next func() (chiproxy.Verdict, error)) *inside {
	if s.depth == len(s.insides) {
		in := new(inside)
		in.fn = vm.Function(s.state.L, in.call)
		s.insides = append(s.insides, in)
	}
	in := s.insides[s.depth]
	s.depth++
	*in = inside{s: s, fn: in.fn, next: next}
	return in
}

// unwrap ends the inside of a wrapper.
func (s *session) unwrap(in *inside) {
	s.depth--
	in.next, in.err = nil, nil
}

// insideError is an error of what is inside, on its way through the wrapper.
type insideError struct{ err error }

// Error returns the error, for a script that catches it.
func (e *insideError) Error() string { return e.err.Error() }

// call is next(): it returns true if something answered, false if all declined.
func (in *inside) call(L *lua.LState) int {
	switch {
	case in.next == nil:
		L.RaiseError("next is used after its middleware has ended; do not keep it")
	case in.called:
		L.RaiseError("next was called before; it can be called once")
	}
	if err := in.s.request.SendHeld(in.s.state); err != nil {
		vm.Throw(L, err)
	}
	in.called = true
	in.s.state.StepAside()
	in.s.state.Outside(func() { in.verdict, in.err = in.run() })
	in.s.back()
	if in.err != nil {
		in.broken = in.s.ex.Wrote()
		// On a line of its own: a script:line at the beginning of a message counts as the place of the error itself.
		vm.Throw(L, fmt.Errorf("next failed:\n%w", &insideError{in.err}))
	}
	L.Push(lua.LBool(in.verdict == chiproxy.Done))
	return 1
}

// run does what is inside. A write after a failed response hook panics to abort; here that becomes an error, since a panic would break the
// virtual machine.
func (in *inside) run() (v chiproxy.Verdict, err error) {
	defer func() {
		failed := in.s.ex.ResponseErr()
		if failed == nil {
			return
		}
		if aborted := recover(); aborted != nil && aborted != http.ErrAbortHandler {
			panic(aborted)
		}
		v, err = chiproxy.Done, caddyhttp.Error(http.StatusInternalServerError, failed) // the layer of the hook knows better
	}()
	return in.s.ex.Restoring(in.next)
}
