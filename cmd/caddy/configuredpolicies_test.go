package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// configuredPolicies has a tenant without Lua, one with a script, and one that a script declares.
const configuredPolicies = `http:// {
	luaroute {
		script $dir/main.lua
		pool app $app
		cors * {
			expose X-All
		}
		timeout 30s
		tenant shop {
			host shop.example
			pool v1 $v1
			pool v2 $v2
			split v1 75 v2 25 {
				by header:X-User
				sticky v 1h
				secret {env.SPLIT_SECRET}
			}
			cors https://app.example {
				methods PUT
			}
			timeout 1m
			limit few {
				rate 100000
			}
		}
		tenant late {
			host late.example
			use_pool app
			timeout 50ms
		}
		tenant own {
			host own.example
			script $dir/own.lua
			use_pool app
		}
	}
}`

func TestPoliciesOfTheConfigurationNeedNoLua(t *testing.T) {
	t.Setenv("SPLIT_SECRET", "0123456789abcdef")
	c := e2e.New(t)
	for _, name := range []string{"app", "v1", "v2"} {
		c.Serve(name, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/late" {
				<-r.Context().Done()
				return
			}
			fmt.Fprint(w, name)
		})
	}
	c.File("main.lua", `
		local route = require("luaroute")
		route:tenant("inner", { hosts = "inner.example", pool = "app" })
	`)
	c.File("own.lua", `
		local route = require("luaroute")
		route:get("/own", { body = "script" })
		route:any("/error", route.error(418))
	`)
	c.Start(configuredPolicies)

	const site, other = "Origin: https://app.example", "Origin: https://other.example"
	allowed := func(a e2e.Answer) string { return a.Header.Get("Access-Control-Allow-Origin") }
	preflight := func(host, origin string) e2e.Answer {
		return c.Send(http.MethodOptions, "/x", nil, "Host: "+host, origin, "Access-Control-Request-Method: PUT")
	}
	t.Run("cors of a tenant answers preflights, and replaces that of the instance", func(t *testing.T) {
		a := preflight("shop.example", site)
		if a.Want(204, ""); allowed(a) != "https://app.example" || a.Header.Get("Access-Control-Allow-Methods") != "PUT" {
			t.Error(a.Header)
		}
		if a := preflight("shop.example", other); a.Status != 403 || allowed(a) != "" {
			t.Error(a.Status, a.Header)
		}
		if a := c.Get("/", "Host: shop.example", other); a.Status != 200 || allowed(a) != "" {
			t.Error(a.Status, a.Header)
		}
	})
	t.Run("cors of the instance is for all others, scripts, pools and errors alike", func(t *testing.T) {
		for _, host := range []string{"own.example", "inner.example"} {
			if a := preflight(host, other); a.Status != 204 || allowed(a) != "*" {
				t.Error(host, a.Status, a.Header)
			}
		}
		for path, status := range map[string]int{"/own": 200, "/x": 200, "/error": 418} {
			if a := c.Get(path, "Host: own.example", other); a.Status != status || allowed(a) != "*" || a.Header.Get("Access-Control-Expose-Headers") != "X-All" {
				t.Error(path, a.Status, a.Header)
			}
		}
	})
	t.Run("a timeout of a tenant ends what is late, and replaces that of the instance", func(t *testing.T) {
		if a := c.Get("/late", "Host: late.example", site); a.Status != 504 || allowed(a) != "*" {
			t.Error(a.Status, a.Header)
		}
	})
	t.Run("a split divides by weights, and its cookie leads back", func(t *testing.T) {
		got := map[string]int{}
		for i := range 400 {
			first := c.Get("/", "Host: shop.example", fmt.Sprint("X-User: ", i))
			got[first.Body]++
			cookie, _, _ := strings.Cut(first.Header.Get("Set-Cookie"), ";")
			if i < 20 {
				c.Get("/", "Host: shop.example", "Cookie: "+cookie).Want(200, first.Body)
			}
		}
		if got["v2"] < 60 || got["v2"] > 140 || got["v1"]+got["v2"] != 400 {
			t.Error(got)
		}
	})
	t.Run("explain shows where they stand", func(t *testing.T) {
		a := c.Admin(http.MethodPost, "/luaroute/main/explain?format=text", `{"host": "shop.example", "path": "/x", "headers": {"X-User": "7"}}`)
		for _, want := range []string{"tenants.shop.cors", "tenants.shop.timeout", "tenants.shop.limit.few", "split", "v1"} {
			if !strings.Contains(a.Body, want) {
				t.Errorf("no %q in\n%s", want, a.Body)
			}
		}
	})
	t.Run("the list of routes has the split", func(t *testing.T) {
		if a := c.Admin(http.MethodGet, "/luaroute/main/routes?format=text", ""); !strings.Contains(a.Body, "split v1") {
			t.Error(a.Body)
		}
	})
}

func TestWhatIsWrongWithPoliciesOfTheConfigurationSaysWhere(t *testing.T) {
	t.Setenv("SHORT", "short")
	c := e2e.New(t)
	for config, want := range map[string]string{
		`{"handler": "luaroute", "cors": {"origins": ["app.example"]}, "tenants": [{"name": "a", "use_pool": "p"}]}`:                                                `cors: `,
		`{"handler": "luaroute", "tenants": [{"name": "a", "use_pool": "p", "timeout": {"body": true}}]}`:                                                           `tenants.a.timeout: after is 0s; expected a duration above 0`,
		`{"handler": "luaroute", "tenants": [{"name": "a", "split": {"parts": [{"weight": 1}]}}]}`:                                                                  `tenants.a.split: parts[0]: the name of the pool is missing`,
		`{"handler": "luaroute", "tenants": [{"name": "a", "split": {"parts": [{"pool": "p", "weight": 1}]}}]}`:                                                     `tenants.a: the part "p": no pool "p"; there are none`,
		`{"handler": "luaroute", "tenants": [{"name": "a", "use_pool": "p", "split": {"parts": []}}]}`:                                                              `tenant "a": use_pool and split exclude each other`,
		`{"handler": "luaroute", "tenants": [{"name": "a", "split": {"parts": [{"pool": "p", "weight": 1}], "sticky": {"cookie": "c", "secret": "{env.SHORT}"}}}]}`: `tenants.a.split: the secret has 5 bytes; expected 16 or more`,
	} {
		err := c.Load(c.JSON(`{"apps": {"http": {"servers": {"s": {"listen": [":$port"], "routes": [{"handle": [` + config + `]}]}}}}}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nis %v; want %s", config, err, want)
		}
	}
}
