package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// secureOrigin is an origin that is asked by TLS. It answers with the host and path that it was asked for.
func secureOrigin(c *e2e.Caddy, name string) *atomic.Bool {
	down := new(atomic.Bool)
	c.ServeTLS(name, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" && down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintf(w, "%s by TLS at %s for %s", r.URL.Path, r.TLS.ServerName, r.Host)
	})
	return down
}

func TestAPoolAsksAnOriginByTLS(t *testing.T) {
	c := e2e.New(t)
	secureOrigin(c, "secure")
	c.File("main.lua", `
		local route = require("luaroute")
		route:any("/config/*", "config")
		route:any("/unknown/*", "unknown")
		route:pool("script", { "https://$secure/base", transport = { protocol = "http", tls = { ca = { provider = "file", pem_files = { "$dir/secure.pem" } } } } })
		route:any("/script/*", "script")`)
	c.Start(e2e.Site(`
		pool unknown https://$secure
		pool config https://$secure/base {
			transport http {
				tls_trust_pool file $dir/secure.pem
			}
			header_up Host {host}
		}`))

	c.Get("/config/x", "Host: shop.example").Want(200, "/base/config/x by TLS at  for shop.example")
	c.Get("/script/x", "Host: shop.example").Want(200, c.Expand("/base/script/x by TLS at  for $secure"))
	c.Get("/unknown/x").Want(502, "") // nobody has signed its certificate
}

func TestAMigratedServiceIsAskedByTLS(t *testing.T) {
	c := e2e.New(t)
	down := secureOrigin(c, "secure")
	c.File("old.yaml", `
tenants:
  - name: shop
    path_prefix: /api
    health_interval: 10ms
    services:
      - {name: secure, url: "https://$secure/v1", health: "https://$secure/health"}
`)
	caddyfile, code := caddyCommand(t, "luaroute", "migrate", c.Expand("$dir/old.yaml"))
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, caddyfile)
	}
	health := "health_uri /health\n"
	if strings.Count(caddyfile, health) != 1 {
		t.Fatalf("want one health check in\n%s", caddyfile)
	}
	c.Start(strings.Replace(caddyfile, health, health+"transport http {\ntls_trust_pool file $dir/secure.pem\n}\n", 1))

	c.Get("/api/a").Want(200, c.Expand("/v1/a by TLS at  for $secure"))
	down.Store(true)
	e2e.Until(t, "the service is not healthy", func() bool { return c.Get("/api/a").Status == http.StatusServiceUnavailable })
	down.Store(false)
	e2e.Until(t, "the service is healthy again", func() bool { return c.Get("/api/a").Status == http.StatusOK })
}
