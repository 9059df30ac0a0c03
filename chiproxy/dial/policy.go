package dial

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// Words of a policy.
const (
	// Network is every address except loopback, link-local and cloud metadata addresses, and no unix socket.
	Network = "network"
	// Public is what the internet can reach: Network without private and reserved addresses.
	Public = "public"
	// None is no address.
	None = "none"
	// All is every address.
	All = "all"
)

// forms is what a policy may consist of.
const forms = "network, public, none or all, an address, a CIDR, a name such as api.example:443 or *.example:443, or unix//path"

// Policy is a set of addresses. It is safe for concurrent use.
type Policy struct {
	words    []string // as they were written
	networks []rule
	names    []rule
	sockets  []string
	word     string // Network, Public or All; empty for none of them
	place    place
	implied  []string // of words
}

// place is where a policy is written, for its refusals.
type place struct{ who, key, block string }

var allowBlock = place{"the tenant", "upstreams", "its allow block"}

// WrittenAs says in whose name the policy allows, and under which key of which block its words are: "http", "allow", "the block libs http".
// Of what is not written there, such as a default, the words are not repeated in what a refusal asks for. It returns the policy.
func (p *Policy) WrittenAs(who, key, block string, implied ...string) *Policy {
	p.place, p.implied = place{who, key, block}, implied
	return p
}

// rule is a network or a name, with a port or without.
type rule struct {
	prefix netip.Prefix
	name   string // lower case, perhaps with *. before it
	port   uint16 // 0 stands for all
}

// Parse reads the words of a policy, of which one is enough to allow an address.
func Parse(words []string) (*Policy, error) {
	p := &Policy{words: slices.Clone(words), place: allowBlock}
	for _, word := range words {
		if err := p.add(word); err != nil {
			return nil, err
		}
	}
	switch {
	case len(words) == 0:
		return nil, errors.New("expected " + forms + "; found nothing")
	case len(words) > 1 && slices.Contains(words, None):
		return nil, errors.New("none stands alone")
	}
	return p, nil
}

// ParseAddresses is Parse for addresses, CIDRs and sockets only. Without words there is none of them, and the policy is nil.
func ParseAddresses(words []string) (*Policy, error) {
	if len(words) == 0 {
		return nil, nil
	}
	p, err := Parse(words)
	if err == nil && (p.word != "" || len(p.names) > 0 || slices.Contains(words, None)) {
		err = fmt.Errorf("%s: expected addresses, CIDRs, or sockets such as unix//path", p)
	}
	return p, err
}

func (p *Policy) add(word string) error {
	switch word {
	case None:
		return nil
	case Network, Public, All:
		if p.word == "" || p.word == Public || word == All {
			p.word = word
		}
		return nil
	}
	if path, ok := strings.CutPrefix(word, "unix/"); ok && path != "" {
		p.sockets = append(p.sockets, cleanSocket(path))
		return nil
	}
	host, port, err := splitPort(word)
	if err != nil {
		return fmt.Errorf("%q: %w", word, err)
	}
	if prefix, ok := parsePrefix(host); ok {
		p.networks = append(p.networks, rule{prefix: prefix, port: port})
		return nil
	}
	if !validName(host) {
		return fmt.Errorf("%q: expected %s", word, forms)
	}
	p.names = append(p.names, rule{name: strings.ToLower(strings.TrimSuffix(host, ".")), port: port})
	return nil
}

// splitPort takes a port off, if there is one.
func splitPort(word string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(word)
	if err != nil {
		return strings.Trim(word, "[]"), 0, nil // no port, or an IPv6 address without one
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("%q is not a port; expected a number from 1 to 65535", text)
	}
	return host, uint16(n), nil
}

func parsePrefix(host string) (netip.Prefix, bool) {
	if prefix, err := netip.ParsePrefix(host); err == nil {
		if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
		}
		return prefix.Masked(), true
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.WithZone("").Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), true
	}
	return netip.Prefix{}, false
}

// validName reports whether a name can be one of a host, perhaps with *. before it. Numbers are not names: resolvers read 0x7f.1 as
// 127.0.0.1.
func validName(name string) bool {
	labels := strings.Split(strings.TrimSuffix(strings.TrimPrefix(name, "*."), "."), ".")
	for _, label := range labels {
		if label == "" || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return last[0] < '0' || last[0] > '9'
}

// String returns the words.
func (p *Policy) String() string { return strings.Join(p.words, " ") }

// Words returns the words, as they were written.
func (p *Policy) Words() []string { return slices.Clone(p.words) }

// name reports whether a name may be dialled whatever it resolves to.
func (p *Policy) name(name string, port uint16) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return p.word == All || slices.ContainsFunc(p.names, func(r rule) bool {
		return (r.port == 0 || r.port == port) && r.matches(name)
	})
}

// matches reports whether the rule is for a name. The star stands for one label.
func (r rule) matches(name string) bool {
	suffix, wild := strings.CutPrefix(r.name, "*.")
	if !wild {
		return r.name == name
	}
	label, rest, _ := strings.Cut(name, ".")
	return rest == suffix && label != ""
}

// address returns nil if an IP address may be dialled, or a Refusal. Of an address that carries another one, such as one of
// NAT64, both must be allowed.
func (p *Policy) address(ip netip.Addr, port uint16) error {
	ip = ip.WithZone("").Unmap()
	if err := p.plain(ip, port); err != nil {
		return err
	}
	if inner, ok := carried(ip); ok {
		return p.plain(inner, port)
	}
	return nil
}

// plain is Address without what an address carries.
func (p *Policy) plain(ip netip.Addr, port uint16) error {
	for _, r := range p.networks {
		if (r.port == 0 || r.port == port) && r.prefix.Contains(ip) {
			return nil
		}
	}
	what := kindOf(ip)
	switch p.word {
	case All:
		return nil
	case Network:
		if what == public || what == private || what == reserved {
			return nil
		}
	case Public:
		if what == public {
			return nil
		}
	}
	return &Refusal{Address: netip.AddrPortFrom(ip, port).String(), What: what.String(), Needs: ip.String(), Policy: p}
}

// socket returns nil if a unix socket may be dialled, or a Refusal.
func (p *Policy) socket(path string) error {
	if p.word == All || slices.Contains(p.sockets, cleanSocket(path)) {
		return nil
	}
	return &Refusal{Address: "unix/" + path, What: "a unix socket", Needs: "unix/" + path, Policy: p}
}

// cleanSocket returns the one form of a path. Abstract sockets have no path.
func cleanSocket(path string) string {
	path, _, _ = strings.Cut(path, "|") // permissions, as Caddy writes them
	if strings.HasPrefix(path, "@") {
		return path
	}
	return filepath.Clean(path)
}

// Literal returns nil for an address that may be dialled, as far as that is known beforehand: names and placeholders are checked when they
// are dialled.
func (p *Policy) Literal(address string) error {
	if strings.Contains(address, "{") {
		return nil
	}
	a, err := caddy.ParseNetworkAddress(address)
	if err != nil {
		return nil // Caddy reports it
	}
	if a.IsUnixNetwork() {
		return p.socket(a.Host)
	}
	if err := p.network(a.Network, address); err != nil {
		return err
	}
	port := uint16(a.StartPort) //nolint:gosec // Caddy allows no larger one
	if ip, err := netip.ParseAddr(a.Host); err == nil {
		return p.address(ip, port)
	}
	if p.word == "" && !p.name(a.Host, port) && len(p.networks) == 0 {
		return &Refusal{Address: address, What: "a name", Needs: net.JoinHostPort(a.Host, strconv.Itoa(int(port))), Policy: p}
	}
	return nil
}

// network refuses networks that cannot be checked.
func (p *Policy) network(network, address string) error {
	switch network {
	case "", "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6":
		return nil
	}
	return fmt.Errorf("the network %q of %s is not allowed for scripts of an isolated tenant; expected TCP, or unix//path", network, address)
}

// Refusal is the error for an address that no word of a policy allows.
type Refusal struct {
	// Address is what was to be dialled, and What says what it is, such as "a loopback address".
	Address, What string
	// Needs is a word that would allow it.
	Needs  string
	Policy *Policy
}

func (r *Refusal) Error() string {
	p := r.Policy
	return fmt.Sprintf("%s is %s, and %s may dial %s; it needs `%s %s` in %s", r.Address, r.What, p.place.who, p, p.place.key, p.with(r.Needs), p.place.block)
}

// with returns the words with one more.
func (p *Policy) with(word string) string {
	words := slices.DeleteFunc(p.Words(), func(w string) bool { return w == None || slices.Contains(p.implied, w) })
	return strings.Join(append(words, word), " ")
}

// Covers returns nil if the policy allows everything that a word stands for.
func (p *Policy) Covers(word string) error {
	more := fmt.Errorf("%s is more than the configuration allows, which is %s", word, p)
	inner, err := Parse([]string{word})
	switch {
	case err != nil:
		return err
	case p.word == All, word == None:
		return nil
	case inner.word != "":
		if inner.word == p.word || inner.word == Public && p.word == Network {
			return nil
		}
		return more
	case len(inner.sockets) > 0:
		if p.socket(inner.sockets[0]) != nil {
			return more
		}
		return nil
	case len(inner.names) > 0:
		r := inner.names[0]
		for _, own := range p.names {
			if (own.port == 0 || own.port == r.port) && (own.name == r.name || own.matches(r.name) && !strings.HasPrefix(r.name, "*")) {
				return nil
			}
		}
		return more
	}
	r := inner.networks[0]
	for _, own := range p.networks {
		if (own.port == 0 || own.port == r.port) && own.prefix.Bits() <= r.prefix.Bits() && own.prefix.Contains(r.prefix.Addr()) {
			return nil
		}
	}
	if p.word != "" && p.wholly(r.prefix) {
		return nil
	}
	return more
}

// wholly reports whether the policy's word includes a whole network.
func (p *Policy) wholly(prefix netip.Prefix) bool {
	sets := [][]netip.Prefix{loopbacks, links, metadatas, nat64, {sixToFour}}
	if p.word == Public {
		sets = append(sets, privates, reserveds)
	}
	for _, set := range sets {
		if slices.ContainsFunc(set, prefix.Overlaps) {
			return false
		}
	}
	return true
}
