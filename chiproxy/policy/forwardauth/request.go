package forwardauth

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// The fields that Caddy's reverse_proxy settles by itself, with what it knows of the proxies in front.
const (
	forwardedFor   = "X-Forwarded-For"
	forwardedProto = "X-Forwarded-Proto"
	forwardedHost  = "X-Forwarded-Host"
)

const authorization = "Authorization"

// checked returns copies with canonical names, and all the names in them.
func checked(copies []Copy) (_ []Copy, names []string, _ error) {
	all := make([]Copy, len(copies))
	for i, c := range copies {
		for _, name := range []string{c.From, c.To} {
			if err := field.CheckName(name); err != nil {
				return nil, nil, err
			}
			name = textproto.CanonicalMIMEHeaderKey(name)
			if name != authorization && (means(name) || name == "Host" || name == "Cookie" || name == "Set-Cookie" || name == "Forwarded") {
				return nil, nil, fmt.Errorf("the field %s means something else; expected one such as Remote-User", name)
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		all[i] = Copy{textproto.CanonicalMIMEHeaderKey(c.From), textproto.CanonicalMIMEHeaderKey(c.To)}
		if slices.ContainsFunc(all[:i], func(other Copy) bool { return other.To == all[i].To }) {
			return nil, nil, fmt.Errorf("the field %s is set twice", all[i].To)
		}
	}
	return all, names, nil
}

// means reports whether a field is about the connection, the body or the forwarding of the request that has it.
func means(name string) bool {
	switch name {
	case "Connection", "Upgrade", "Transfer-Encoding", "Expect", "Range", "Te", "Trailer", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization",
		"Http2-Settings", forwardedFor, forwardedProto, forwardedHost, "X-Forwarded-Method", "X-Forwarded-Uri":
		return true
	}
	return strings.HasPrefix(name, "Content-") || strings.HasPrefix(name, "If-") || strings.HasPrefix(name, "Sec-Websocket-") ||
		strings.HasPrefix(name, "X-Original-") || strings.HasPrefix(name, ":")
}

// header returns what the server is asked with: the header of the client's request without what is about its body and connection, and
// without what only gateways may say.
func (m *Middleware) header(ex *chiproxy.Exchange) http.Header {
	h := make(http.Header, len(ex.R.Header)+3)
	trusted := isTrusted(ex)
	for name, values := range ex.R.Header {
		switch name {
		case forwardedFor: // Caddy extends it, or replaces it
		case forwardedProto, forwardedHost:
			if !trusted {
				continue
			}
		case authorization:
		default:
			dashed := dashed(name)
			if !trusted && (dashed == "X-Real-Ip" || dashed == "Forwarded") { // who the client is, for servers that allow some without a login
				continue
			}
			if means(dashed) || strings.HasPrefix(dashed, "X-Forwarded-") || slices.Contains(m.claims, dashed) {
				continue
			}
		}
		h[name] = slices.Clone(values)
	}
	proto, host := forwarded(ex)
	uri := originalURI(ex)
	h["X-Forwarded-Method"] = []string{methodOf(ex)}
	h["X-Forwarded-Uri"] = []string{uri}
	h["X-Original-Url"] = []string{proto + "://" + host + uri}
	return h
}

// dashed returns a name as CGI and its like read it, who have one character for all but letters and digits: X_Forwarded_Uri is X-Forwarded-Uri.
func dashed(name string) string {
	odd := func(r rune) bool {
		return r != '-' && r != ':' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if !strings.ContainsFunc(name, odd) {
		return name
	}
	return textproto.CanonicalMIMEHeaderKey(strings.Map(func(r rune) rune {
		if odd(r) {
			return '-'
		}
		return r
	}, name))
}

// methodOf returns the method that the client asks with. A WebSocket is asked for by GET, also where HTTP/2 has CONNECT for that.
func methodOf(ex *chiproxy.Exchange) string {
	if field.IsWebSocketConnect(ex.R) {
		return http.MethodGet
	}
	return ex.R.Method
}

// originalURI returns the path and query that the client asks for, whatever was rewritten since.
func originalURI(ex *chiproxy.Exchange) string {
	if r, ok := ex.R.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && r.URL != nil {
		return r.URL.RequestURI()
	}
	return ex.R.URL.RequestURI()
}

func isTrusted(ex *chiproxy.Exchange) bool {
	trusted, _ := caddyhttp.GetVar(ex.R.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// forwarded returns the scheme and host that the client asks for, as reverse_proxy says them.
func forwarded(ex *chiproxy.Exchange) (proto, host string) {
	proto, host = "https", ex.R.Host
	if ex.R.TLS == nil {
		proto = "http"
	}
	if isTrusted(ex) {
		proto, host = lastOr(ex.R.Header[forwardedProto], proto), lastOr(ex.R.Header[forwardedHost], host)
	}
	return proto, host
}

func lastOr(values []string, usual string) string {
	if n := len(values); n > 0 && values[n-1] != "" {
		return values[n-1]
	}
	return usual
}
