package forward

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// connectionHeader names what is for the next hop only. Caddy's reverse_proxy does not forward the fields that the client
// names there, be they the client's or not. What the gateway sets is for the upstream, so its name is removed there; else
// a client could remove an identity or a protection from its own request.
const connectionHeader = "Connection"

// hostHeader is the one field that net/http does not keep in Header.
const hostHeader = "Host"

// unname takes a name out of the Connection field, and reports whether it was there. Clients may name very many, so nothing is made
// before one is found.
func unname(h http.Header, name string) bool {
	if len(h[connectionHeader]) == 0 || name == connectionHeader {
		return false
	}
	is := func(option string) bool { return len(option) == len(name) && strings.EqualFold(option, name) }
	for _, line := range h[connectionHeader] {
		for option := range strings.SplitSeq(line, ",") {
			if is(textproto.TrimString(option)) {
				keepNames(h, func(option string) bool { return !is(option) })
				return true
			}
		}
	}
	return false
}

// SettleConnection does what Connection says: it takes the fields that it names off the header, but those that Caddy deals with
// itself. What a handler of Caddy's sets afterwards is not named any more.
func SettleConnection(h http.Header) {
	if len(h[connectionHeader]) == 0 {
		return
	}
	keepNames(h, func(option string) bool {
		name := textproto.CanonicalMIMEHeaderKey(option)
		keep := slices.Contains(connectionOptions, name)
		if !keep {
			delete(h, name)
		}
		return keep
	})
}

// connectionOptions are what Connection may name and Caddy's reverse_proxy treats by itself.
var connectionOptions = []string{
	"Close", "Alt-Svc", connectionHeader, "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// keepNames drops the names in the Connection field that keep says no to.
func keepNames(h http.Header, keep func(option string) bool) {
	var left []string
	dropped := false
	for _, line := range h[connectionHeader] {
		for option := range strings.SplitSeq(line, ",") {
			switch option = textproto.TrimString(option); {
			case option == "":
			case keep(option):
				left = append(left, option)
			default:
				dropped = true
			}
		}
	}
	switch {
	case !dropped:
	case len(left) == 0:
		delete(h, connectionHeader)
	default:
		h[connectionHeader] = []string{strings.Join(left, ", ")}
	}
}
