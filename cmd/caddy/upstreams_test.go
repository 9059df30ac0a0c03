package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// TestTheHeaderOfAnUpstreamIsBounded has upstreams of an isolated tenant send headers that would be in memory for each request.
func TestTheHeaderOfAnUpstreamIsBounded(t *testing.T) {
	for name, pool := range map[string]string{
		"plain":              `{ "$app" }`,
		"with a transport":   `{ "$app", transport = { protocol = "http", dial_timeout = "5s" } }`,
		"HTTP/2 without TLS": `{ "h2c://$app" }`,
		"TLS":                `{ "$secret", transport = { protocol = "http", tls = { insecure_skip_verify = true } } }`,
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			long := func(w http.ResponseWriter, r *http.Request) {
				n, _ := strconv.Atoi(r.Header.Get("Size"))
				w.Header().Set("X", strings.Repeat("x", n))
			}
			c.ServeH2C("app", long)
			c.ServeTLS("secret", long)
			c.File("acme/main.lua", head+`route:pool("p", `+pool+`) route:any("/*", "p")`)
			c.Start(loopbackSite("main.lua", "127.0.0.1"))
			c.Get("/", "Size: 100000").Want(http.StatusOK, "")
			if got := c.Get("/", "Size: 300000"); got.Status != http.StatusBadGateway {
				t.Errorf("the answer is %d, with %d bytes", got.Status, len(got.Header.Get("X")))
			}
		})
	}
}

// TestConnectionsToManyUpstreamsAreNotKept asks more addresses of an upstream, one after the other, than there may be idle connections.
func TestConnectionsToManyUpstreamsAreNotKept(t *testing.T) {
	const addresses, most = 400, 256
	c := e2e.New(t)
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	var kept atomic.Int64
	server := &http.Server{Handler: http.NotFoundHandler(), ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			kept.Add(1)
		case http.StateClosed:
			kept.Add(-1)
		}
	}}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	c.Set("port_of_app", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	c.File("acme/main.lua", head+`route:pool("p", { "{http.request.header.X-To}:$port_of_app" }) route:any("/*", "p")`)
	c.Start(loopbackSite("main.lua", "127.0.0.0/8"))
	for i := range addresses {
		c.Get("/", fmt.Sprintf("X-To: 127.0.%d.%d", 1+i/200, 1+i%200)).Want(http.StatusNotFound, "404 page not found\n")
	}
	e2e.Until(t, "the others are closed", func() bool { return kept.Load() <= most })
}

// TestWhatAnErrorOfATenantSaysInTheLogIsBounded has the handler error make a megabyte of placeholders.
func TestWhatAnErrorOfATenantSaysInTheLogIsBounded(t *testing.T) {
	const long = `("{http.request.header.X}"):rep(100)`
	for name, script := range map[string]string{
		"an answer":     `route:get("/*", route.handler("error", { error = ` + long + `, status_code = 500 }))`,
		"middleware":    `route:use(route.handler("error", { error = ` + long + `, status_code = 500 })) route:get("/*", { body = "x" })`,
		"in a subroute": `route:get("/*", route.handler("subroute", { routes = { { handle = { { handler = "error", error = ` + long + `, status_code = 500 } } } } }))`,
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			c.File("acme/main.lua", head+script)
			c.Start("http:// {\nluaroute {\ntenant acme {\nscript $dir/acme/main.lua\n}\n}\n}")
			if got := c.Get("/", "X: "+strings.Repeat("long ", 1000)); got.Status != http.StatusInternalServerError {
				t.Errorf("the answer is %d", got.Status)
			}
			if n := c.Logged("long "); n < 1000 || n > 4000 { // with the header of the request, once
				t.Errorf("the log has %d words of it", n)
			}
		})
	}
}
