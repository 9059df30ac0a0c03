package request

import (
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/crypto"
)

// reqField returns a field of req, or nil if there is none of that name.
func reqField(r *Request, L *lua.LState, name string) lua.LValue {
	hr := r.http()
	switch name {
	case "method":
		return r.text(hr.Method)
	case "path":
		return r.text(hr.URL.Path)
	case "host":
		return r.text(Hostname(hr.Host))
	case "params":
		return &r.params
	case "headers":
		return &r.headers
	case "query":
		return r.table(&r.queries, queryType)
	case "cookies":
		return r.table(&r.cookies, cookiesType)
	case "ctx":
		return r.context(L)
	case "scheme":
		return r.text(scheme(hr))
	case "port":
		return port(hr)
	case "raw_path":
		return r.text(hr.URL.EscapedPath())
	case "uri":
		return r.text(hr.URL.RequestURI())
	case "raw_query":
		return r.text(hr.URL.RawQuery)
	case "proto":
		return r.text(hr.Proto)
	case "remote_addr":
		return r.text(hr.RemoteAddr)
	case "client_ip":
		ip, _ := caddyhttp.GetVar(hr.Context(), caddyhttp.ClientIPVarKey).(string)
		return r.text(ip)
	case "id":
		return r.text(r.id())
	case "tenant":
		return r.text(r.ex.Tenant())
	case "route":
		if route := r.ex.Route(); route != nil {
			return r.text(route.Name)
		}
		return r.text("")
	case "pattern":
		return r.text(r.ex.Pattern())
	case "tls":
		return tlsTable(L, hr.TLS)
	}
	return nil
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// Hostname returns a Host header without its port, and an IPv6 address without brackets.
func Hostname(host string) string {
	if !strings.ContainsAny(host, ":[") {
		return host
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// port returns the port that the client asked for, which is that of the scheme if the Host header has none.
func port(r *http.Request) lua.LValue {
	if _, p, err := net.SplitHostPort(r.Host); err == nil {
		if n, err := strconv.ParseUint(p, 10, 16); err == nil {
			return lua.LNumber(n)
		}
	}
	if r.TLS != nil {
		return lua.LNumber(443)
	}
	return lua.LNumber(80)
}

// tlsTable returns req.tls: nil, or {version, sni, alpn, client}.
func tlsTable(L *lua.LState, state *tls.ConnectionState) lua.LValue {
	if state == nil {
		return lua.LNil
	}
	t := L.NewTable()
	t.RawSetString("version", text(tls.VersionName(state.Version)))
	t.RawSetString("sni", text(state.ServerName))
	t.RawSetString("alpn", text(state.NegotiatedProtocol))
	if len(state.PeerCertificates) > 0 {
		t.RawSetString("client", crypto.Certificate(L, state.PeerCertificates[0]))
	}
	return t
}
