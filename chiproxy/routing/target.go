package routing

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// checkTarget reports a request target that has none of the forms of RFC 9112, section 3.2. net/http takes more than
// those: it reads x:admin as a URL without a path, in which no pattern finds anything and which is forwarded as it is.
func checkTarget(r *http.Request) error {
	u := r.URL
	ok := u.Opaque == "" && u.User == nil
	switch {
	case u.Path == "*":
		ok = ok && r.Method == http.MethodOptions && u.Host == ""
	case r.Method == http.MethodConnect && (u.Host != "" || u.Path == ""): // an authority, as proxies are asked for
		ok = ok && u.Host != "" && u.Scheme == "" && u.Path == "" && u.RawQuery == "" && !u.ForceQuery
	case u.Scheme != "":
		ok = ok && u.Host != "" && (u.Path == "" || u.Path[0] == '/')
	}
	if ok {
		return nil
	}
	return fmt.Errorf("request target %s: expected a path, a URL with a host, the authority of a CONNECT, or the * of an OPTIONS", field.Quote(r.RequestURI))
}

// isServerWide reports whether the request is for the server as a whole, which no pattern matches.
func isServerWide(u *url.URL) bool { return u.Path == "*" }
