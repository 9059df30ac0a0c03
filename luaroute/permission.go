package luaroute

import (
	"context"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

func init() {
	caddy.RegisterModule(new(Permission))
}

// Permission is `permission luaroute [<instance>]` in the global option `on_demand_tls`. It allows on-demand TLS to
// get certificates for exactly the hosts that are served: those that a tenant, or a layer for hosts, of a running
// instance lists. A wildcard such as `*.example.com` stands for one label. A tenant or layer for all hosts allows
// none. A script may add and veto names with `route.certificate`.
//
// It looks hosts up in memory, as fast for a hundred thousand as for ten. While a configuration loads, the running
// one answers; if none runs, nothing is allowed.
type Permission struct {
	// The name of the instance to ask. Default: all of them; the certificate is allowed if one allows it.
	Name string `json:"name,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Permission) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "tls.permission.luaroute",
		New: func() caddy.Module { return new(Permission) },
	}
}

// UnmarshalCaddyfile reads `permission luaroute [<instance>]`.
func (p *Permission) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name of the module
	if d.NextArg() {
		p.Name = d.Val()
	}
	if d.NextArg() {
		return d.Errf("unexpected argument %q; expected the name of an instance, or nothing for all", d.Val())
	}
	if d.NextBlock(d.Nesting()) {
		return d.Errf("%q: permission luaroute has no block; expected the name of an instance after it, or nothing for all", d.Val())
	}
	return nil
}

// Provision lets the app check that the instance exists.
func (p *Permission) Provision(ctx caddy.Context) error {
	if p.Name == "" {
		return nil
	}
	app, err := ctx.App("luaroute")
	if err != nil {
		return err
	}
	app.(*App).Expect("tls.permission.luaroute", p.Name)
	return nil
}

// CertificateAllowed returns nil if a certificate may be obtained for a host. Any error wraps
// caddytls.ErrPermissionDenied; what scripts did wrong was logged.
func (p *Permission) CertificateAllowed(ctx context.Context, host string) error {
	names := []string{p.Name}
	if p.Name == "" {
		names = instance.Names()
	}
	var failed error
	for _, name := range names {
		ok, err := instance.Certify(ctx, name, host)
		if ok {
			return nil
		}
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		return fmt.Errorf("%s: %w: %w", host, caddytls.ErrPermissionDenied, failed)
	}
	return fmt.Errorf("%s: %w: no tenant or layer serves this host", host, caddytls.ErrPermissionDenied)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Permission)(nil)
	_ caddyfile.Unmarshaler       = (*Permission)(nil)
	_ caddytls.OnDemandPermission = (*Permission)(nil)
)
