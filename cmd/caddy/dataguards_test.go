package main

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestGuardsOfDataSeeMethodHostAddressShareAndTime(t *testing.T) {
	t.Parallel()
	c := e2e.New(t)
	c.File("main.lua", `
		local route = require("luaroute")
		local function guarded(name, guard) route:any("/" .. name, { when = guard }, { body = "yes" }) end
		guarded("method", { method = { "POST", "PURGE" } })
		guarded("ip", { ip = { "10.0.0.0/8", "127.0.0.1" } })
		guarded("stranger", { ip = "192.0.2.0/24" })
		guarded("scheme", { scheme = "http" })
		guarded("prefix", { header = { ["X-Version"] = { "2.*", "3" } } })
		guarded("none", { percent = 0 })
		guarded("everybody", { percent = 100 })
		guarded("past", { during = { to = "2001-01-01T00:00Z" } })
		guarded("now", { during = { from = "2001-01-01T00:00Z" } })
		guarded("not", { ["not"] = { query = { debug = true } } })
		guarded("any", { any = { { query = { a = "1" } }, { cookie = { a = "1" } } } })
		guarded("all", { all = { { method = "GET" }, { ip = "127.0.0.1" } }, host = "127.0.0.1" })
		route:any("/*", { status = 404, body = "no" })`)
	c.Start(`http:// {
		luaroute {
			name main
			script $dir/main.lua
		}
	}`)

	for _, row := range []struct{ method, target, header, want string }{
		{"POST", "/method", "", "yes"},
		{"GET", "/method", "", "no"},
		{"GET", "/ip", "", "yes"},
		{"GET", "/ip", "X-Forwarded-For: 192.0.2.1", "yes"},
		{"GET", "/stranger", "X-Forwarded-For: 192.0.2.1", "no"},
		{"GET", "/scheme", "", "yes"},
		{"GET", "/prefix", "X-Version: 2.7", "yes"},
		{"GET", "/prefix", "X-Version: 3", "yes"},
		{"GET", "/prefix", "X-Version: 3.1", "no"},
		{"GET", "/none", "", "no"},
		{"GET", "/everybody", "", "yes"},
		{"GET", "/past", "", "no"},
		{"GET", "/now", "", "yes"},
		{"GET", "/not", "", "yes"},
		{"GET", "/not?debug", "", "no"},
		{"GET", "/any?a=1", "", "yes"},
		{"GET", "/any", "Cookie: a=1", "yes"},
		{"GET", "/any?a=2", "Cookie: a=2", "no"},
		{"GET", "/all", "", "yes"},
		{"PUT", "/all", "", "no"},
	} {
		headers := []string{}
		if row.header != "" {
			headers = append(headers, row.header)
		}
		if got := c.Send(row.method, row.target, nil, headers...); got.Body != row.want {
			t.Errorf("%s %s with %q: %d %s; want %s", row.method, row.target, row.header, got.Status, got.Body, row.want)
		}
	}
	if got := c.Admin("POST", "/luaroute/main/explain", `{ "path": "/all", "method": "PUT", "remote_addr": "127.0.0.1:1", "host": "127.0.0.1" }`); !strings.Contains(got.Body, `"missed":"all (method GET; ip 127.0.0.1/32)"`) {
		t.Errorf("explain says %s", got.Body)
	}
}
