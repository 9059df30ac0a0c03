package pool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
	"github.com/luaroute/caddy-luaroute/chiproxy/selection"
)

// A reverse_proxy lives in one of two contexts. A pool that loads modules gets a lifetime of its own. Most pools load none:
// addresses, a policy such as least_conn, health checks, timeouts. For these a copy of the configuration's context with a
// narrower life is enough, and they share the default transport.

const (
	handlerID      = "http.handlers.reverse_proxy"
	policyIDPrefix = "http.reverse_proxy.selection_policies."
)

// provisioning is held while a reverse_proxy is provisioned: Caddy's sets a variable of its package then
// (reverseProxyMetrics.logger), and the script reloads of two instances may run at the same time.
var provisioning sync.Mutex

// provisioningKey marks the contexts of modules that are loaded while provisioning is held.
type provisioningKey struct{}

// lockProvisioning holds provisioning and returns how to let it go. The routes of a pool's handle_response may
// bring pools of their own; for these it is held already.
func lockProvisioning(ctx context.Context) func() {
	if ctx.Value(provisioningKey{}) != nil {
		return func() {}
	}
	provisioning.Lock()
	return provisioning.Unlock
}

// narrow returns ctx with a shorter life. It must load no modules.
func narrow(ctx caddy.Context) (caddy.Context, func()) {
	var cancel context.CancelFunc
	ctx.Context, cancel = context.WithCancel(ctx.Context)
	return ctx, cancel
}

// provision makes a handler that loads no modules ready, and returns how to end it.
func (s *shared) provision(h *reverseproxy.Handler, transport http.RoundTripper) (*reverseproxy.Handler, func(), error) {
	ctx, cancel := narrow(s.named)
	h.Transport = transport
	if t, ok := transport.(*dial.Transport); ok {
		h.Transport = t.For(h)
	}
	if err := h.Provision(ctx); err != nil {
		cancel()
		// Cleanup releases the hosts, which must have been acquired before.
		if len(h.Upstreams) > 0 && h.Upstreams[0].Host != nil {
			_ = h.Cleanup()
		}
		return nil, nil, err
	}
	return h, func() {
		cancel()
		_ = h.Cleanup() // fails only for streams that are closed already
	}, nil
}

// loadHandler makes a handler of any configuration with a life of its own, and returns how to end it.
func (s *Set) loadHandler(config string) (*reverseproxy.Handler, func(), error) {
	life := s.modules.Open(provisioningKey{})
	mod, err := life.Load(handlerID, json.RawMessage(config))
	if err != nil {
		life.End()
		return nil, nil, err
	}
	life.Settle()
	return mod.(*reverseproxy.Handler), life.End, nil
}

// needsModules reports whether h loads modules when it is provisioned.
func needsModules(h *reverseproxy.Handler) bool {
	lb := h.LoadBalancing
	return h.TransportRaw != nil || h.CBRaw != nil || h.DynamicUpstreamsRaw != nil || len(h.HandleResponse) > 0 ||
		lb != nil && (lb.SelectionPolicyRaw != nil || lb.RetryMatchRaw != nil)
}

// canonical brings a configuration into the form that is the same for all that mean the same: without the "handler"
// key, its keys sorted, no white space.
func canonical(config json.RawMessage) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(config))
	dec.UseNumber() // durations in nanoseconds must not be rounded
	var obj map[string]any
	if err := dec.Decode(&obj); err != nil {
		return "", fmt.Errorf("expected the JSON of a reverse_proxy: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("expected the JSON of one reverse_proxy, found more after it")
	}
	if name, ok := obj["handler"]; ok && name != "reverse_proxy" {
		return "", fmt.Errorf(`handler %#v: expected "reverse_proxy", or nothing`, name)
	}
	delete(obj, "handler")
	out, err := json.Marshal(obj)
	return string(out), err
}

// decodePool reads a configuration and checks what Caddy would only find when a request comes.
func decodePool(config string, kinds Kinds) (*reverseproxy.Handler, error) {
	h := new(reverseproxy.Handler)
	if err := caddy.StrictUnmarshalJSON([]byte(config), h); err != nil {
		return nil, fmt.Errorf("reverse_proxy: %w", err)
	}
	if len(h.Upstreams) == 0 && h.DynamicUpstreamsRaw == nil && !kinds.Upstreams {
		return nil, errors.New("no upstreams; give it an address, or dynamic_upstreams")
	}
	if err := kinds.check(h); err != nil {
		return nil, err
	}
	for i, u := range h.Upstreams {
		if u == nil {
			return nil, fmt.Errorf("upstream %d is null; expected an address", i+1)
		}
		if err := checkDial(u.Dial); err != nil {
			return nil, fmt.Errorf("upstream %q: %w", u.Dial, err)
		}
	}
	if err := takeDataPolicy(h.LoadBalancing); err != nil {
		return nil, err
	}
	return h, nil
}

// check reports what cannot be together with functions.
func (k Kinds) check(h *reverseproxy.Handler) error {
	lb := h.LoadBalancing
	switch {
	case k.Upstreams && h.DynamicUpstreamsRaw != nil:
		return errors.New("upstreams is a function, and there is dynamic_upstreams; one of them names upstreams")
	case k.Upstreams && len(h.Upstreams) == 0 && h.HealthChecks != nil && h.HealthChecks.Active != nil && h.HealthChecks.Active.IsEnabled():
		return errors.New("active health checks ask addresses of the configuration, not those of the function upstreams; passive checks work")
	case k.Retry && lb != nil && lb.RetryMatchRaw != nil:
		return errors.New("retry is a function, and there is retry_match; one of them decides")
	case k.Retry && (lb == nil || lb.Retries <= 0 && lb.TryDuration <= 0):
		return errors.New("retry is never asked without another try; give retries, or try_duration")
	}
	return nil
}

// checkDial accepts the addresses of one socket, and everything with a placeholder.
func checkDial(dial string) error {
	if strings.Contains(dial, "{") {
		return nil
	}
	const allowed = "expected one host:port or unix/path"
	addr, err := caddy.ParseNetworkAddress(dial)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", allowed, err)
	case addr.IsUnixNetwork() || addr.IsFdNetwork():
		return nil
	case addr.StartPort == 0 || addr.PortRangeSize() != 1:
		return errors.New(allowed)
	}
	return nil
}

// takeDataPolicy makes the selection policy of lb, if it is one that needs no context: most are plain data, without
// anything to provision, validate or clean up.
func takeDataPolicy(lb *reverseproxy.LoadBalancing) error {
	if lb == nil || lb.SelectionPolicyRaw == nil {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(lb.SelectionPolicyRaw, &fields); err != nil {
		return fmt.Errorf("selection_policy: %w", err)
	}
	var name string
	if err := json.Unmarshal(fields["policy"], &name); err != nil {
		return errors.New(`selection_policy: the name of the "policy" is missing`)
	}
	if err := selection.CheckJSON(lb.SelectionPolicyRaw); err != nil {
		return err
	}
	info, err := caddy.GetModule(policyIDPrefix + name)
	if err != nil {
		return fmt.Errorf("selection_policy: %w", err)
	}
	policy, ok := info.New().(reverseproxy.Selector)
	if !ok || isProvisioned(policy) {
		return nil // Caddy is to load it
	}
	delete(fields, "policy")
	rest, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	if err := caddy.StrictUnmarshalJSON(rest, policy); err != nil {
		return fmt.Errorf("selection_policy %q: %w", name, err)
	}
	lb.SelectionPolicy, lb.SelectionPolicyRaw = policy, nil
	return nil
}

// isProvisioned reports whether a module takes part in the life of a context.
func isProvisioned(mod any) bool {
	switch mod.(type) {
	case caddy.Provisioner, caddy.Validator, caddy.CleanerUpper:
		return true
	}
	return false
}

func init() {
	caddy.RegisterModule(poolModuleID{})
}

// poolModule stands for the reverse_proxy of a pool where Caddy wants to know whose logger to give out. A handler that is
// provisioned without being loaded would log under the name of whichever module was loaded last.
type poolModule struct{ ctx caddy.Context }

// CaddyModule returns the module that pools log as.
func (*poolModule) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: handlerID, New: func() caddy.Module { return new(poolModule) }}
}

// Provision keeps the context.
func (m *poolModule) Provision(ctx caddy.Context) error {
	m.ctx = ctx
	return nil
}

// poolModuleID is what poolModule is registered as, since its own ID is that of another module.
type poolModuleID struct{}

// CaddyModule returns the Caddy module information.
func (poolModuleID) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.pools", New: func() caddy.Module { return new(poolModule) }}
}

// Interface guards
var _ caddy.Provisioner = (*poolModule)(nil)
