package explain

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
)

// Request is a simulated request, as people and scripts describe one.
type Request struct {
	// Method is GET by default.
	Method string `json:"method,omitempty"`
	// Scheme is http or https. Default: http.
	Scheme string `json:"scheme,omitempty"`
	// Host may have a port. Default: localhost.
	Host string `json:"host,omitempty"`
	// Path is as it is written on the wire, and may carry a query. Default: /.
	Path    string `json:"path,omitempty"`
	Headers Fields `json:"headers,omitempty"`
	// RemoteAddr is the address of the client, perhaps with a port. Default: 127.0.0.1.
	RemoteAddr string `json:"remote_addr,omitempty"`
	Body       string `json:"body,omitempty"`
}

// Fields are fields of a header. In JSON a field has a string, or a list of them.
type Fields http.Header

// UnmarshalJSON reads an object whose values are strings or lists of strings.
func (f *Fields) UnmarshalJSON(b []byte) error {
	var byName map[string]json.RawMessage
	if err := json.Unmarshal(b, &byName); err != nil {
		return fmt.Errorf("headers: expected an object of names and values: %w", err)
	}
	*f = Fields{}
	for name, raw := range byName {
		var one string
		values := []string{}
		if json.Unmarshal(raw, &one) == nil {
			values = append(values, one)
		} else if err := json.Unmarshal(raw, &values); err != nil {
			return fmt.Errorf("header %s: found %s; expected a string, or a list of strings", name, raw)
		}
		(*f)[name] = values
	}
	return nil
}

const (
	defaultHost   = "localhost"
	defaultClient = "127.0.0.1:0"
)

// HTTP makes the request. The error says what no client could send.
func (q Request) HTTP() (*http.Request, error) {
	method, path := q.Method, q.Path
	if method == "" {
		method = http.MethodGet
	}
	if err := field.CheckMethod(method); err != nil {
		return nil, err
	}
	if path == "" {
		path = "/"
	}
	if path[0] != '/' {
		return nil, fmt.Errorf("path %s: expected one that begins with /, perhaps with a query", field.Quote(path))
	}
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, fmt.Errorf("path %s: %w", field.Quote(path), err)
	}
	r, err := http.NewRequest(method, "http://"+defaultHost+"/", strings.NewReader(q.Body))
	if err != nil {
		return nil, err
	}
	r.URL = &url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	r.RequestURI, r.Host = path, q.Host
	if r.RemoteAddr, err = remoteAddr(q.RemoteAddr); err != nil {
		return nil, err
	}
	if err := field.CheckAll(http.Header(q.Headers), field.Check); err != nil {
		return nil, err
	}
	for name, values := range q.Headers {
		key := textproto.CanonicalMIMEHeaderKey(name)
		r.Header[key] = append(r.Header[key], values...)
	}
	if host := r.Header.Get("Host"); host != "" {
		delete(r.Header, "Host")
		if r.Host == "" {
			r.Host = host
		}
	}
	if r.Host == "" {
		r.Host = defaultHost
	}
	if r.TLS, err = q.tls(r.Host); err != nil {
		return nil, err
	}
	return r, field.CheckHost(r.Host)
}

// tls returns what a request over https has of its connection: a client of today, with no certificate of its own.
func (q Request) tls(of string) (*tls.ConnectionState, error) {
	switch q.Scheme {
	case "", "http":
		return nil, nil
	case "https":
	default:
		return nil, fmt.Errorf("scheme %s: expected http or https", field.Quote(q.Scheme))
	}
	state := &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, NegotiatedProtocol: "http/1.1"}
	if name := host.WithoutPort(of); net.ParseIP(name) == nil { // addresses are not sent as names
		state.ServerName = name
	}
	return state, nil
}

// remoteAddr completes the address of a client.
func remoteAddr(addr string) (string, error) {
	if addr == "" {
		return defaultClient, nil
	}
	if _, err := netip.ParseAddr(addr); err == nil {
		return net.JoinHostPort(addr, "0"), nil
	}
	if _, err := netip.ParseAddrPort(addr); err != nil {
		return "", fmt.Errorf("remote_addr %s: expected an IP address, perhaps with a port", field.Quote(addr))
	}
	return addr, nil
}

var _ json.Unmarshaler = (*Fields)(nil)
