package dial

import (
	"net"
	"net/netip"
	"os"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/lifetime"
)

// admins are the admin endpoints of the configurations that are alive. Caddy opens the one of a new configuration before its apps
// are provisioned, and closes the one of the old configuration at the same time.
var admins struct {
	sync.RWMutex
	byOwner map[any][]caddy.NetworkAddress
}

// Protect keeps the admin endpoint of a configuration from being dialled, until Unprotect is called with the same owner.
func Protect(owner any, ctx caddy.Context) error {
	addresses, err := lifetime.AdminAddresses(ctx)
	if err != nil {
		return err
	}
	admins.Lock()
	defer admins.Unlock()
	if admins.byOwner == nil {
		admins.byOwner = map[any][]caddy.NetworkAddress{}
	}
	admins.byOwner[owner] = addresses
	return nil
}

// Unprotect is the end of Protect.
func Unprotect(owner any) {
	admins.Lock()
	defer admins.Unlock()
	delete(admins.byOwner, owner)
}

// anyAdmin reports whether some admin endpoint is as f says.
func anyAdmin(f func(caddy.NetworkAddress) bool) bool {
	admins.RLock()
	defer admins.RUnlock()
	for _, addresses := range admins.byOwner {
		for _, a := range addresses {
			if f(a) {
				return true
			}
		}
	}
	return false
}

// isAdmin reports whether an admin endpoint is at an address: at its port, on this machine, whatever address of it is listened at.
func isAdmin(ip netip.Addr, port uint16) bool {
	return anyAdmin(func(a caddy.NetworkAddress) bool {
		return !a.IsUnixNetwork() && a.StartPort <= uint(port) && uint(port) <= a.EndPort && isLocal(ip)
	})
}

// isLocal reports whether an address reaches this machine.
func isLocal(ip netip.Addr) bool {
	ip = ip.WithZone("").Unmap()
	if inner, ok := carried(ip); ok {
		ip = inner
	}
	if kindOf(ip) == loopback {
		return true
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true // what is unknown is protected
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip.AsSlice()) {
			return true
		}
	}
	return false
}

// isAdminSocket reports whether an admin endpoint is at a unix socket, by whatever name.
func isAdminSocket(path string) bool {
	return anyAdmin(func(a caddy.NetworkAddress) bool {
		return a.IsUnixNetwork() && (cleanSocket(a.Host) == cleanSocket(path) || sameFile(cleanSocket(a.Host), cleanSocket(path)))
	})
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

func adminError(address string) error {
	return &Forbidden{address + " is the admin endpoint of Caddy, which scripts may never dial"}
}
