package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// secretive is the script of a tenant that leaves its mark wherever one can: in globals, libraries, modules, upvalues and req.ctx, all
// under names that its neighbours use, too. It fails to load where it finds a mark already. $me is what it writes.
const secretive = `
	assert(mark == nil and string.mark == nil, "somebody was here before")
	local route, shared = require("luaroute"), require("shared")
	assert(shared.mark == "$me", "the module of " .. shared.mark)
	mark, string.mark = "$me", "$me"
	function math.floor() return "$me" end
	local seen = { [shared.mark] = 0 }
	route:pool("app", { "$origin" })
	route:use(function(req)
		assert(req.ctx.mark == nil, "req.ctx of somebody")
		req.ctx.mark = mark
		shared.mine, seen[mark] = mark, seen[mark] + 1
	end)
	route:get("/marks", function(req)
		local all = { req.tenant, mark, string.mark, ("x").mark, math.floor(1.5), shared.mark, shared.mine, req.ctx.mark }
		for name in pairs(seen) do table.insert(all, name) end
		return 200, table.concat(all, " ")
	end)
	route:any("/*", "app")`

func TestTenantsWithScriptsOfTheirOwnNeverSeeEachOther(t *testing.T) {
	const tenants, clients, requests = 100, 8, 100
	c := e2e.New(t)
	var ofConfig []map[string]any
	var ofScript string
	for i := range tenants {
		me := fmt.Sprint("t", i)
		host := me + ".example"
		c.Serve("origin", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "origin of ", me) })
		c.Set("me", me)
		if i%2 == 0 {
			c.File(me+"/main.lua", secretive)
			c.File(me+"/shared.lua", `return { mark = "$me" }`)
			ofScript += fmt.Sprintf("route:tenant(%q, { hosts = %q, script = %q })\n", me, host, me+"/main.lua")
			continue
		}
		ofConfig = append(ofConfig, map[string]any{"name": me, "hosts": []string{host}, "sources": []any{map[string]any{
			"source": "inline", "name": "main.lua", "code": c.Expand(secretive),
			"modules": map[string]string{"shared": c.Expand(`return { mark = "$me" }`)},
		}}})
	}
	c.File("main.lua", "local route = require('luaroute')\nmark = nil\n"+ofScript)
	fleet, err := json.Marshal(ofConfig)
	if err != nil {
		t.Fatal(err)
	}
	c.MustLoad(c.JSON(`{"apps": {"http": {"servers": {"srv0": {"listen": ["127.0.0.1:$port"], "routes": [{"handle": [
		{"handler": "luaroute", "allow": {"upstreams": ["127.0.0.1"]}, "scripts": ["$dir/main.lua"], "tenants": ` + string(fleet) + `}]}]}}}}}`))

	ask := func(path, host, want string) {
		answer, err := c.Try(http.MethodGet, path, nil, "Host: "+host)
		if err != nil {
			t.Error(err)
			return
		}
		answer.Want(200, want)
	}
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range requests {
				me := fmt.Sprint("t", rand.IntN(tenants))
				ask("/marks", me+".example", strings.TrimSpace(strings.Repeat(me+" ", 9)))
				ask("/forwarded", me+".example", "origin of "+me)
			}
		})
	}
	wg.Wait()
}
