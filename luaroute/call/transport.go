package call

import (
	"context"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
)

const (
	// idleFor is how long a connection may be idle, idleEach how many may be to one host, and idleAll how many there are of one transport.
	idleFor  = 90 * time.Second
	idleEach = 100
	idleAll  = 1000
	// connectTimeout ends a dial that nobody waits for any more, since its call has ended.
	connectTimeout = 30 * time.Second
)

// transports are those in use, by the key of their rules.
var transports = caddy.NewUsagePool()

// transport is what all clients of the same rules share.
type transport struct {
	rules *rules
	*http.Transport
	closed atomic.Bool
}

// Destruct closes the idle connections, when the last client is closed. Those in use close when their answer has been read.
func (t *transport) Destruct() error {
	t.closed.Store(true)
	t.CloseIdleConnections()
	return nil
}

// used is called after each exchange. One may outlive the last client, as that of a script whose configuration has ended.
func (t *transport) used() {
	if t.closed.Load() {
		t.CloseIdleConnections()
	}
}

func newTransport(r *rules) *transport {
	t := &transport{rules: r}
	r.guard.Dialer = net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}
	t.Transport = &http.Transport{
		Proxy:                  nil, // it would dial for us, and nobody could judge the address
		DialContext:            t.dial,
		TLSClientConfig:        r.tls,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           idleAll,
		MaxIdleConnsPerHost:    idleEach,
		IdleConnTimeout:        idleFor,
		TLSHandshakeTimeout:    connectTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: dial.MaxHeader,
	}
	return t
}

// dial dials what the rules allow.
func (t *transport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if host, _, err := net.SplitHostPort(address); err == nil {
		if path, ok := socketOf(host); ok {
			network, address = "unix", path
		}
	}
	return t.rules.guard.DialContext(ctx, network, address)
}

// A transport of net/http keeps connections by the host of a URL, so a socket has a host: its path in hexadecimal, in a domain that the DNS
// does not have. A script that writes such a host gets no further than with the socket itself.
const socketDomain = ".socket.invalid"

// socketPrefix is what the URL of a socket begins with: unix//run/app.sock:/path?query.
const socketPrefix = "unix/"

func socketHost(path string) string { return hex.EncodeToString([]byte(path)) + socketDomain }

// socketOf returns the path of the socket that a host stands for.
func socketOf(host string) (string, bool) {
	name, ok := strings.CutSuffix(host, socketDomain)
	if !ok {
		return "", false
	}
	path, err := hex.DecodeString(name)
	return string(path), err == nil && len(path) > 0
}

// parseURL reads the URL of a request.
func parseURL(text string) (*url.URL, error) {
	if rest, ok := strings.CutPrefix(text, socketPrefix); ok {
		path, target, _ := strings.Cut(rest, ":")
		if target == "" {
			target = "/"
		}
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") || path == "" {
			return nil, failed(Invalid, "the URL of a socket is such as unix//run/app.sock:/path")
		}
		u.Scheme, u.Host = "http", socketHost(path)
		return u, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, failed(Invalid, "the URL cannot be read") // the error of net/url repeats the URL
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, failed(Invalid, "the URL is not one of http or https")
	case u.Hostname() == "":
		return nil, failed(Invalid, "the URL has no host")
	}
	return u, nil
}

// written returns a URL as a script writes it.
func written(u *url.URL) string {
	if path, ok := socketOf(u.Hostname()); ok {
		return socketPrefix + path + ":" + u.RequestURI()
	}
	return u.String()
}
