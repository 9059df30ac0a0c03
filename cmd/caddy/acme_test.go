package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// customerDomains is a site for all hosts, whose certificates come from Pebble when they are first asked for.
const customerDomains = `https:// {
	tls {
		on_demand
		issuer acme {
			dir $acme
			trusted_roots $acme_root
			disable_http_challenge
		}
	}
	luaroute {
		script $dir/main.lua
	}
}`

// shakeHands asks a Caddy for a host by TLS. The client trusts nobody but Pebble.
func shakeHands(c *e2e.Caddy, pebble *e2e.Pebble, host string) error {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp", c.Expand("127.0.0.1:$tls"), &tls.Config{RootCAs: pebble.Roots, ServerName: host})
	if err != nil {
		return err
	}
	return conn.Close()
}

func TestHostsGetTheirCertificatesOfAnAuthorityWhenTheyAreServed(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	const script = `
		local route = require("luaroute")
		route:tenant("acme", { hosts = { "acme.example", "*.acme.example", "gone.example" } }, function(r)
			r:get("/", function(req) return 200, req.tenant .. " at " .. req.tls.sni end)
		end)
		route.certificate(function(name)
			if name == "gone.example" then return false end
			if name == "extra.example" then return true end
		end)`
	c := e2e.New(t)
	pebble := c.Pebble()
	c.Options = "on_demand_tls {\npermission luaroute\n}"
	c.File("main.lua", script)
	c.Start(customerDomains)

	expect := func(host string, issued bool) {
		t.Helper()
		before := pebble.Orders.Load()
		err := shakeHands(c, pebble, host)
		switch orders := pebble.Orders.Load() - before; {
		case issued && (err != nil || orders != 1):
			t.Errorf("%s: %d orders, %v; want one, and a certificate", host, orders, err)
		case !issued && (err == nil || orders != 0):
			t.Errorf("%s: %d orders, %v; want a refusal without any", host, orders, err)
		}
		if issued && shakeHands(c, pebble, host) != nil || pebble.Orders.Load() > before+1 {
			t.Errorf("%s: the second handshake did not find what the first one got", host)
		}
	}
	expect("acme.example", true)
	expect("shop.acme.example", true)
	expect("extra.example", true)
	expect("gone.example", false)
	expect("a.shop.acme.example", false)
	expect("globex.example", false)

	c.File("main.lua", script+`
		route:tenant("globex", { hosts = { "globex.example" } }, function(r) r:get("/", { body = "globex" }) end)`)
	c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	expect("globex.example", true)
	expect("initech.example", false)
}
