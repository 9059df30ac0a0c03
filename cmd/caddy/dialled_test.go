package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// loopbackSite is a site with an isolated tenant, whose script is the file given, and which may dial what is given.
func loopbackSite(script, upstreams string) string {
	return "http:// {\nluaroute {\ntenant acme {\nscript $dir/acme/" + script + "\nallow {\nhandlers safe reverse_proxy\nupstreams " + upstreams + "\n}\n}\n}\n}"
}

// TestEveryWayOfDiallingAsksWhatMayBeDialled goes through what a pool may be, each to an origin on this machine, by a name that only
// tells when it is dialled.
func TestEveryWayOfDiallingAsksWhatMayBeDialled(t *testing.T) {
	for name, pool := range map[string]string{
		"plain":                          `{ "localhost:$port_of_app" }`,
		"with connections of its own":    `{ "localhost:$port_of_app", transport = { protocol = "http", keep_alive = { enabled = false } } }`,
		"with timeouts":                  `{ "localhost:$port_of_app", transport = { protocol = "http", read_timeout = "5s", write_timeout = "5s" } }`,
		"HTTP/2 without TLS":             `{ "h2c://localhost:$port_of_app" }`,
		"by a placeholder":               `{ "{http.request.header.X-To}" }`,
		"by a dynamic source":            `{ dynamic_upstreams = { source = "a", name = "localhost", port = "$port_of_app", versions = { ipv4 = true, ipv6 = false } } }`,
		"by a resolver of its own":       `{ "inner.example:$port_of_app", transport = { protocol = "http", resolver = { addresses = { "$dns" } } } }`,
		"TLS":                            `{ "localhost:$port_of_secret", transport = { protocol = "http", tls = { insecure_skip_verify = true } } }`,
		"TLS with a name of the request": `{ "localhost:$port_of_secret", transport = { protocol = "http", tls = { insecure_skip_verify = true, server_name = "{http.request.host}" } } }`,
		"a retry":                        `{ "localhost:$port_of_app", load_balancing = { retries = 2 } }`,
		"in the response of another":     `{ "$answer", handle_response = { { routes = { { handle = { { handler = "reverse_proxy", upstreams = { { dial = "localhost:$port_of_app" } } } } } } } } }`,
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			reached := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("reached")) }
			plain, secret := c.ServeH2C("app", reached), c.ServeTLS("secret", reached)
			c.Serve("answer", func(http.ResponseWriter, *http.Request) {})
			c.Set("dns", e2e.NameServer(t))
			for _, of := range []string{"app", "secret"} {
				c.Set("port_of_"+of, c.Expand("$" + of)[strings.LastIndexByte(c.Expand("$"+of), ':')+1:])
			}
			c.File("acme/main.lua", `local route = require("luaroute") route:pool("p", `+pool+`) route:any("/*", "p")`)
			to := "X-To: localhost:" + c.Expand("$port_of_app")

			c.Start(loopbackSite("main.lua", "network $dns $answer"))
			if got := c.Get("/", to); got.Status != http.StatusBadGateway {
				t.Errorf("the answer is %d %q", got.Status, got.Body)
			}
			if n := plain.Requests.Load() + secret.Requests.Load(); n != 0 {
				t.Errorf("the origin was asked %d times", n)
			}
			if c.Logged("is a loopback address, and the tenant may dial network") == 0 {
				t.Error("the log does not say why")
			}

			c.Start(loopbackSite("main.lua", "127.0.0.1 ::1"))
			c.Get("/", to).Want(http.StatusOK, "reached")
		})
	}
}

func TestAHealthCheckAsksWhatMayBeDialled(t *testing.T) {
	c := e2e.New(t)
	origin := c.Origin("app")
	port := c.Expand("$app")[strings.LastIndexByte(c.Expand("$app"), ':')+1:]
	c.File("acme/main.lua", `local route = require("luaroute")
		route:pool("p", { "localhost:`+port+`", health_uri = "/", health_interval = "1s" })
		route:any("/*", "p")`)
	c.Start(loopbackSite("main.lua", "network"))
	e2e.Until(t, "a check that is refused", func() bool { return c.Logged("is a loopback address") > 0 })
	if n := origin.Requests.Load(); n != 0 {
		t.Errorf("%d checks came", n)
	}
	c.Start(loopbackSite("main.lua", "localhost"))
	e2e.Until(t, "a check", func() bool { return origin.Requests.Load() > 0 })
}

func TestHealthChecksOfAnIsolatedTenantLogLittle(t *testing.T) {
	const many = 30
	pool := func(first int, more string) string {
		var all strings.Builder
		for i := range many {
			fmt.Fprintf(&all, `"127.0.0.1:%d", `, first+i)
		}
		return `route:pool("p` + strconv.Itoa(first) + `", { ` + all.String() + ` health_uri = "/", health_interval = "1h"` + more + ` })
			`
	}
	head := "local route = require(\"luaroute\")\n"
	for name, row := range map[string]struct {
		file, code string
		lines      int
	}{
		"of one that loads no modules": {"acme/main.lua", pool(1, ""), 1},
		"of one that loads modules":    {"acme/main.lua", pool(101, `, transport = { protocol = "http", dial_timeout = "1s" }`), 1},
		"of two":                       {"acme/main.lua", pool(201, "") + pool(301, ""), 2},
		"of a trusted one":             {"main.lua", pool(401, ""), many},
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			c.File("main.lua", head+`route:get("/main", { status = 204 })`)
			c.File("acme/main.lua", head+`route:get("/acme", { status = 204 })`)
			c.File(row.file, head+row.code+`route:get("/", { status = 204 })`)
			const failed = `"msg":"HTTP request failed"`
			before := c.Logged(failed)
			c.Start(strings.Replace(loopbackSite("main.lua", "127.0.0.1"), "luaroute {", "luaroute {\nscript $dir/main.lua", 1))
			e2e.Until(t, "all checks have failed", func() bool {
				return !strings.Contains(c.Admin(http.MethodGet, "/luaroute/main/pools", "").Body, `"healthy":true`)
			})
			e2e.Until(t, "they are logged", func() bool { return c.Logged(failed)-before >= row.lines })
			if got := c.Logged(failed) - before; got != row.lines {
				t.Errorf("there are %d lines; want %d", got, row.lines)
			}
		})
	}
}

func TestAConnectionOfATrustedPoolIsNotForAnIsolatedOne(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	port := c.Expand("$app")[strings.LastIndexByte(c.Expand("$app"), ':')+1:]
	for _, file := range []string{"main.lua", "acme/main.lua"} {
		c.File(file, `local route = require("luaroute") route:pool("p", { "localhost:`+port+`" }) route:any("/*", "p")`)
	}
	c.Start("http:// {\nluaroute {\nscript $dir/main.lua\ntenant acme {\nhost acme.example\nscript $dir/acme/main.lua\n}\n}\n}")
	for range 3 {
		c.Get("/").From("app")
		if got := c.Get("/", "Host: acme.example"); got.Status != http.StatusBadGateway {
			t.Errorf("the answer is %d %q", got.Status, got.Body)
		}
	}
}

// TestTheAdminEndpointIsNeverDialled tries it with a tenant that may dial everything.
func TestTheAdminEndpointIsNeverDialled(t *testing.T) {
	c := e2e.New(t)
	admin := c.Expand("$admin")
	port := admin[strings.LastIndexByte(admin, ':')+1:]
	c.File("acme/main.lua", `local route = require("luaroute") route:pool("p", { "{http.request.header.X-To}" }) route:any("/*", "p")`)
	c.Start(loopbackSite("main.lua", "all"))
	for _, to := range []string{admin, "localhost:" + port, "[::ffff:127.0.0.1]:" + port, "0.0.0.0:" + port, "127.0.0.2:" + port, ":" + port} {
		if got := c.Get("/config/", "X-To: "+to); got.Status != http.StatusBadGateway {
			t.Errorf("%s: the answer is %d %q", to, got.Status, got.Body)
		}
	}
	if c.Logged("is the admin endpoint of Caddy") == 0 {
		t.Error("the log does not say why")
	}
	c.File("main.lua", `local route = require("luaroute") route:pool("p", { "`+admin+`", headers = { request = { set = { Host = { "`+admin+`" } } } } }) route:any("/*", "p")`)
	c.Start(e2e.Site(""))
	if got := c.Get("/config/"); got.Status != http.StatusOK {
		t.Errorf("the operator's own script is told %d %q", got.Status, got.Body)
	}
}

func TestTheAdminEndpointIsNeverDialledByASocket(t *testing.T) {
	c := e2e.New(t)
	dir := t.TempDir()
	socket, link := filepath.Join(dir, "admin.sock"), filepath.Join(dir, "link.sock")
	if err := os.Symlink(socket, link); err != nil {
		t.Fatal(err)
	}
	c.Set("admin", "unix/"+socket)
	c.File("acme/main.lua", `local route = require("luaroute")
		route:pool("p", { "unix/`+socket+`" }) route:any("/socket", "p")
		route:pool("q", { "unix/`+link+`" }) route:any("/link", "q")`)
	c.Start(loopbackSite("main.lua", "all"))
	for _, path := range []string{"/socket", "/link"} {
		if got := c.Get(path); got.Status != http.StatusBadGateway {
			t.Errorf("%s: the answer is %d %q", path, got.Status, got.Body)
		}
	}
	if c.Logged("is the admin endpoint of Caddy") == 0 {
		t.Error("the log does not say why")
	}
}
