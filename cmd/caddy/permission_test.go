package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// permit asks the permission module about a host.
func permit(t *testing.T, instance, host string) error {
	t.Helper()
	info, err := caddy.GetModule("tls.permission.luaroute")
	if err != nil {
		t.Fatal(err)
	}
	module := info.New()
	if instance != "" {
		if err := caddy.StrictUnmarshalJSON(fmt.Appendf(nil, `{"name": %q}`, instance), module); err != nil {
			t.Fatal(err)
		}
	}
	return module.(caddytls.OnDemandPermission).CertificateAllowed(t.Context(), host)
}

// permits checks which hosts are allowed. Those that are not must be refused in the way that Caddy knows.
func permits(t *testing.T, instance string, hosts map[string]bool) {
	t.Helper()
	for host, want := range hosts {
		err := permit(t, instance, host)
		if (err == nil) != want {
			t.Errorf("%s, instance %q: allowed is %v, %v", host, instance, err == nil, err)
		}
		if err != nil && !errors.Is(err, caddytls.ErrPermissionDenied) {
			t.Errorf("%s: the error is not a refusal: %v", host, err)
		}
	}
}

func TestCertificatesAreAllowedForWhatIsServedAndNothingElse(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		local route = require("luaroute")
		route:pool("app", { "127.0.0.1:1" })
		route:tenant("script", { hosts = { "script.example", "*.wild.example" }, pool = "app" })
		route:tenant("prefix", { path_prefix = "/p", pool = "app" })
		route:host("layer.example", function(r) r:get("/", "app") end)
		route:get("/", "app")
	`)
	c.File("own.lua", `require("luaroute"):get("/", { body = "own" })`)
	c.File("other.lua", `require("luaroute"):host("other.example", function(r) r:get("/", { body = "other" }) end)`)
	c.Start(`http:// {
		luaroute {
			script $dir/main.lua
			tenant config {
				host config.example bücher.example 192.0.2.7
				script $dir/own.lua
			}
		}
		luaroute {
			name other
			script $dir/other.lua
		}
	}`)
	first := map[string]bool{
		"script.example": true, "SCRIPT.example": true, "a.wild.example": true, "layer.example": true, "config.example": true,
		"xn--bcher-kva.example": true, "192.0.2.7": true,
		"wild.example": false, "a.b.wild.example": false, "nobody.example": false, "127.0.0.1": false, "": false, "localhost": false,
		"other.example": false,
	}
	permits(t, "main", first)
	permits(t, "other", map[string]bool{"other.example": true, "script.example": false})
	permits(t, "none", map[string]bool{"other.example": false, "script.example": false})
	first["other.example"] = true
	permits(t, "", first)
}

func TestAFunctionAddsAndVetoesCertificates(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		local route = require("luaroute")
		local names = { ["veto.example"] = false, ["add.example"] = true, ["text.example"] = "yes" }
		local asked = {}
		route:pool("app", { "127.0.0.1:1" })
		route:tenant("all", { pool = "app", hosts = {
			"plain.example", "veto.example", "text.example", "error.example", "loop.example", "global.example", "xn--bcher-kva.example" } })
		route.certificate(function(name)
			if name == "error.example" then error("the database is away") end
			if name == "loop.example" then while true do end end
			if name == "global.example" then oops = true end
			assert(name == name:lower() and not name:find("bücher"), name)
			return names[name]
		end)
	`)
	c.Start(e2e.Site("limits {\ncpu 50ms\n}"))
	for range 2 { // a virtual machine that was cut off does not come again
		permits(t, "", map[string]bool{
			"plain.example": true, "PLAIN.example": true, "xn--bcher-kva.example": true, "add.example": true,
			"veto.example": false, "nobody.example": false, "error.example": false, "loop.example": false, "text.example": false,
			"global.example": false,
		})
	}
	for _, said := range []string{
		"the database is away", "main.lua:8: the function of route.certificate returned a string; expected true to add text.example, false to veto it, or nothing",
		"the budget of the script is used up: it ran for more than 50ms",
	} {
		if c.Logged(said) == 0 {
			t.Errorf("the log does not say %q", said)
		}
	}
}

func TestTheRunningConfigurationAnswersForCertificates(t *testing.T) {
	c := e2e.New(t)
	site := func(host string, more ...string) string {
		c.File("main.lua", `
			local route = require("luaroute")
			route:pool("app", { "127.0.0.1:1" })
			route:tenant("t", { hosts = { "`+host+`" }, pool = "app" })
		`)
		return e2e.Site("") + strings.Join(more, "\n")
	}
	permits(t, "", map[string]bool{"one.example": false}) // nothing runs
	c.Start(site("one.example"))
	permits(t, "", map[string]bool{"one.example": true})

	parsed := new(caddy.Config)
	if err := json.Unmarshal(c.Caddyfile(site("two.example")), parsed); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(parsed); err != nil {
		t.Fatal(err)
	}
	permits(t, "", map[string]bool{"one.example": true, "two.example": false})

	// The app of ours may have started before the one that fails.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for range 5 {
		if err := c.Load(c.Caddyfile(site("two.example", "http://:"+port+" {\nrespond taken\n}"))); err == nil {
			t.Fatal("a configuration runs on a port that is taken")
		}
		permits(t, "main", map[string]bool{"one.example": true, "two.example": false})
	}
	c.Start(site("two.example"))
	permits(t, "main", map[string]bool{"one.example": false, "two.example": true})
}

func TestAPermissionOfAnInstanceThatIsNotThereIsAnError(t *testing.T) {
	c := e2e.New(t)
	c.Options = "on_demand_tls {\npermission luaroute shop\n}"
	c.File("main.lua", `require("luaroute"):get("/", { body = "hello" })`)
	err := c.Load(c.Caddyfile(e2e.Site("")))
	if want := `tls.permission.luaroute: there is no instance "shop"; there are "main"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	c.Start(e2e.Site("name shop"))
}
