package main

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// TestAServerOfForwardAuthenticationIsToldWhatOnlyTrustedProxiesSay sends what proxies say, with and without Caddy trusting who sends it.
func TestAServerOfForwardAuthenticationIsToldWhatOnlyTrustedProxiesSay(t *testing.T) {
	c := e2e.New(t)
	var told atomic.Pointer[http.Header]
	c.Serve("auth", func(_ http.ResponseWriter, r *http.Request) { told.Store(&r.Header) })
	c.Origin("app")
	c.File("main.lua", head+`
		route:pool("auth", { "$auth" })
		route:pool("app", { "$app" })
		route:use(route.forward_auth{ pool = "auth", path = "/", cache = { ttl = 60, key = { "cookie:sid", "client_ip" } } })
		route:any("/*", "app")`)
	for trusted, want := range map[string]map[string]string{
		"192.0.2.0/24": {
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "inner.example", "X-Original-Url": "http://inner.example/a?b=c",
		},
		"127.0.0.1": {
			"X-Forwarded-For": "203.0.113.9, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example",
			"X-Original-Url": "https://shop.example/a?b=c", "X-Real-Ip": "203.0.113.9", "Forwarded": "for=203.0.113.9",
		},
	} {
		c.Options = ""
		config := string(c.Caddyfile(e2e.Site("")))
		with := strings.Replace(config, `"protocols":["h1","h2"]`, `"protocols":["h1","h2"],"trusted_proxies":{"source":"static","ranges":["`+trusted+`"]}`, 1)
		if with == config {
			t.Fatal("the servers have no place for trusted proxies")
		}
		c.MustLoad([]byte(with))
		said := []string{
			"Host: inner.example", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example", "X-Real-IP: 203.0.113.9",
			"Forwarded: for=203.0.113.9", "X-Forwarded-Method: OPTIONS", "X-Forwarded-Uri: /public", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /public",
			"X-Forwarded-User: eve", "X-Original-URL: https://shop.example/public", "X-Original-URI: /public", "X_Forwarded_Host: evil.example",
			"X_Forwarded_Uri: /public", "X_Forwarded_For: 203.0.113.9",
		}
		c.Get("/a?b=c", said...).From("app")
		got := map[string]string{}
		for name, values := range *told.Load() {
			if plain := strings.ToLower(strings.ReplaceAll(name, "_", "-")); strings.HasPrefix(plain, "x-forwarded") || strings.HasPrefix(plain, "x-original") ||
				plain == "x-real-ip" || plain == "forwarded" {
				got[name] = strings.Join(values, " | ")
			}
		}
		want["X-Forwarded-Method"], want["X-Forwarded-Uri"] = "GET", "/a?b=c"
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if got[name] != want[name] {
				t.Errorf("trusted %s: %s is %q; want %q", trusted, name, got[name], want[name])
			}
			delete(want, name)
		}
		if len(want) > 0 {
			t.Errorf("trusted %s: the server was not told %v", trusted, want)
		}
		// Verdicts are for the client that Caddy knows, not for the one it is told of.
		told.Store(nil)
		c.Get("/a?b=c", "Cookie: sid=1", "X-Forwarded-For: 203.0.113.1").From("app")
		c.Get("/a?b=c", "Cookie: sid=1", "X-Forwarded-For: 203.0.113.1").From("app")
		told.Store(nil)
		c.Get("/a?b=c", "Cookie: sid=1", "X-Forwarded-For: 203.0.113.2").From("app")
		if asked := told.Load() != nil; asked != (trusted == "127.0.0.1") {
			t.Errorf("trusted %s: another client's verdict was asked for: %v", trusted, asked)
		}
	}
}

// TestATenantAsksForVerdictsWhereItMayDial has forward_auth in the script of a stranger's: at addresses and in pools that are its own, and others.
func TestATenantAsksForVerdictsWhereItMayDial(t *testing.T) {
	c := e2e.New(t)
	auth := c.Serve("auth", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Remote-User", "ann") })
	c.Origin("app")
	const protected = `
		route:use(route.forward_auth{ pool = "auth", path = "/", copy_headers = { "Remote-User" }, cache = { ttl = 60, key = "cookie:sid" } })
		route:any("/*", "app")`
	const own = `
		route:pool("auth", { "$auth" })` + protected
	_, port, _ := strings.Cut(c.Expand("$auth"), ":")
	named := strings.Replace(own, "$auth", "localhost:"+port, 1) // known when it is dialled only; an address is refused when the script loads
	load := func(script, allow, more string) error {
		c.File("acme/main.lua", head+script)
		return c.Load(c.Caddyfile("http:// {\nluaroute {\npool app $app\n" + more + "\ntenant acme {\nscript $dir/acme/main.lua\nallow {\n" + allow + "\n}\n}\n}\n}"))
	}
	for name, row := range map[string]struct {
		script, allow, more string
		status              int
	}{
		"its own pool, where it may dial":          {own, "upstreams 127.0.0.1", "", 200},
		"its own pool, where it may not":           {named, "upstreams network", "", 503},
		"a pool of the configuration":              {protected, "upstreams network", "pool auth $auth", 200},
		"a pool of the configuration, by name":     {protected, "pools app auth", "pool auth $auth", 200},
		"its own one of the name of another":       {named, "upstreams network\npools app", "pool auth $auth", 503},
		"a placeholder that names what it may not": {strings.Replace(own, `"$auth"`, `"{http.request.header.X-To}"`, 1), "upstreams network", "", 503},
	} {
		if err := load(row.script, row.allow, row.more); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		before := auth.Requests.Load()
		got := c.Get("/a", "Remote-User: eve", c.Expand("X-To: $auth"))
		if asked := auth.Requests.Load() > before; got.Status != row.status || asked != (row.status == 200) {
			t.Errorf("%s: %d %s, the server was asked: %v", name, got.Status, got.Body, asked)
		}
		if row.status == 200 && got.From("app").Header.Get("Remote-User") != "ann" {
			t.Errorf("%s: the upstream got %v", name, got.From("app").Header)
		}
	}
	if err := load(own, "upstreams network", ""); err == nil || !strings.Contains(err.Error(), "is a loopback address, and the tenant may dial network") {
		t.Errorf("an address that the tenant may not dial: %v", err)
	}
	if err := load(protected, "pools app", "pool auth $auth"); err == nil || !strings.Contains(err.Error(), `pool auth is not allowed`) && !strings.Contains(err.Error(), `"auth"`) {
		t.Errorf("a pool that the tenant may not name: %v", err)
	}
}
