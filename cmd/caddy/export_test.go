package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// exports are functions that choose by a field of the request, so that a test says what becomes of it.
const exports = `
	local route = require("luaroute")
	route:get("/own", { body = "route" })
	route.export("choose", function(req, up)
	  local to = req:header("X-To")
	  if to == "none" then return false end
	  if to == "second" then return up[2] end
	  if to == "hash" then return up:hash(req.path) end
	  if to == "sticky" then return up:sticky("u") end
	  if to == "body" then return req:body() end
	  if to == "write" then req:set_header("X", "y") end
	  if to == "loop" then while true do end end
	  if to == "wrong" then return "10.1.2.3:4" end
	  return to
	end)
	route.export("name", function(req)
	  local n = req:header("X-List")
	  if n == "broken" then error("no list") end
	  if n == "both" then return { { "$one", zone = "a" }, { "$two", zone = "b" } } end
	  if n == "dead" then return { "127.0.0.1:1", "$two" } end
	  return { n }
	end)
	route.export("by_zone", function(req, up) return up:where("zone", req:header("X-Zone"))[1] end)
`

// exportingSite has reverse proxies of Caddy's beside luaroute.
const exportingSite = `http:// {
	luaroute /own* {
		name edge
		script $dir/main.lua
	}
	reverse_proxy /chosen/* $one $two {
		lb_policy luaroute choose@edge {
			fallback first
		}
	}
	reverse_proxy /named/* $one {
		dynamic luaroute name@edge
	}
	reverse_proxy /both/* {
		dynamic luaroute name@edge
		lb_policy luaroute by_zone@edge
	}
	reverse_proxy /again/* 127.0.0.1:1 $two {
		lb_policy luaroute choose@edge {
			fallback first
		}
		lb_retries 1
	}
	reverse_proxy /header/* $one $two {
		lb_policy header X-Key {
			fallback luaroute choose@edge
		}
	}
}`

func exporting(t *testing.T) *e2e.Caddy {
	c := e2e.New(t)
	for _, name := range []string{"one", "two"} {
		c.Serve(name, func(w http.ResponseWriter, r *http.Request) {
			body := make([]byte, 10)
			n, _ := r.Body.Read(body)
			fmt.Fprint(w, name, string(body[:n]))
		})
	}
	c.File("main.lua", exports)
	return c
}

func TestAnyReverseProxyMayAskAFunctionThatAScriptExports(t *testing.T) {
	c := exporting(t)
	c.Start(exportingSite)
	two := c.Expand("$two")
	for _, row := range []struct {
		what, path string
		headers    []string
		status     int
		body       string
	}{
		{"an element of up", "/chosen/x", []string{"X-To: second"}, 200, "two"},
		{"an address", "/chosen/x", []string{"X-To: " + two}, 200, "two"},
		{"nil is up to the fallback", "/chosen/x", nil, 200, "one"},
		{"false is none", "/chosen/x", []string{"X-To: none"}, 503, ""},
		{"an address that is not there is up to the fallback", "/chosen/x", []string{"X-To: wrong"}, 200, "one"},
		{"the end of a budget, too", "/chosen/x", []string{"X-To: loop"}, 200, "one"},
		{"what changes the request, too", "/chosen/x", []string{"X-To: write"}, 200, "one"},
		{"a list of one request", "/named/x", []string{"X-List: " + two}, 200, "two"},
		{"the upstreams of the configuration where it fails", "/named/x", []string{"X-List: broken"}, 200, "one"},
		{"both, with fields of the list", "/both/x", []string{"X-List: both", "X-Zone: b"}, 200, "two"},
		{"both, the other one", "/both/x", []string{"X-List: both", "X-Zone: a"}, 200, "one"},
		{"as the fallback of another policy", "/header/x", []string{"X-To: second"}, 200, "two"},
		{"a route of the instance", "/own", nil, 200, "route"},
	} {
		if a := c.Get(row.path, row.headers...); a.Status != row.status || a.Body != row.body {
			t.Errorf("%s: %d %q; want %d %q", row.what, a.Status, a.Body, row.status, row.body)
		}
	}
	t.Run("helpers know what was tried", func(t *testing.T) {
		for i := range 10 {
			c.Get(fmt.Sprint("/again/", i), "X-To: hash").Want(200, "two")
		}
	})
	t.Run("a body is forwarded, and no function reads it", func(t *testing.T) {
		c.Send(http.MethodPost, "/chosen/x", strings.NewReader("text"), "X-To: second").Want(200, "twotext")
		c.Send(http.MethodPost, "/chosen/x", strings.NewReader("text"), "X-To: body").Want(200, "onetext")
	})
	t.Run("a cookie leads back", func(t *testing.T) {
		first := c.Get("/chosen/x", "X-To: sticky")
		cookie, _, _ := strings.Cut(first.Header.Get("Set-Cookie"), ";")
		if cookie == "" {
			t.Fatal("no cookie")
		}
		for range 5 {
			c.Get("/chosen/x", "X-To: sticky", "Cookie: "+cookie).Want(200, first.Body)
		}
	})
	t.Run("a reload of the script counts at once, and one that lacks the function is left out", func(t *testing.T) {
		c.File("main.lua", `
			local route = require("luaroute")
			route.export("choose", function(req, up) return up[2] end)
		`)
		if a := c.Admin(http.MethodPost, "/luaroute/edge/reload", ""); a.Status != 200 {
			t.Fatal(a.Body)
		}
		c.Get("/chosen/x").Want(200, "two")
		c.Get("/named/x").Want(200, "one")
		if c.Logged(`no function is exported as \"name\"; there are choose`) == 0 {
			t.Error("nothing is logged about the function that is gone")
		}
	})
}

// loaded returns the error of a Caddyfile, be it one of its adapter.
func loaded(c *e2e.Caddy, text string) error {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(c.Expand("{\nhttp_port $port\n}\n"+text)), nil)
	if err != nil {
		return err
	}
	return c.Load(c.JSON(string(config)))
}

func TestAFunctionThatIsNotExportedRefusesTheConfiguration(t *testing.T) {
	c := exporting(t)
	for proxy, want := range map[string]string{
		"lb_policy luaroute":                   `expected the name of a function that a script exports, found none`,
		"lb_policy luaroute a b":               `unexpected argument "b"; expected one function`,
		"lb_policy luaroute a {\nfirst\n}":     `found "first"; expected fallback and a policy, once`,
		"lb_policy luaroute chose@edge":        `instance "edge": no function is exported as "chose"; there are by_zone, choose, name`,
		"lb_policy luaroute choose@other":      `there is no instance "other"; there are "edge"`,
		"lb_policy luaroute choose":            `there is no instance "main"; there are "edge"`,
		"dynamic luaroute named@edge":          `instance "edge": no function is exported as "named"`,
		"dynamic luaroute name@edge {\nttl\n}": `found "ttl"; expected no block`,
	} {
		if err := loaded(c, "http:// {\nluaroute {\nname edge\nscript $dir/main.lua\n}\nreverse_proxy $one {\n"+proxy+"\n}\n}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", proxy, err, want)
		}
	}
	for pool, want := range map[string]string{
		"lb_policy luaroute choose": `this is for a reverse_proxy outside of luaroute; pools of scripts have select and upstreams`,
		"dynamic luaroute name":     `this is for a reverse_proxy outside of luaroute`,
	} {
		if err := loaded(c, "http:// {\nluaroute {\nscript $dir/main.lua\npool p $one {\n"+pool+"\n}\n}\n}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s of a pool: %v; want %s", pool, err, want)
		}
	}
	for script, want := range map[string]string{
		`route.export("a@b", function() end)`:                                                      `the name is "a@b"; expected one without spaces and @`,
		`route.export("", function() end)`:                                                         `the name is ""; expected one without`,
		`route.export("a", "b")`:                                                                   `function expected`,
		"route.export('a', function() end)\nroute.export('a', function() end)":                     `the name "a" is taken, first at `,
		`route:tenant("t", { path_prefix = "/t" }, function(r) r.export("a", function() end) end)`: `route.export belongs at the root of the default tenant's script`,
	} {
		c.File("main.lua", "local route = require('luaroute') "+script)
		if err := loaded(c, "http:// {\nluaroute {\nscript $dir/main.lua\n}\n}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", script, err, want)
		}
	}
	c.File("main.lua", "local route = require('luaroute') route:get('/', { status = 204 })")
	c.File("t/t.lua", "local route = require('luaroute') route.export('a', function() end)")
	if err := loaded(c, "http:// {\nluaroute {\nscript $dir/main.lua\ntenant t {\nhost t.example\nscript $dir/t/t.lua\n}\n}\n}"); err == nil || !strings.Contains(err.Error(), "route.export belongs at the root") {
		t.Errorf("an isolated tenant exports: %v", err)
	}
}
