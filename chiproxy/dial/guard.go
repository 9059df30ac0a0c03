package dial

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// Guard dials what all of some policies allow. It judges an address between the lookup of its name and the connection, so a name that
// resolves differently the next time is judged again, and Go races the addresses of a name as ever.
type Guard struct {
	// Allow are policies that must all allow an address; those that are nil do.
	Allow []*Policy
	// Deny has what is refused even so; nil refuses nothing.
	Deny *Policy
	// Dialer dials. Its Control functions must not be set.
	Dialer net.Dialer
}

// DialContext dials an address, as http.Transport and others want it. The error of what is not allowed has a Refusal or a Forbidden in it.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if strings.HasPrefix(network, "unix") {
		if err := g.socket(address); err != nil {
			return nil, err
		}
		return g.Dialer.DialContext(ctx, network, address)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d := g.Dialer
	d.ControlContext = func(_ context.Context, network, address string, _ syscall.RawConn) error {
		return g.judge(host, network, address)
	}
	return d.DialContext(ctx, network, address)
}

// judge returns nil if an address may be dialled that a host has been resolved to.
func (g *Guard) judge(host, network, address string) error {
	if !strings.HasPrefix(network, "tcp") {
		return fmt.Errorf("the network %q is not TCP", network)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip, port := to.Addr(), to.Port()
	if isAdmin(ip, port) {
		return adminError(to.String())
	}
	if g.Deny != nil && g.Deny.lists(host, ip, port) {
		return &Forbidden{to.String() + " is in what is denied"}
	}
	for _, p := range g.Allow {
		if p == nil || p.name(host, port) {
			continue
		}
		if err := p.address(ip, port); err != nil {
			return err
		}
	}
	return nil
}

// socket returns nil if a unix socket may be dialled.
func (g *Guard) socket(path string) error {
	if isAdminSocket(path) {
		return adminError(path)
	}
	if g.Deny != nil && g.Deny.socket(path) == nil {
		return &Forbidden{"unix/" + path + " is in what is denied"}
	}
	for _, p := range g.Allow {
		if p == nil {
			continue
		}
		if err := p.socket(path); err != nil {
			return err
		}
	}
	return nil
}

// lists reports whether a policy of networks, addresses and names has an address, or one that it carries.
func (p *Policy) lists(host string, ip netip.Addr, port uint16) bool {
	ip = ip.WithZone("").Unmap()
	inner, carries := carried(ip)
	for _, r := range p.networks {
		if (r.port == 0 || r.port == port) && (r.prefix.Contains(ip) || carries && r.prefix.Contains(inner)) {
			return true
		}
	}
	return p.name(host, port)
}

// Forbidden is the error for an address that is refused whatever a policy says.
type Forbidden struct{ why string }

func (f *Forbidden) Error() string { return f.why }
