package dial

import (
	"net/netip"
	"slices"
)

// kind is what an address is for.
type kind int

const (
	public kind = iota
	private
	loopback
	linkLocal
	metadata
	reserved
)

func (k kind) String() string {
	return [...]string{
		"a public address", "a private address", "a loopback address", "a link-local address",
		"the address of a cloud's metadata service", "a reserved address",
	}[k]
}

// prefixes parses networks that are known here.
func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

var (
	// "This host": 0.0.0.0 and :: reach this machine, and with them all that is in 0.0.0.0/8.
	loopbacks = prefixes("127.0.0.0/8", "::1/128", "0.0.0.0/8", "::/128")
	links     = prefixes("169.254.0.0/16", "fe80::/10", "fec0::/10")
	// Of AWS, Google, Alibaba, Azure and Oracle, where they are not link-local.
	metadatas = prefixes("fd00:ec2::/32", "fd20:ce::/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32")
	privates  = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "fc00::/7",
		"64:ff9b:1::/48")
	// IANA's special-purpose registries: protocols, documentation, multicast, future use, discard, Teredo, ORCHID, SRv6.
	reserveds = prefixes("192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "ff00::/8")
)

// kindOf returns what an address is for.
func kindOf(ip netip.Addr) kind {
	for _, set := range []struct {
		prefixes []netip.Prefix
		kind     kind
	}{{loopbacks, loopback}, {links, linkLocal}, {metadatas, metadata}, {privates, private}, {reserveds, reserved}} {
		if slices.ContainsFunc(set.prefixes, func(p netip.Prefix) bool { return p.Contains(ip) }) {
			return set.kind
		}
	}
	return public
}

var (
	nat64      = prefixes("64:ff9b::/96", "64:ff9b:1::/48")
	compatible = netip.MustParsePrefix("::/96")
	sixToFour  = netip.MustParsePrefix("2002::/16")
)

// carried returns the IPv4 address that an IPv6 address reaches in the end: by NAT64, 6to4, or as an IPv4-compatible address.
func carried(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() {
		return netip.Addr{}, false
	}
	b := ip.As16()
	switch {
	case slices.ContainsFunc(nat64, func(p netip.Prefix) bool { return p.Contains(ip) }),
		compatible.Contains(ip) && kindOf(ip) != loopback:
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case sixToFour.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}
