// Package key tells requests apart: by the client, by a field of the header, by a parameter, and so on. It is what limits count by, shares
// of the traffic are drawn by, and verdicts are remembered by.
package key

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
	"github.com/luaroute/caddy-luaroute/internal/spelling"
)

// Key is what requests are told apart by. The zero value tells none apart.
type Key struct {
	parts []part
	texts []string
	// IPv6 is how many bits of an IPv6 address tell clients apart. Default: 64, since a household has as many.
	IPv6 int
}

type part struct {
	source source
	name   string
}

type source int

const (
	clientIP source = iota
	hostName
	route
	tenant
	header
	cookie
	query
	param
	variable
)

// plain are the sources without a name, and named those with one, as they are written. "all" tells nothing apart.
var (
	plain = map[string]source{"client_ip": clientIP, "host": hostName, "route": route, "tenant": tenant}
	named = map[string]source{"header": header, "cookie": cookie, "query": query, "param": param, "var": variable}
	words = []string{"all", "client_ip", "host", "route", "tenant", "header:NAME", "cookie:NAME", "query:NAME", "param:NAME", "var:NAME"}
)

// Parse returns the key that texts such as "client_ip" and "header:X-Api-Key" are, all of them together.
func Parse(texts ...string) (Key, error) {
	k := Key{texts: texts}
	if len(texts) == 0 {
		return k, fmt.Errorf("a key is empty; expected %s, or a list of these", strings.Join(words, ", "))
	}
	for _, text := range texts {
		if text == "all" {
			if len(texts) > 1 {
				return k, errors.New(`the key "all" tells no requests apart, and stands alone`)
			}
			return k, nil
		}
		p, err := parse(text)
		if err != nil {
			return k, err
		}
		k.parts = append(k.parts, p)
	}
	return k, nil
}

func parse(text string) (part, error) {
	if source, ok := plain[text]; ok {
		return part{source, ""}, nil
	}
	kind, name, _ := strings.Cut(text, ":")
	source, ok := named[kind]
	if !ok || name == "" {
		return part{}, fmt.Errorf("the key is %s; expected %s, or a list of these%s", field.Quote(text), strings.Join(words, ", "), spelling.Hint(text, words))
	}
	switch source {
	case header:
		if err := field.CheckName(name); err != nil {
			return part{}, fmt.Errorf("the key %s: %w", field.Quote(text), err)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
	case cookie:
		if err := chiproxy.CheckCookieName(name); err != nil {
			return part{}, fmt.Errorf("the key %s: %w", field.Quote(text), err)
		}
	}
	return part{source, name}, nil
}

// Strings returns the key as Parse takes it.
func (k *Key) Strings() []string { return k.texts }

// String returns the key as people read it.
func (k *Key) String() string { return strings.Join(k.texts, " + ") }

// Variables returns the names of the variables that the key reads. What belongs to others may not be among them.
func (k *Key) Variables() []string {
	var names []string
	for _, p := range k.parts {
		if p.source == variable {
			names = append(names, p.name)
		}
	}
	return names
}

// Foresees reports whether a preflight has what the key is made of; see chiproxy.DataGuard.
func (k *Key) Foresees() bool {
	return !slices.ContainsFunc(k.parts, func(p part) bool {
		return p.source == header && p.name != "Host" || p.source == cookie || p.source == variable
	})
}

// MaxLength is the length of the longest key that Append leaves as it is. It replaces a longer one by its hash.
const MaxLength = 256

// Append appends the key of a request to dst, and reports whether the request has all that the key is made of. What is missing is empty. Different
// requests have different keys, whatever is in their values. It allocates nothing for what is no cookie and no query.
func (k *Key) Append(dst []byte, ex *chiproxy.Exchange) (key []byte, complete bool) {
	complete = true
	start := len(dst)
	for i := range k.parts {
		p := &k.parts[i]
		at := len(dst)
		var found bool
		dst, found = k.append(dst, ex, p)
		complete = complete && found
		if len(k.parts) > 1 { // the length of each says where it ends
			var size [4]byte
			binary.BigEndian.PutUint32(size[:], uint32(len(dst)-at))
			dst = append(dst, size[:]...)
		}
	}
	if len(dst)-start > MaxLength {
		sum := sha256.Sum256(dst[start:])
		dst = hex.AppendEncode(dst[:start], sum[:])
	}
	return dst, complete
}

func (k *Key) append(dst []byte, ex *chiproxy.Exchange, p *part) ([]byte, bool) {
	switch p.source {
	case clientIP:
		text, _ := caddyhttp.GetVar(ex.R.Context(), caddyhttp.ClientIPVarKey).(string)
		return k.appendIP(dst, text)
	case hostName:
		return append(dst, host.Name(ex.R.Host)...), true // one spelling
	case route:
		if r := ex.Route(); r != nil && r.Name != "" {
			return append(dst, r.Name...), true
		}
		return append(dst, ex.Pattern()...), true
	case tenant:
		return append(dst, ex.Tenant()...), true
	case header:
		if p.name == "Host" { // also one spelling, or else each would be another client
			return append(dst, host.Name(ex.R.Host)...), true
		}
		if values := ex.R.Header[p.name]; len(values) > 0 {
			return append(dst, values[0]...), true
		}
	case cookie:
		if c, err := ex.R.Cookie(p.name); err == nil {
			return append(dst, c.Value...), true
		}
	case query:
		found := false
		rawquery.Each(ex.R.URL.RawQuery, func(name, value string) bool {
			if found = name == p.name; found {
				dst = append(dst, value...)
			}
			return !found
		})
		return dst, found
	case param:
		value, found := ex.Param(p.name)
		return append(dst, value...), found
	case variable:
		switch v := caddyhttp.GetVar(ex.R.Context(), p.name).(type) {
		case nil:
		case string:
			return append(dst, v...), true
		default:
			return fmt.Append(dst, v), true
		}
	}
	return dst, false
}

// appendIP appends the network that stands for one client.
func (k *Key) appendIP(dst []byte, text string) ([]byte, bool) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return append(dst, text...), text != ""
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.AppendTo(dst), true
	}
	bits := k.IPv6
	if bits == 0 {
		bits = 64
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return ip.AppendTo(dst), true
	}
	return prefix.AppendTo(dst), true
}
