package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

// waysToForward are the bodies of tenants that forward what is below /w to the pool $P, in every way there is. A way with a function
// does $CHANGE before; one that is made of actions may write $ACTION for the pool.
var waysToForward = map[string]string{
	"a route":                      `r:any("/w/*", "$P")`,
	"a route's action":             `r:any("/w/*", route.proxy("$P"))`,
	"a function's text":            `r:any("/w/*", function(req) $CHANGE; return "$P" end)`,
	"a function's action":          `r:any("/w/*", function(req) $CHANGE; return $ACTION end)`,
	"an action":                    `r:any("/w/*", $ACTION)`,
	"middleware":                   `r:with(function(req) $CHANGE; return $ACTION end):any("/w/*", route.respond(500))`,
	"a wrapper":                    `r:with(function(req, res, next) $CHANGE; next() end):any("/w/*", $ACTION)`,
	"not_found":                    `r:get("/other", "$P") r:not_found($ACTION)`,
	"not_found's function":         `r:get("/other", "$P") r:not_found(function(req) $CHANGE; return $ACTION end)`,
	"method_not_allowed":           `r:put("/w/*", route.respond(500)) r:method_not_allowed($ACTION)`,
	"method_not_allowed, function": `r:put("/w/*", route.respond(500)) r:method_not_allowed(function(req) $CHANGE; return $ACTION end)`,
	"on_error":                     `r:on_error($ACTION) r:any("/w/*", route.error(500))`,
	"on_error after a pool":        `r:on_error($ACTION) r:any("/w/*", "dead")`,
	"on_error's function":          `r:on_error(function(req) $CHANGE; return $ACTION end) r:any("/w/*", "dead")`,
	"on_error of a route":          `r:any("/w/*", { on_error = { pool = "$P" } }, function() error("x") end)`,
	"on_error of an action":        `r:any("/w/*", route.proxy("dead", { on_error = { pool = "$P" } }))`,
	"a scope":                      `r:route("/w", function(s) s:any("/*", $ACTION) end)`,
	"a scope's not_found":          `r:route("/w", function(s) s:get("/other", "$P") s:not_found($ACTION) end)`,
	"a group":                      `r:group(function(g) g:any("/w/*", $ACTION) end)`,
	"a group's not_found":          `r:group(function(g) g:get("/other", "$P") g:not_found($ACTION) end)`,
	"a mount":                      `local m = route.new() m:any("/*", $ACTION) r:mount("/w", m)`,
	"a layer":                      `r:when({ header = { ["X-Layer"] = "1" } }, function(l) l:any("/w/*", $ACTION) end)`,
	"a layer's not_found":          `r:when({ header = { ["X-Layer"] = "1" } }, function(l) l:get("/other", "$P") l:not_found($ACTION) end)`,
	"a host's layer":               `r:host("*.example", function(l) l:any("/w/*", $ACTION) end)`,
	"after a decline":              `r:any("/w/{x}", function(req) req:set_path("/lost") return route.decline end) r:any("/w/*", $ACTION)`,
}

// actionRewrites are what route.proxy changes, and what the upstream is asked for GET /t/w/a%2Fb?q=1 then, by a tenant with
// strip_prefix and by one without.
var actionRewrites = map[string][2]string{
	``:                      {"GET /w/a%2Fb?q=1", "GET /t/w/a%2Fb?q=1"},
	`strip_prefix = "/w"`:   {"GET /a%2Fb?q=1", "GET /t/w/a%2Fb?q=1"},
	`strip_prefix = "/t/w"`: {"GET /w/a%2Fb?q=1", "GET /a%2Fb?q=1"},
	`path = "/n m"`:         {"GET /n%20m?q=1", "GET /n%20m?q=1"},
	`query = { a = "b c" }`: {"GET /w/a%2Fb?a=b+c", "GET /t/w/a%2Fb?a=b+c"},
	`query = ""`:            {"GET /w/a%2Fb", "GET /t/w/a%2Fb"},
	`method = "PURGE"`:      {"PURGE /w/a%2Fb?q=1", "PURGE /t/w/a%2Fb?q=1"},
	`headers = { set = { ["X-S"] = "s" }, remove = "X-Layer" }`: {"GET /w/a%2Fb?q=1 s", "GET /t/w/a%2Fb?q=1 s"},
}

// functionRewrites are what functions change before they name the pool.
var functionRewrites = map[string][2]string{
	`req:set_path("/t/w/n m")`:                {"GET /w/n%20m?q=1", "GET /t/w/n%20m?q=1"},
	`req:set_path("/elsewhere")`:              {"GET /elsewhere?q=1", "GET /elsewhere?q=1"},
	`req:set_uri("/t/w/c%2Fd?r=2")`:           {"GET /w/c%2Fd?r=2", "GET /t/w/c%2Fd?r=2"},
	`req:set_query("q", "2 3")`:               {"GET /w/a%2Fb?q=2+3", "GET /t/w/a%2Fb?q=2+3"},
	`req:set_raw_query("a;b=%20")`:            {"GET /w/a%2Fb?a;b=%20", "GET /t/w/a%2Fb?a;b=%20"},
	`req:set_header("X-S", "s")`:              {"GET /w/a%2Fb?q=1 s", "GET /t/w/a%2Fb?q=1 s"},
	`req:set_method("PUT") req:set_body("b")`: {"PUT /w/a%2Fb?q=1 b", "PUT /t/w/a%2Fb?q=1 b"},
}

// TestEveryWayToForwardRewritesAlike has a tenant for each way, each rewrite and each pool, and asks each once.
func TestEveryWayToForwardRewritesAlike(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.Set("down", ports.Dead(t))
	var script strings.Builder
	script.WriteString(`local route = require("luaroute")
		route:pool("plain", { "$app" }) route:pool("based", { "$app/base" }) route:pool("dead", { "$down" })` + "\n")
	type row struct{ what, want string }
	var rows []row
	add := func(way, body, change, action, want string, strip bool) {
		for pool, base := range map[string]string{"plain": "", "based": "/base"} {
			host := fmt.Sprintf("t%d.example", len(rows))
			text := strings.NewReplacer("$CHANGE", change, "$ACTION", action, "$P", pool).Replace(strings.ReplaceAll(body, "$ACTION", action))
			fmt.Fprintf(&script, "route:tenant(%q, { hosts = { %q }, path_prefix = \"/t\", strip_prefix = %t }, function(r) %s end)\n", host, host, strip, text)
			rows = append(rows, row{fmt.Sprintf("%s, %s %s, strip %t, pool %s", way, change, action, strip, pool), strings.Replace(want, " ", " "+base, 1)})
		}
	}
	for way, body := range waysToForward {
		for i, strip := range []bool{true, false} {
			for options, want := range actionRewrites {
				if options == "" || strings.Contains(body, "$ACTION") {
					add(way, body, "", `route.proxy("$P", {`+options+`})`, want[i], strip)
				}
			}
			for change, want := range functionRewrites {
				if strings.Contains(body, "$CHANGE") {
					add(way, body, change, `"$P"`, want[i], strip)
				}
			}
		}
	}
	c.Route(script.String())

	for i, row := range rows {
		got := c.Get("/t/w/a%2Fb?q=1", fmt.Sprintf("Host: t%d.example", i), "X-Layer: 1").From("app")
		seen := strings.TrimSpace(got.Method + " " + got.URI + " " + got.Header.Get("X-S") + got.Body)
		if seen != row.want {
			t.Errorf("%s: the upstream was asked %s; want %s", row.what, seen, row.want)
		}
	}
}

func TestWhatIsLeftOfAPrefixStandsBehindTheBasePath(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.File("old.lua", `function on_route_request() return { selected_backend = "based" } end`)
	c.File("main.lua", `
		local route = require("luaroute")
		route:any("/graphql/v1/*", route.proxy("based", { strip_prefix = "/graphql/v1" }))
		route:any("/graphql/v1", function() return route.proxy("based", { strip_prefix = "/graphql/v1" }) end)
		route:any("/plain/*", route.proxy("plain", { strip_prefix = "/plain" }))
		route:any("/plain", route.proxy("plain", { strip_prefix = "/plain" }))
		route:any("/root", route.proxy("based", { path = "/" }))
		route:tenant("t", { path_prefix = "/t", strip_prefix = true, pool = "based" })
		route:tenant("f", { path_prefix = "/f", strip_prefix = true }, function(r) r:any("/*", function() return "based" end) end)`)
	c.Start(e2e.Site(`pool based $app/rpc/graphql
	pool plain $app
	tenant old {
		path_prefix /old
		strip_prefix
		script $dir/old.lua
	}`))

	for path, want := range map[string]string{
		"/graphql/v1": "/rpc/graphql", "/graphql/v1/": "/rpc/graphql/", "/graphql/v1/a%2Fb": "/rpc/graphql/a%2Fb", "/graphql/v1?q": "/rpc/graphql?q",
		"/t": "/rpc/graphql", "/t/": "/rpc/graphql/", "/t//evil.example": "/rpc/graphql/evil.example", "/f": "/rpc/graphql", "/old": "/rpc/graphql",
		"/plain": "/", "/plain/": "/", "/plain//evil.example": "/evil.example", "/root": "/rpc/graphql/",
	} {
		if got := c.Send(http.MethodGet, path, nil).From("app"); got.URI != want {
			t.Errorf("%s: the upstream was asked for %s; want %s", path, got.URI, want)
		}
	}
}
