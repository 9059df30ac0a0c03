package dial

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Resolver looks names up. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Resolve returns the addresses that may be dialled for one, with IP addresses instead of names, so that nothing is looked up twice. If
// none may, the error is a Refusal.
//
// A name that the policy has may resolve to anything; of another name only the addresses that are allowed themselves are returned.
func (p *Policy) Resolve(ctx context.Context, resolver Resolver, network, address string) ([]string, error) {
	if strings.HasPrefix(network, "unix") {
		if isAdminSocket(address) {
			return nil, adminError(address)
		}
		return []string{address}, p.socket(address)
	}
	if err := p.network(network, address); err != nil {
		return nil, err
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n, err := net.DefaultResolver.LookupPort(ctx, network, text)
	if err != nil {
		return nil, err
	}
	port := uint16(n) //nolint:gosec // a port is no larger
	ips, named, err := p.lookUp(ctx, resolver, network, host, port)
	if err != nil {
		return nil, err
	}
	var allowed []string
	var refused error
	for _, ip := range ips {
		var err error
		switch {
		case isAdmin(ip, port):
			err = adminError(address)
		case !named:
			err = p.address(ip, port)
		}
		if err == nil {
			allowed = append(allowed, netip.AddrPortFrom(ip.Unmap(), port).String())
		} else if refused == nil {
			refused = err
		}
	}
	switch {
	case len(allowed) > 0:
		return allowed, nil
	case refused == nil:
		return nil, fmt.Errorf("%s has no address", host)
	case ips[0].String() != host:
		return nil, fmt.Errorf("%s: %w", host, refused)
	}
	return nil, refused
}

// Dialer returns a function that dials only what the policy allows, as http.Transport and others want it. A nil policy allows everything.
func (p *Policy) Dialer(d *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	if p == nil {
		return d.DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		allowed, err := p.Resolve(ctx, d.Resolver, network, address)
		if err != nil {
			return nil, err
		}
		return firstOf(ctx, allowed, func(address string) (net.Conn, error) { return d.DialContext(ctx, network, address) })
	}
}

// firstOf dials addresses one after the other, until one answers.
func firstOf(ctx context.Context, addresses []string, dial func(string) (net.Conn, error)) (conn net.Conn, err error) {
	for _, address := range addresses {
		if conn, err = dial(address); err == nil || ctx.Err() != nil {
			break
		}
	}
	return conn, err
}

// lookUp returns the addresses of a host, and whether the policy has its name.
func (p *Policy) lookUp(ctx context.Context, resolver Resolver, network, host string, port uint16) (ips []netip.Addr, named bool, err error) {
	if host == "" {
		return []netip.Addr{netip.IPv4Unspecified()}, false, nil // Go dials this machine
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, false, nil
	}
	family := "ip"
	if suffix := network[len(network)-1:]; suffix == "4" || suffix == "6" {
		family += suffix
	}
	if r, ok := resolver.(*net.Resolver); resolver == nil || ok && r == nil {
		resolver = net.DefaultResolver
	}
	ips, err = resolver.LookupNetIP(ctx, family, host)
	return ips, p.name(host, port), err
}
