package call

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
)

// Rules say what a client may ask. The zero Rules allow all that is public: no private, loopback, link-local or reserved address, no unix
// socket, and not port 25.
type Rules struct {
	// Allow are addresses, CIDRs, names that may resolve to anything, and sockets such as unix//run/app.sock, besides what is public; all
	// is every one.
	Allow []string
	// Deny are addresses, CIDRs and sockets that are refused even so.
	Deny []string
	// AllowHosts are the only hosts that may be asked, if there are any: names, *.example for one label, or addresses.
	AllowHosts []string
	// DenyHosts are not asked. *.example stands for any number of labels here.
	DenyHosts []string
	// Upstreams are words of dial.Policy that must allow an address, too, as those of the capabilities of a tenant; nil allows all.
	Upstreams []string
	// TLS is what servers are met with over https; nil for the authorities of the system.
	TLS *TLSOptions
}

// TLSOptions are how servers are met over https. The fields are PEM.
type TLSOptions struct {
	// CA are the authorities that are trusted instead of those of the system.
	CA string
	// Cert and Key are what the client shows.
	Cert, Key string
	// ServerName is what the certificate of the server must be for, instead of the host.
	ServerName string
}

// key is the same for rules that allow the same.
func (r Rules) key() string {
	if r.TLS == nil && len(r.Allow)+len(r.Deny)+len(r.AllowHosts)+len(r.DenyHosts) == 0 && r.Upstreams == nil {
		return ""
	}
	for _, list := range []*[]string{&r.Allow, &r.Deny, &r.AllowHosts, &r.DenyHosts, &r.Upstreams} {
		if *list != nil {
			*list = slices.Compact(slices.Sorted(slices.Values(*list)))
		}
	}
	text, _ := json.Marshal(r) // strings only
	sum := sha256.Sum256(text) // there is a private key in it
	return hex.EncodeToString(sum[:])
}

// rules are Rules that have been read.
type rules struct {
	guard                 dial.Guard
	allowHosts, denyHosts []string
	tls                   *tls.Config
}

// implied is what is allowed if nothing is written.
const implied = dial.Public

// read checks the rules.
func (r Rules) read() (*rules, error) {
	out := &rules{}
	allow, err := dial.Parse(append([]string{implied}, r.Allow...))
	if err != nil {
		return nil, fmt.Errorf("allow: %w", err)
	}
	out.guard.Allow = []*dial.Policy{allow.WrittenAs("http", "allow", "the block `libs http`", implied)}
	if r.Upstreams != nil {
		upstreams, err := dial.Parse(r.Upstreams)
		if err != nil {
			return nil, fmt.Errorf("upstreams: %w", err)
		}
		out.guard.Allow = append(out.guard.Allow, upstreams)
	}
	if out.guard.Deny, err = dial.ParseAddresses(r.Deny); err != nil {
		return nil, fmt.Errorf("deny: %w", err)
	}
	if out.allowHosts, err = hostNames("allow_hosts", r.AllowHosts); err != nil {
		return nil, err
	}
	if out.denyHosts, err = hostNames("deny_hosts", r.DenyHosts); err != nil {
		return nil, err
	}
	if r.TLS != nil {
		if out.tls, err = r.TLS.read(); err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
	}
	return out, nil
}

// Check reports rules that cannot be read.
func (r Rules) Check() error {
	_, err := r.read()
	return err
}

func (t *TLSOptions) read() (*tls.Config, error) {
	c := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return nil, errors.New("ca: there is no certificate in it; expected PEM")
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("cert and key go together; expected both")
	}
	if t.Cert != "" {
		pair, err := tls.X509KeyPair([]byte(t.Cert), []byte(t.Key))
		if err != nil {
			return nil, fmt.Errorf("cert, key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// hostNames returns hosts in the form in which they are compared.
func hostNames(key string, list []string) ([]string, error) {
	out := make([]string, len(list))
	for i, text := range list {
		name, wild := strings.CutPrefix(text, "*.")
		name = hostName(name)
		if name == "" || strings.ContainsAny(name, "*/ ") || strings.Contains(name, ":") && !isAddress(name) {
			return nil, fmt.Errorf("%s: %q: expected a host such as api.example, *.example or 10.0.0.1, without a port", key, text)
		}
		if wild {
			name = "*." + name
		}
		out[i] = name
	}
	return out, nil
}

// hostName returns the form of a host in which it is compared. An address has one, also where IPv6 carries one of IPv4, and a name is in ASCII
// and lower case, without a dot behind: there are several dots that net/http takes for one.
func hostName(host string) string {
	host = strings.Trim(host, "[]")
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return host
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// maySend reports a URL that the rules do not allow, as far as that can be known before its host is looked up.
func (r *rules) maySend(u *url.URL) error {
	if u.Port() == "25" {
		return failed(Forbidden, "port 25 is that of mail")
	}
	if _, ok := socketOf(u.Hostname()); ok {
		return nil // judged when it is dialled
	}
	if len(r.allowHosts)+len(r.denyHosts) == 0 {
		return nil
	}
	name := hostName(u.Hostname())
	in := func(list []string, deep bool) bool {
		return slices.ContainsFunc(list, func(entry string) bool {
			suffix, wild := strings.CutPrefix(entry, "*")
			rest, found := strings.CutSuffix(name, suffix)
			return entry == name || wild && found && rest != "" && (deep || !strings.Contains(rest, "."))
		})
	}
	if in(r.denyHosts, true) {
		return failed(Forbidden, fmt.Sprintf("%s is in deny_hosts of the block `libs http`", name))
	}
	if len(r.allowHosts) > 0 && !in(r.allowHosts, false) {
		return failed(Forbidden, fmt.Sprintf("%s is not in allow_hosts of the block `libs http`", name))
	}
	return nil
}
