// Package basepath lets the address of an upstream have a path, as in 10.0.0.1:8080/base or https://app.example/base. The upstream is asked for that
// path and what follows: /base/users for /users. Caddy's reverse_proxy has no such addresses, so the path becomes a
// rewrite of the whole pool, which keeps the encoding that the client chose.
package basepath

import (
	"fmt"
	"net/url"
	"strings"
)

// Path takes the paths off the addresses of one pool.
type Path struct {
	base string
	of   string // the first address
}

// Take returns an address without its path. All addresses of a pool must have the same one.
func (p *Path) Take(address string) (string, error) {
	plain, base, err := split(address)
	if err != nil {
		return "", err
	}
	switch {
	case p.of == "":
		p.base, p.of = base, address
	case p.base != base:
		return "", fmt.Errorf("upstream %q: its path %q is not %q, that of %q; the upstreams of a pool have one base path", address, base, p.base, p.of)
	}
	return plain, nil
}

// Empty reports whether no address had a path.
func (p *Path) Empty() bool { return p.base == "" }

// AddTo adds the path to the configuration of a reverse_proxy.
func (p *Path) AddTo(config map[string]any) {
	if p.Empty() {
		return
	}
	rewrite, ok := config["rewrite"].(map[string]any)
	if !ok {
		rewrite = map[string]any{}
		config["rewrite"] = rewrite
	}
	before, _ := rewrite["path_regexp"].([]any)
	rewrite["path_regexp"] = append(before, map[string]any{"find": "^", "replace": strings.ReplaceAll(p.base, "$", "$$")})
}

// split cuts the path off the address of an upstream. Without a scheme it is http, as everywhere in Caddy. What it does not
// understand is left to Caddy.
func split(address string) (plain, base string, err error) {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		rest = hostAndPath(address)
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 || strings.ContainsAny(rest, "?#") {
		return address, "", nil
	}
	plain, base = address[:len(address)-len(rest)+slash], strings.TrimRight(rest[slash:], "/")
	if strings.Contains(base, "{") {
		return "", "", fmt.Errorf("upstream %q: its path has a placeholder; write a rewrite in the pool instead", address)
	}
	path, err := url.PathUnescape(base)
	if err != nil {
		return "", "", fmt.Errorf("upstream %q: its path: %w", address, err)
	}
	return plain, (&url.URL{Path: path, RawPath: base}).EscapedPath(), nil
}

// hostAndPath returns what of an address without a scheme may have a path: what follows a network such as tcp/ and the placeholders.
// The name of a socket is no path.
func hostAndPath(address string) string {
	network, rest, ok := strings.Cut(address, "/")
	if !ok {
		return address
	}
	switch network {
	case "unix", "unix+h2c", "unixgram", "unixpacket", "fd", "fdgram":
		return ""
	case "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "ip", "ip4", "ip6":
		address = rest
	}
	return address[strings.LastIndexByte(address, '}')+1:]
}
