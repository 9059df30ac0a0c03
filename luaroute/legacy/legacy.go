// Package legacy is the old contract: a script defines the global function on_route_request(request, backends), which is called for every
// request that no route of its tenant matches.
package legacy

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// FunctionName is the name of the global function.
const FunctionName = "on_route_request"

// Function is the function of a tenant, as the action for requests that no route of the tenant matches.
type Function struct {
	question *hook.Question
	// known are the backends of the tenant that was served last, which is the same one always.
	known atomic.Pointer[known]
}

// known are the services of a tenant.
type known struct {
	scope    *pool.Scope
	services []service
}

// New returns the action of a function.
func New(question *hook.Question) *Function { return &Function{question: question} }

// Describe returns where the function is declared.
func (f *Function) Describe() origin.Origin { return f.question.Describe() }

// Fingerprint tells functions apart by their code, to tell what a reload changed.
func (f *Function) Fingerprint() uint64 { return f.question.Fingerprint() }

// Traits are those of an action that always answers, and whose forwarding changes the request.
func (f *Function) Traits() chiproxy.Traits { return chiproxy.Traits{Changes: true} }

// Do asks the function and does what it decides.
func (f *Function) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	body, err := f.question.Body(ex)
	if err != nil {
		return chiproxy.Done, err
	}
	asked, backends := requestOf(ex.R, body), f.backends(ex.Pools())
	var d Decision
	err = f.question.Ask(ex, func(L *lua.LState) []lua.LValue { return arguments(L, asked, backends) }, d.read)
	if err != nil {
		return chiproxy.Done, err
	}
	return ex.Perform(d.action(backends))
}

// backends returns the pools that the tenant sees, with their state.
func (f *Function) backends(scope *pool.Scope) []Backend {
	k := f.known.Load()
	if k == nil || k.scope != scope {
		k = &known{scope, servicesIn(scope)}
		f.known.Store(k)
	}
	return backendsOf(k.services)
}

// Decide calls the function with a simulated request and backends that need not exist. It returns the decision unchanged. The error of the
// function is a *chiproxy.HookError.
func (f *Function) Decide(ctx context.Context, asked Request, backends []Backend) (Decision, error) {
	var d Decision
	err := f.question.AskAlone(ctx, func(L *lua.LState) []lua.LValue { return arguments(L, asked, backends) }, d.read)
	return d, err
}

// action returns what is done for a decision. For an unhealthy or unknown choice the first healthy backend is used.
func (d *Decision) action(backends []Backend) chiproxy.Action {
	if d.Reject {
		reason := d.RejectReason
		if reason == "" {
			reason = http.StatusText(http.StatusForbidden)
		}
		return static.Respond{Status: http.StatusForbidden, Body: reason}
	}
	isHealthy := func(b Backend) bool { return b.Health }
	chosen := slices.IndexFunc(backends, func(b Backend) bool { return b.Health && b.Name == d.SelectedBackend })
	if chosen < 0 {
		chosen = slices.IndexFunc(backends, isHealthy)
	}
	if chosen < 0 {
		return chiproxy.Error{Status: http.StatusBadGateway, Message: "no backend is healthy"}
	}
	return d.proxy(backends[chosen].Name)
}

// proxy forwards to a pool, with what the function has modified.
func (d *Decision) proxy(pool string) chiproxy.Proxy {
	proxy := chiproxy.Proxy{Pool: pool, Path: d.ModifiedPath}
	if len(d.ModifiedHeaders) > 0 {
		proxy.Headers = &field.Ops{Set: http.Header{}}
		for _, name := range slices.Sorted(maps.Keys(d.ModifiedHeaders)) { // names may differ only in case
			proxy.Headers.Set.Set(name, d.ModifiedHeaders[name])
		}
	}
	return proxy
}

// Globals are what scripts of the old contract find without require: log(msg), which writes a line to Caddy's log.
func Globals() map[string]lua.LValue { return map[string]lua.LValue{"log": logFunction} }

var logFunction = vm.GoFunc(func(L *lua.LState) int {
	message := L.ToStringMeta(L.CheckAny(1)).String()
	if s := vm.Of(L); s.MayLog(L, len(message)) {
		s.Entry(zap.InfoLevel, message).Write(zap.String("script", vm.Where(L)))
	}
	return 0
})

var (
	_ chiproxy.Action        = (*Function)(nil)
	_ chiproxy.Describer     = (*Function)(nil)
	_ chiproxy.Fingerprinter = (*Function)(nil)
)
