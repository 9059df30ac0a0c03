package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// TestEachTenantHasKeysOfItsOwnAlsoWhenItComesBack counts under one key in the default tenant and in two others, over reloads, one of which
// leaves a tenant out, and beside explanations, which write nothing.
func TestEachTenantHasKeysOfItsOwnAlsoWhenItComesBack(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		local kv, route = require("kv"), require("luaroute")
		route:get("/", function() return 200, tostring(kv.incr("n")) .. " of " .. table.concat(kv.keys(), ",") end)
		route.expect({ path = "/" }, { status = 200 })`)
	site := func(tenants ...string) []byte {
		text := "script $dir/main.lua\n"
		for _, name := range tenants {
			text += "tenant " + name + " {\n\thost " + name + ".test\n\tscript $dir/main.lua\n}\n"
		}
		return c.Caddyfile("http:// {\nluaroute {\n" + text + "\n}\n}")
	}
	ask := func(host, want string) {
		t.Helper()
		c.Get("/", "Host: "+host+".test").Want(http.StatusOK, want+" of n")
	}
	c.MustLoad(site("a", "b"))
	for _, host := range []string{"a", "b", "none"} { // expectations have written nothing
		ask(host, "1")
		ask(host, "2")
	}
	ask("a", "3")
	for _, host := range []string{"a.test", "none.test"} {
		for range 2 {
			if got := c.Admin(http.MethodPost, "/luaroute/main/explain?run=true", `{"path":"/","host":"`+host+`"}`); got.Status != 200 || !strings.Contains(got.Body, `200`) {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
		}
	}
	ask("a", "4")
	ask("none", "3")
	c.MustLoad(site("b"))
	ask("b", "3")
	ask("a", "4") // of the default tenant
	c.MustLoad(site("b", "a"))
	ask("a", "5")
	ask("none", "5")
	if got := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); got.Status != 200 {
		t.Fatal(got.Body)
	}
	ask("a", "6")
	ask("b", "4")
}
