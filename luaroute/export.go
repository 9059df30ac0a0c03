package luaroute

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/balance"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

func init() {
	caddy.RegisterModule(new(Selection))
	caddy.RegisterModule(new(Upstreams))
}

const (
	selectionID = "http.reverse_proxy.selection_policies.luaroute"
	upstreamsID = "http.reverse_proxy.upstreams.luaroute"
)

// exported is a function that a script has exported, as a module of Caddy's names it.
type exported struct {
	instance, function string
	logger             *zap.Logger
}

// provision finds the function, of which the app checks when it starts that it is there.
func (e *exported) provision(ctx caddy.Context, id, name string) error {
	if pool.Inside(ctx) || instance.Inside(ctx) {
		return errors.New("this is for a reverse_proxy outside of luaroute; pools of scripts have select and upstreams")
	}
	if name == "" {
		return errors.New("the name of the function is missing; expected that of a route.export, perhaps with @ and an instance")
	}
	e.function, e.instance, _ = strings.Cut(name, "@")
	e.instance = cmp.Or(e.instance, defaultName)
	e.logger = ctx.Logger()
	app, err := ctx.App("luaroute")
	if err != nil {
		return err
	}
	app.(*App).expectExport(id, e.instance, e.function)
	return nil
}

// ask calls the function, and reports whether it could be called. What is wrong in it, it logs itself.
func (e *exported) ask(w http.ResponseWriter, r *http.Request, f func(*chiproxy.Exchange, chiproxy.Export) error) (called bool, err error) {
	err = instance.Ask(e.instance, e.function, w, pool.AskedBy(r), func(ex *chiproxy.Exchange, export chiproxy.Export) error {
		called = true
		return f(ex, export)
	})
	if !called {
		e.logger.Error("a function of a script is not there", zap.String("function", e.function), zap.String("instance", e.instance), zap.Error(err))
	}
	return called, err
}

// readFunction reads the name of a function.
func readFunction(d *caddyfile.Dispenser, to *string) error {
	d.Next() // the name of the module
	if !d.NextArg() || d.Val() == "" {
		return d.Errf("luaroute: expected the name of a function that a script exports, found none")
	}
	*to = d.Val()
	if d.NextArg() {
		return d.Errf("luaroute: unexpected argument %q; expected one function", d.Val())
	}
	return nil
}

// Selection is `lb_policy luaroute <function>`. A function that a script has exported with `route.export` chooses the
// upstream of each try, as `select` of a pool does: it gets `req` and `up`, and returns one of `up`, an address, `nil`
// for what the fallback selects, or `false` for none. It does not read the body of the request.
//
//	reverse_proxy 10.0.0.1:80 10.0.0.2:80 {
//		lb_policy luaroute by_user {
//			fallback least_conn
//		}
//	}
type Selection struct {
	// The name that the function was exported with; behind an `@` that of the instance, which is `main` otherwise.
	Function string `json:"function,omitempty"`

	// The policy where the function fails, or returns `nil`. Default: `random`.
	FallbackRaw json.RawMessage `json:"fallback,omitempty" caddy:"namespace=http.reverse_proxy.selection_policies inline_key=policy"`

	balance.Observed
	exported
	foreign *pool.Foreign
}

// CaddyModule returns the Caddy module information.
func (*Selection) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: selectionID, New: func() caddy.Module { return new(Selection) }}
}

// Provision finds the function and the fallback.
func (s *Selection) Provision(ctx caddy.Context) error {
	if err := s.provision(ctx, selectionID, s.Function); err != nil {
		return err
	}
	if s.FallbackRaw == nil {
		s.FallbackRaw = json.RawMessage(`{"policy": "random"}`)
	}
	fallback, err := ctx.LoadModule(s, "FallbackRaw")
	if err != nil {
		return fmt.Errorf("fallback: %w", err)
	}
	s.foreign = pool.NewForeign(fallback.(reverseproxy.Selector))
	return s.Begin(ctx, s.foreign)
}

// UnmarshalCaddyfile reads `luaroute <function> { fallback <policy> }`.
func (s *Selection) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := readFunction(d, &s.Function); err != nil {
		return err
	}
	for d.NextBlock(0) {
		if d.Val() != "fallback" || s.FallbackRaw != nil {
			return d.Errf("luaroute: found %q; expected fallback and a policy, once", d.Val())
		}
		if !d.NextArg() {
			return d.Errf("fallback: expected a policy such as round_robin, found none")
		}
		name := d.Val()
		policy, err := caddyfile.UnmarshalModule(d, "http.reverse_proxy.selection_policies."+name)
		if err != nil {
			return err
		}
		s.FallbackRaw = caddyconfig.JSONModuleObject(policy, "policy", name, nil)
	}
	return nil
}

// Select returns the upstream that the function chooses.
func (s *Selection) Select(from reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) (u *reverseproxy.Upstream) {
	if w == nil { // as the fallback of another policy
		w = noWriter{}
	}
	called, _ := s.ask(w, r, func(ex *chiproxy.Exchange, export chiproxy.Export) (err error) {
		u, err = s.foreign.Select(from, r, w, export.Select.For(ex))
		return err
	})
	if !called {
		return s.foreign.Unasked(from, r, w)
	}
	return u
}

// Upstreams is `dynamic luaroute <function>`. A function that a script has exported with `route.export` names the
// upstreams of a request, as `upstreams` of a pool does: it gets `req`, and returns a list of at most 64 addresses, or
// tables that begin with one. It is asked once for a request, and again after a try that fails. Where it fails, those
// of the configuration are used.
//
//	reverse_proxy {
//		dynamic luaroute by_tenant
//	}
type Upstreams struct {
	// The name that the function was exported with; behind an `@` that of the instance, which is `main` otherwise.
	Function string `json:"function,omitempty"`

	exported
	foreign *pool.Foreign
}

// CaddyModule returns the Caddy module information.
func (*Upstreams) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: upstreamsID, New: func() caddy.Module { return new(Upstreams) }}
}

// Provision finds the function.
func (u *Upstreams) Provision(ctx caddy.Context) error {
	u.foreign = pool.NewForeign(nil)
	return u.provision(ctx, upstreamsID, u.Function)
}

// UnmarshalCaddyfile reads `luaroute <function>`.
func (u *Upstreams) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := readFunction(d, &u.Function); err != nil {
		return err
	}
	if d.NextBlock(0) {
		return d.Errf("luaroute: found %q; expected no block", d.Val())
	}
	return nil
}

// GetUpstreams returns those of a request.
func (u *Upstreams) GetUpstreams(r *http.Request) (list []*reverseproxy.Upstream, err error) {
	if known, ok := u.foreign.Listed(r); ok {
		return known, nil
	}
	_, err = u.ask(noWriter{}, r, func(ex *chiproxy.Exchange, export chiproxy.Export) (err error) {
		list, err = u.foreign.List(r, export.Upstreams.For(ex))
		return err
	})
	return list, err
}

// ResetCache has the function asked again.
func (u *Upstreams) ResetCache(r *http.Request) error {
	u.foreign.Forget(r)
	return nil
}

// noWriter is for functions that have no response before them.
type noWriter struct{}

func (noWriter) Header() http.Header         { return http.Header{} }
func (noWriter) Write(p []byte) (int, error) { return len(p), nil }
func (noWriter) WriteHeader(int)             {}

// Interface guards
var (
	_ caddy.Provisioner                  = (*Selection)(nil)
	_ caddy.CleanerUpper                 = (*Selection)(nil)
	_ caddyfile.Unmarshaler              = (*Selection)(nil)
	_ reverseproxy.Selector              = (*Selection)(nil)
	_ caddy.Provisioner                  = (*Upstreams)(nil)
	_ caddyfile.Unmarshaler              = (*Upstreams)(nil)
	_ reverseproxy.CachingUpstreamSource = (*Upstreams)(nil)
)
