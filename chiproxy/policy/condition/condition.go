// Package condition has the parts of guards that are data, besides those that chiproxy itself has and a table indexes: the method, the host, the
// client's address, a share of the traffic, a time, and other guards that must not hold, or of which one must.
//
//	guard.Parts = append(guard.Parts, condition.Method{"GET"}, condition.Not{other})
package condition

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/key"
)

// Method holds for the methods in it.
type Method []string

// Holds reports whether the request has one of the methods.
func (m Method) Holds(ex *chiproxy.Exchange) bool { return slices.Contains(m, ex.R.Method) }

// String returns the part as it is written.
func (m Method) String() string { return "method " + strings.Join(m, ", ") }

// Foresees reports that a preflight has another method than the request it is for.
func (Method) Foresees() bool { return false }

// Scheme holds for http, or for https.
type Scheme string

// Holds reports whether the client's connection has the scheme.
func (s Scheme) Holds(ex *chiproxy.Exchange) bool { return (ex.R.TLS != nil) == (s == "https") }

// String returns the part as it is written.
func (s Scheme) String() string { return "scheme " + string(s) }

// Host holds for some hosts.
type Host struct {
	texts []string
	set   *host.Set
}

// NewHost returns the part for hosts: names, wildcards for one label, or addresses.
func NewHost(hosts []string) (*Host, error) {
	keys := make([]string, len(hosts))
	for i, text := range hosts {
		var err error
		if keys[i], err = host.Key(text); err != nil {
			return nil, err
		}
	}
	return &Host{hosts, host.NewSet(keys)}, nil
}

// Holds reports whether the request is for one of the hosts.
func (h *Host) Holds(ex *chiproxy.Exchange) bool { return h.set.Has(host.Name(ex.R.Host)) }

// String returns the part as it is written.
func (h *Host) String() string { return "host " + strings.Join(h.texts, ", ") }

// IP holds for clients by their address, as Caddy knows it behind trusted proxies.
type IP []netip.Prefix

// Len is the number of networks.
func (ip IP) Len() int { return len(ip) }

// NewIP returns the part for networks and addresses.
func NewIP(texts []string) (ip IP, err error) {
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, failed := netip.ParseAddr(text)
			if failed != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%s is not a network; expected one such as 10.0.0.0/8, or an address", field.Quote(text))
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix.Addr().Is4In6() && prefix.Bits() >= 96 { // as Holds takes the addresses of clients
			prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
		}
		ip = append(ip, prefix.Masked())
	}
	return ip, nil
}

// Holds reports whether the client's address is in one of the networks.
func (p IP) Holds(ex *chiproxy.Exchange) bool {
	text, _ := caddyhttp.GetVar(ex.R.Context(), caddyhttp.ClientIPVarKey).(string)
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// String returns the part as it is written.
func (p IP) String() string {
	texts := make([]string, len(p))
	for i, prefix := range p {
		texts[i] = prefix.String()
	}
	return "ip " + strings.Join(texts, ", ")
}

// Percent holds for a share of the traffic: always for the same clients, and where it grows, for these and more. Each route draws others.
type Percent struct {
	share float64
	by    key.Key
}

// NewPercent returns the part for a share from 0 to 100 of what a key tells apart.
func NewPercent(share float64, by ...string) (*Percent, error) {
	if !(share >= 0 && share <= 100) {
		return nil, fmt.Errorf("percent is %v; expected 0 to 100", share)
	}
	k, err := key.Parse(by...)
	if err == nil && slices.Equal(by, []string{"all"}) {
		err = errors.New(`by is "all", which tells no requests apart`)
	}
	return &Percent{share, k}, err
}

// Holds reports whether the request is in the share. One without the key is not.
func (p *Percent) Holds(ex *chiproxy.Exchange) bool {
	var room [key.MaxLength + 128]byte
	text, complete := p.by.Append(room[:0], ex)
	if !complete {
		return false
	}
	salt := ex.Pattern()
	if r := ex.Route(); r != nil && r.Name != "" {
		salt = r.Name
	}
	return drawn(text, salt) < p.share/100
}

// Foresees reports whether a preflight has what the share is drawn by.
func (p *Percent) Foresees() bool { return p.by.Foresees() }

// drawn returns a number from 0 to 1, without it, that is the same for the same key in each process: FNV-1a, whose bits are mixed at the end.
func drawn(text []byte, salt string) float64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(salt) {
		h = (h ^ uint64(salt[i])) * prime
	}
	h = (h ^ 0xff) * prime
	for _, c := range text {
		h = (h ^ uint64(c)) * prime
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return float64(h>>11) / (1 << 53)
}

// String returns the part as it is written.
func (p *Percent) String() string {
	return "percent " + strconv.FormatFloat(p.share, 'g', -1, 64) + " by " + p.by.String()
}

// During holds from one moment to another.
type During struct {
	// From and To are the moments; a zero one has no bound. At To it holds no more.
	From, To time.Time
	// Now returns the time. Default: time.Now.
	Now func(*chiproxy.Exchange) time.Time
}

// ParseTime returns a moment such as 2026-12-24T00:00Z.
func ParseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is not a time with its zone; expected one such as 2026-12-24T00:00Z or 2026-12-24T08:30:00+01:00", field.Quote(text))
}

// Holds reports whether it is time.
func (d *During) Holds(ex *chiproxy.Exchange) bool {
	now := time.Now()
	if d.Now != nil {
		now = d.Now(ex)
	}
	return (d.From.IsZero() || !now.Before(d.From)) && (d.To.IsZero() || now.Before(d.To))
}

// String returns the part as it is written.
func (d *During) String() string {
	text := "during"
	if !d.From.IsZero() {
		text += " from " + d.From.Format(time.RFC3339)
	}
	if !d.To.IsZero() {
		text += " to " + d.To.Format(time.RFC3339)
	}
	return text
}

// Not holds where another guard does not.
type Not struct{ Guard *chiproxy.DataGuard }

// Holds reports whether the guard does not hold.
func (n Not) Holds(ex *chiproxy.Exchange) bool { return !n.Guard.Holds(ex) }

// String returns the part as it is written.
func (n Not) String() string { return "not (" + n.Guard.String() + ")" }

// Guards returns the guard.
func (n Not) Guards() []*chiproxy.DataGuard { return []*chiproxy.DataGuard{n.Guard} }

// Identity returns all that tells the part from others.
func (n Not) Identity() string { return "not (" + n.Guard.Identity() + ")" }

// Foresees reports whether a preflight can be asked.
func (n Not) Foresees() bool { return n.Guard.Foresees() }

// Any holds where one of some guards does.
type Any []*chiproxy.DataGuard

// Holds reports whether one of the guards holds.
func (a Any) Holds(ex *chiproxy.Exchange) bool {
	return slices.ContainsFunc(a, func(g *chiproxy.DataGuard) bool { return g.Holds(ex) })
}

// String returns the part as it is written.
func (a Any) String() string { return "any (" + join(a) + ")" }

// Guards returns the guards.
func (a Any) Guards() []*chiproxy.DataGuard { return a }

// Identity returns all that tells the part from others.
func (a Any) Identity() string { return "any (" + identities(a) + ")" }

// Foresees reports whether a preflight can be asked.
func (a Any) Foresees() bool { return foresee(a) }

// All holds where all of some guards do.
type All []*chiproxy.DataGuard

// Holds reports whether all guards hold.
func (a All) Holds(ex *chiproxy.Exchange) bool {
	return !slices.ContainsFunc(a, func(g *chiproxy.DataGuard) bool { return !g.Holds(ex) })
}

// String returns the part as it is written.
func (a All) String() string { return "all (" + join(a) + ")" }

// Guards returns the guards.
func (a All) Guards() []*chiproxy.DataGuard { return a }

// Identity returns all that tells the part from others.
func (a All) Identity() string { return "all (" + identities(a) + ")" }

// Foresees reports whether a preflight can be asked.
func (a All) Foresees() bool { return foresee(a) }

func foresee(guards []*chiproxy.DataGuard) bool {
	return !slices.ContainsFunc(guards, func(g *chiproxy.DataGuard) bool { return !g.Foresees() })
}

func identities(guards []*chiproxy.DataGuard) (text string) {
	for _, g := range guards {
		text += g.Identity() + ";"
	}
	return text
}

func join(guards []*chiproxy.DataGuard) string {
	texts := make([]string, len(guards))
	for i, g := range guards {
		texts[i] = g.String()
	}
	return strings.Join(texts, "; ")
}

var (
	_ chiproxy.GuardPart = Method{}
	_ chiproxy.GuardPart = Scheme("")
	_ chiproxy.GuardPart = (*Host)(nil)
	_ chiproxy.GuardPart = IP{}
	_ chiproxy.GuardPart = (*Percent)(nil)
	_ chiproxy.GuardPart = (*During)(nil)
	_ chiproxy.GuardPart = Not{}
	_ chiproxy.GuardPart = Any{}
	_ chiproxy.GuardPart = All{}
)
