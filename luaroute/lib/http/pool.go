package http

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/call"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Pools is the Slot of a state whose request can ask pools.
type Pools interface {
	// AskPool returns a function that sends requests to a pool, which nothing of the request that runs is changed by. Any goroutine may
	// call it. With forAll, the pool is told nothing of the client. The error says why there is no such pool.
	AskPool(name string, forAll bool) (func(http.ResponseWriter, *http.Request) error, error)
}

// poolSender returns what sends a request to a pool.
func poolSender(L *lua.LState, state *vm.State, s *settings) (sender, error) {
	pools, ok := state.Slot.(Pools)
	if !ok {
		L.RaiseError("http: pool %q: a pool can be asked only while a request runs", s.pool)
	}
	ask, err := pools.AskPool(s.pool, s.cache != nil)
	if err != nil {
		L.RaiseError("http: %s", err)
	}
	target, err := url.ParseRequestURI(s.URL)
	if err != nil || !strings.HasPrefix(s.URL, "/") {
		return nil, &call.Error{Kind: call.Invalid, Detail: "with a pool the URL is a path"}
	}
	return func(ctx context.Context) (*call.Response, error) { return s.ask(ctx, target, ask) }, nil
}

// ask sends the request to a pool.
func (s *settings) ask(ctx context.Context, target *url.URL, ask func(http.ResponseWriter, *http.Request) error) (_ *call.Response, err error) {
	start, timeout := time.Now(), s.Timeout
	if timeout <= 0 {
		timeout = call.DefaultTimeout
	}
	own, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(own, methodOf(s), target.RequestURI(), strings.NewReader(s.Body))
	if err != nil {
		return nil, &call.Error{Kind: call.Invalid, Detail: "the request cannot be sent", Err: err}
	}
	r.URL, r.RequestURI, r.Host = target, target.RequestURI(), s.Header.Get("Host")
	for name, values := range s.Header {
		if name != "Host" {
			r.Header[name] = values
		}
	}
	w := &recorder{header: http.Header{}, body: call.Body{Most: s.MaxBody, Reserve: s.Reserve}}
	defer w.body.Close()
	err = ask(w, r)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case own.Err() != nil:
		return nil, &call.Error{Kind: call.Timeout, Detail: fmt.Sprintf("there was no whole answer within %v", timeout), Err: err}
	case w.failed != nil:
		return nil, w.failed
	case err != nil:
		return nil, failureOf(err)
	}
	w.WriteHeader(http.StatusOK)
	return &call.Response{Status: w.status, Header: w.sent, Body: w.body.String(), URL: s.URL, Elapsed: time.Since(start)}, nil
}

// failureOf returns the error of a reverse_proxy as one of a call. What Caddy wraps a failed dial in cannot be unwrapped.
func failureOf(err error) error {
	if errors.Is(err, chiproxy.ErrAborted) {
		return &call.Error{Kind: call.Closed, Detail: "the answer broke off", Err: err}
	}
	var failed caddyhttp.HandlerError
	if !errors.As(err, &failed) || failed.Err == nil {
		return call.KindOf(err)
	}
	switch failed.StatusCode {
	case http.StatusServiceUnavailable:
		return &call.Error{Kind: call.Refused, Detail: failed.Err.Error(), Err: err}
	case http.StatusGatewayTimeout:
		return &call.Error{Kind: call.Timeout, Detail: failed.Err.Error(), Err: err}
	}
	kind := call.KindOf(failed.Err)
	if text := failed.Err.Error(); kind.Kind == call.Closed && strings.HasPrefix(text, "dial ") {
		kind = &call.Error{Kind: call.Refused, Detail: text, Err: err}
	}
	return kind
}

// recorder is a response that is kept in memory.
type recorder struct {
	header, sent http.Header
	status       int
	body         call.Body
	failed       error
}

// Header returns the header that is to be sent.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader notes the status, unless it is one that another follows.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status, w.sent = status, maps.Clone(w.header)
	}
}

// Write adds to the body.
func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	n, err := w.body.Write(p)
	if err != nil && w.failed == nil {
		w.failed = err
	}
	return n, err
}

// Flush has nothing to do.
func (w *recorder) Flush() {}
