package hook

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Wrapper returns middleware around what is inside: the function gets next, and goes on after it.
func (v *VMs) Wrapper(ref vm.Ref, origin chiproxy.Origin) chiproxy.Middleware {
	return &wrapper{function{v, ref, origin}}
}

type wrapper struct{ function }

// Handle calls the function. It keeps its virtual machine while what is inside runs.
func (w *wrapper) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (v chiproxy.Verdict, err error) {
	s, err := w.vms.enter(ex)
	if err != nil {
		return chiproxy.Done, err
	}
	outer := s.request.Enter(false)
	s.pins++
	defer func() {
		s.pins--
		own := s.request.Leave(outer)
		if own == nil {
			return
		}
		var panicked any
		if own.Err() != nil { // what is inside could not write, and may have aborted
			panicked = recover()
		}
		v, err = own.Around(func() (chiproxy.Verdict, error) {
			if panicked != nil {
				panic(panicked)
			}
			return v, err
		})
	}()
	in := &inside{next: next}
	defer func() { in.over = true }()
	return w.run(s, in)
}

func (w *wrapper) run(s *session, in *inside) (chiproxy.Verdict, error) {
	r, err := w.call(s, vm.Function(s.state.L, in.call))
	if err != nil {
		var from *insideError
		if errors.As(err, &from) {
			return chiproxy.Done, from.err
		}
		return chiproxy.Done, s.failed(err, w.origin)
	}
	action, err := w.answer(s, r)
	switch {
	case err != nil:
	case action != nil && in.called && (in.verdict == chiproxy.Done && in.err == nil || s.ex.Wrote()):
		err = w.origin.Errorf("the middleware answers, but next() has answered already")
	case action != nil:
		return action.Do(s.ex)
	case s.request.Sent():
		return chiproxy.Done, nil
	case in.called:
		return in.verdict, in.err // an error, too, is passed on where the script has caught it and answers nothing
	default:
		err = w.origin.Errorf("the middleware did not call next and answered nothing; to stop here, return an answer")
	}
	return chiproxy.Done, s.failed(err, w.origin)
}

// inside is what a wrapper wraps.
type inside struct {
	next    func() (chiproxy.Verdict, error)
	called  bool
	over    bool // the wrapper has ended, and perhaps the request
	verdict chiproxy.Verdict
	err     error
}

// insideError is an error of what is inside, on its way through the wrapper.
type insideError struct{ err error }

// Error returns the error, for a script that catches it.
func (e *insideError) Error() string { return e.err.Error() }

// call is next(): it returns true if something answered, false if all declined.
func (in *inside) call(L *lua.LState) int {
	switch {
	case in.over:
		L.RaiseError("next is used after its middleware has ended; it must not be kept")
	case in.called:
		L.RaiseError("next was called before; it can be called once")
	}
	in.called = true
	in.verdict, in.err = in.next()
	if in.err != nil {
		// On a line of its own: places at the beginning of a message are taken for those of the error itself.
		vm.Throw(L, fmt.Errorf("next has failed:\n%w", &insideError{in.err}))
	}
	L.Push(lua.LBool(in.verdict == chiproxy.Done))
	return 1
}
