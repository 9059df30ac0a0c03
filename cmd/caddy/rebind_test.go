package main

import (
	"context"
	"net"
	"net/http"
	"net/http/fcgi"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// Both are this machine. The tenant may dial the first, as if it were its own.
var its, secret = [4]byte{127, 0, 0, 2}, [4]byte{127, 0, 0, 1}

// TestANameThatIsResolvedAnewIsJudgedAnew lets names be an address of the tenant's when they are looked up first, and afterwards one that
// is not: by Go's own resolver, by that of a transport, and by the sources of upstreams.
func TestANameThatIsResolvedAnewIsJudgedAnew(t *testing.T) {
	const single = `keep_alive = { enabled = false }`
	for name, pool := range map[string]string{
		"a name":               `{ "inner.example:$port_of_app", transport = { protocol = "http", ` + single + ` } }`,
		"a name of a request":  `{ "{http.request.header.X-To}:$port_of_app", transport = { protocol = "http", ` + single + ` } }`,
		"a resolver":           `{ "inner.example:$port_of_app", transport = { protocol = "http", resolver = { addresses = { "$dns" } }, ` + single + ` } }`,
		"HTTP/2 without TLS":   `{ "inner.example:$port_of_app", transport = { protocol = "http", versions = { "h2c" }, ` + single + ` } }`,
		"addresses":            `{ dynamic_upstreams = { source = "a", name = "inner.example", port = "$port_of_app", refresh = "1s", resolver = { addresses = { "$dns" } } }, transport = { protocol = "http", ` + single + ` } }`,
		"services":             `{ dynamic_upstreams = { source = "srv", name = "_http._tcp.inner.example", refresh = "1s", resolver = { addresses = { "$dns" } } }, transport = { protocol = "http", ` + single + ` } }`,
		"services of a source": `{ dynamic_upstreams = { source = "multi", sources = { { source = "srv", name = "_http._tcp.inner.example", refresh = "1s", resolver = { addresses = { "$dns" } } } } }, transport = { protocol = "http", ` + single + ` } }`,
		"FastCGI":              `{ "inner.example:$port_of_fcgi", transport = { protocol = "fastcgi", root = "/" } }`,
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			origin, port := everywhere(t, c)
			var rebound atomic.Bool
			var asked atomic.Int64
			c.Set("dns", e2e.Resolve(t, func(name string, _ dnsmessage.Type) []dnsmessage.ResourceBody {
				asked.Add(1)
				address := its
				if rebound.Load() {
					address = secret
				}
				return []dnsmessage.ResourceBody{
					&dnsmessage.AResource{A: address},
					&dnsmessage.SRVResource{Target: dnsmessage.MustNewName("inner.example."), Port: port},
				}
			}))
			resolveBy(t, c.Expand("$dns"))
			c.File("acme/main.lua", head+`route:pool("p", `+pool+`) route:any("/*", "p")`)
			c.Start(strings.Replace(loopbackSite("main.lua", "127.0.0.2 $dns"), "handlers safe", "handlers safe fastcgi", 1))

			e2e.Until(t, "an answer", func() bool { // sources keep what they found for a second, also in the test before
				return c.Get("/", "X-To: inner.example").Body == "127.0.0.2"
			})
			if asked.Load() == 0 {
				t.Error("nobody asked the name server")
			}
			rebound.Store(true)
			e2e.Until(t, "a refusal", func() bool {
				got := c.Get("/", "X-To: inner.example")
				if strings.Contains(got.Body, "127.0.0.1") {
					t.Fatal("the secret was told")
				}
				return got.Status == http.StatusBadGateway || got.Status == http.StatusServiceUnavailable
			})
			if n := c.Logged("is a loopback address, and the tenant may dial 127.0.0.2"); n == 0 {
				t.Error("the log does not say why")
			}
			if n := origin.Load(); n != 0 {
				t.Errorf("the secret was asked %d times", n)
			}
		})
	}
}

// TestOfManyAddressesOnlyThoseAreDialledThatMayBe resolves a name to addresses of which some are refused, in whatever form.
func TestOfManyAddressesOnlyThoseAreDialledThatMayBe(t *testing.T) {
	mapped := &dnsmessage.AAAAResource{AAAA: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}}
	for name, row := range map[string]struct {
		bodies []dnsmessage.ResourceBody
		want   int
	}{
		"the secret first": {[]dnsmessage.ResourceBody{&dnsmessage.AResource{A: secret}, &dnsmessage.AResource{A: its}}, 200},
		"the secret last":  {[]dnsmessage.ResourceBody{&dnsmessage.AResource{A: its}, &dnsmessage.AResource{A: secret}}, 200},
		"in another form":  {[]dnsmessage.ResourceBody{mapped}, 502},
		"as nothing":       {[]dnsmessage.ResourceBody{&dnsmessage.AResource{}}, 502},
		"as IPv6":          {[]dnsmessage.ResourceBody{&dnsmessage.AAAAResource{AAAA: [16]byte{15: 1}}}, 502},
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			origin, _ := everywhere(t, c)
			resolveBy(t, e2e.Resolve(t, func(string, dnsmessage.Type) []dnsmessage.ResourceBody { return row.bodies }))
			c.File("acme/main.lua", head+`route:pool("p", { "inner.example:$port_of_app", transport = { protocol = "http", keep_alive = { enabled = false } } }) route:any("/*", "p")`)
			c.Start(loopbackSite("main.lua", "127.0.0.2"))
			for range 10 {
				if got := c.Get("/"); got.Status != row.want || row.want == 200 && got.Body != "127.0.0.2" {
					t.Errorf("the answer is %d %q", got.Status, got.Body)
				}
			}
			if n := origin.Load(); n != 0 {
				t.Errorf("the secret was asked %d times", n)
			}
		})
	}
}

// everywhere starts origins of HTTP and FastCGI at all addresses of this machine, which say where they are asked, and counts the
// connections by another address than the tenant's.
func everywhere(t *testing.T, c *e2e.Caddy) (others *atomic.Int64, port uint16) {
	t.Helper()
	others = new(atomic.Int64)
	listen := func(name string) (net.Listener, uint16) {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		n := l.Addr().(*net.TCPAddr).Port
		c.Set(name, strconv.Itoa(n))
		return countOthers{l, others}, uint16(n)
	}
	plain, port := listen("port_of_app")
	server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.Context().Value(http.LocalAddrContextKey).(net.Addr).String())
		_, _ = w.Write([]byte(host))
	})}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(plain) }()
	t.Cleanup(func() { _ = server.Close() })
	fast, _ := listen("port_of_fcgi")
	go func() {
		_ = fcgi.Serve(fast, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("127.0.0.2")) }))
	}()
	return others, port
}

// countOthers counts the connections by another address than the tenant's.
type countOthers struct {
	net.Listener
	n *atomic.Int64
}

// Accept waits for a connection.
func (l countOthers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil && !conn.LocalAddr().(*net.TCPAddr).IP.Equal(net.IP(its[:])) {
		l.n.Add(1)
	}
	return conn, err
}

// resolveBy has Go's own resolver ask a name server.
func resolveBy(t *testing.T, server string) {
	usual := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = usual })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server)
	}}
}
