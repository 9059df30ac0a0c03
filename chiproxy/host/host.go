// Package host brings hosts of requests and configurations into one form, so that no spelling of a name bypasses its tenant. An Index finds
// values by host.
package host

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Name returns the name in a request's Host in the one form of this package: in lower case, without port, trailing
// dot, brackets and zone, and in ASCII. It is empty if the Host is missing or invalid. Plain lower-case names cost
// no allocation.
func Name(host string) string {
	name := WithoutPort(host)
	if len(name) != len(host) && !hasPort(host, name) {
		return ""
	}
	if strings.IndexByte(name, ':') >= 0 {
		return addressKey(name)
	}
	name = strings.TrimSuffix(name, ".")
	switch classify(name) {
	case plainHost:
		return name
	case upperHost:
		return strings.ToLower(name)
	case foreignHost:
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil || !utf8.ValidString(name) {
			return ""
		}
		if ascii = strings.TrimSuffix(ascii, "."); classify(ascii) == plainHost {
			return ascii
		}
	}
	return ""
}

// WithoutPort takes the port off, and the brackets of an IPv6 address.
func WithoutPort(host string) string {
	if strings.HasPrefix(host, "[") {
		if end := strings.IndexByte(host, ']'); end > 0 {
			return host[1:end]
		}
		return host[1:]
	}
	if i := strings.IndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i+1:], ':') < 0 {
		return host[:i]
	}
	return host
}

// hasPort reports whether what WithoutPort has taken off a host is the brackets of an IPv6 address and a port, and nothing in
// which others may read another name: a.example:80@b.example, [::1]b.example.
func hasPort(host, name string) bool {
	port, bracket := strings.CutPrefix(host, "[")
	port = port[len(name):]
	if bracket {
		closed := false
		if port, closed = strings.CutPrefix(port, "]"); !closed || strings.IndexByte(name, ':') < 0 {
			return false
		}
	}
	digits, ok := strings.CutPrefix(port, ":")
	return (ok || port == "") && !strings.ContainsFunc(digits, isNoDigit)
}

func isNoDigit(r rune) bool { return r < '0' || r > '9' }

// addressKey writes an IPv6 address in its short form, without its zone.
func addressKey(s string) string {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	return addr.WithZone("").String()
}

type hostClass int

const (
	plainHost   hostClass = iota // lower-case ASCII
	upperHost                    // ASCII with upper case
	foreignHost                  // beyond ASCII
	badHost                      // not a host
)

// classify tells what it takes to bring a name without port into the form of Name.
func classify(name string) hostClass {
	class := plainHost
	label := 0 // where it begins
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			if i == label {
				return badHost
			}
			label = i + 1
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		case 'A' <= c && c <= 'Z':
			class = max(class, upperHost)
		case c >= 0x80:
			class = foreignHost
		default:
			return badHost
		}
	}
	if label == len(name) {
		return badHost
	}
	return class
}

// Key brings a declared host into the form of Name; a wildcard keeps its "*.".
func Key(host string) (string, error) {
	rest, wildcard := strings.CutPrefix(host, "*.")
	if strings.Contains(rest, "*") {
		return "", fmt.Errorf("host %q: a wildcard stands for the first label, as in *.example.com", host)
	}
	if _, name, ok := strings.Cut(host, "://"); ok {
		name, _, _ = strings.Cut(name, "/")
		return "", fmt.Errorf("host %q has a scheme; a host is the name alone, %s", host, WithoutPort(name))
	}
	if name, _, ok := strings.Cut(host, "/"); ok {
		return "", fmt.Errorf("host %q has a path; a host is the name alone, %s", host, WithoutPort(name))
	}
	if rest != WithoutPort(rest) && !strings.HasSuffix(rest, "]") {
		return "", fmt.Errorf("host %q must not have a port", host)
	}
	key := Name(rest)
	switch {
	case key == "" && strings.ContainsAny(host, " \t\r\n"):
		return "", fmt.Errorf("host %q has a space; several hosts are a list", host)
	case key == "" && (strings.HasPrefix(rest, ".") || strings.Contains(rest, "..")):
		return "", fmt.Errorf("host %q has an empty label between its dots", host)
	case key == "":
		return "", fmt.Errorf("%q is not a host; a host is a name, *.name or an IP address", host)
	case wildcard:
		return "*." + key, nil
	}
	return key, nil
}

// What DNS allows, in bytes. Certificate authorities refuse what is longer.
const (
	maxName  = 253
	maxLabel = 63
)

// ForCertificate returns a host as it stands in a certificate, or "" if it cannot stand there.
func ForCertificate(host string) string {
	if strings.ContainsAny(host, "[]%") || WithoutPort(host) != host {
		return ""
	}
	name := Name(host)
	if len(name) > maxName {
		return ""
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) > maxLabel {
			return ""
		}
	}
	return name
}
