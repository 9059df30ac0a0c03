package http

import (
	"context"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/call"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// callSteps is the fixed cost of a call, and bytesPerStep what of a body one more step is for.
	callSteps, bytesPerStep = 200, 64
	// maxCalls is how many calls there may be for one request.
	maxCalls = 32
	// headerValueSize is about what a value of a header takes, besides its text.
	headerValueSize = 64
)

// result is what became of a call.
type result struct {
	res *call.Response
	err error
}

// sender sends one request, and may run in any goroutine.
type sender func(ctx context.Context) (*call.Response, error)

// one sends a request and pushes its result.
func (o *owner) one(L *lua.LState, s *settings) int {
	send, err := o.prepare(L, s)
	if err != nil {
		return push(L, result{err: err})
	}
	defer o.leave()
	var r result
	err = vm.Of(L).Wait(func(ctx context.Context) error {
		r.res, r.err = send(ctx)
		return context.Cause(ctx)
	})
	if err != nil { // of the request, or the end of its time
		vm.Throw(L, err)
	}
	return push(L, r)
}

// prepare returns what sends a request, after everything that needs the state. Without an error the caller calls leave when it was sent. It
// raises where nothing may be sent at all.
func (o *owner) prepare(L *lua.LState, s *settings) (send sender, err error) {
	state := vm.Of(L)
	defer func() {
		if err != nil && state.Refuse == nil {
			o.tenant.Asks(telemetry.AskedHTTP, kindOf(err))
		}
	}()
	if state.Declaring() {
		L.RaiseError("http asks nobody while scripts load; call it in route.on_load, in route.every, or while a request runs")
	}
	s.URL = s.withParams()
	vm.Spend(L, callSteps+(len(s.URL)+len(s.Body))/bytesPerStep)
	if state.Refuse != nil {
		state.Refuse("http: " + methodOf(s) + " " + s.URL)
		return nil, &call.Error{Kind: call.Forbidden, Detail: `nothing is sent for a request that is only simulated; in tests use stub("http", …)`}
	}
	if state.Count(vm.Tally{Calls: 1}); state.Tally().Calls > maxCalls {
		return nil, &call.Error{Kind: call.Busy, Detail: fmt.Sprintf("the request has made %d calls; more are not allowed", maxCalls)}
	}
	if s.client == nil {
		return nil, errNobody
	}
	o.passTrace(state, s)
	if s.Reserve = state.Reserve; s.share != nil {
		s.Reserve = s.share.reserve
	}
	send = func(ctx context.Context) (*call.Response, error) { return s.client.Do(ctx, &s.Request) }
	if s.pool != "" {
		if send, err = poolSender(L, state, s); err != nil {
			return nil, err
		}
	}
	send = o.cached(L, s, o.counted(send))
	select {
	case o.places <- struct{}{}:
		return send, nil
	default:
		return nil, &call.Error{Kind: call.Busy, Detail: fmt.Sprintf("%d calls of the tenant are under way; more are not allowed", cap(o.places))}
	}
}

// counted returns a sender that counts what becomes of the requests that are sent; an answer that was kept is none.
func (o *owner) counted(send sender) sender {
	return func(ctx context.Context) (*call.Response, error) {
		res, err := send(ctx)
		o.tenant.Asks(telemetry.AskedHTTP, kindOf(err))
		return res, err
	}
}

// kindOf returns what became of a call, for counters: ok, or the kind of a failure.
func kindOf(err error) string {
	var failed *call.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &failed):
		return string(failed.Kind)
	}
	return string(call.Closed)
}

// leave ends a call that was prepared.
func (o *owner) leave() { <-o.places }

func methodOf(s *settings) string {
	if s.Method == "" {
		return "GET"
	}
	return s.Method
}

// traceparent names the trace that the request belongs to.
const traceparent = "Traceparent"

// passTrace makes the call a part of the trace of the request.
func (o *owner) passTrace(state *vm.State, s *settings) {
	if s.Header.Get(traceparent) != "" {
		return
	}
	if v := placeholder(state, "http.request.header."+traceparent); v != "" {
		s.Header = s.Header.Clone()
		if s.Header == nil {
			s.Header = make(map[string][]string, 1)
		}
		s.Header[traceparent] = []string{v}
	}
}

// placeholder returns a placeholder of the request that runs, empty if there is none.
func placeholder(state *vm.State, name string) string {
	repl, ok := state.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	v, _ := repl.GetString(name)
	return v
}

// push pushes the results of a call.
func push(L *lua.LState, r result) int {
	if r.err != nil {
		return vm.Fail(L, textOf(r.err))
	}
	L.Push(charged(L, r.res))
	return 1
}

// charged returns an answer as scripts have it, after it was counted.
func charged(L *lua.LState, res *call.Response) lua.LValue {
	vm.ChargeString(L, len(res.Body))
	size := 0
	for name, values := range res.Header {
		for _, value := range values {
			size += len(name) + len(value) + headerValueSize
		}
	}
	vm.Charge(L, size)
	return object(res)
}

// textOf returns an error as scripts see it.
func textOf(err error) string {
	var failed *call.Error
	if errors.As(err, &failed) {
		return failed.Error()
	}
	return string(call.Closed) + ": " + err.Error()
}
