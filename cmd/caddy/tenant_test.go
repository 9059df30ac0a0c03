package main

import (
	"net/http"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestTenantsOfTheConfigurationAreAskedByHostAndPrefix(t *testing.T) {
	c := e2e.New(t)
	c.Origin("acme")
	c.Origin("globex")
	c.File("main.lua", `
		global = "of the default tenant"
		local route = require("luaroute")
		route:get("/shared", function(req) return 200, "default for " .. req.host end)
	`)
	c.File("acme.lua", `
		local route = require("luaroute")
		route:get("/who", function(req) return 200, req.tenant .. " sees " .. tostring(global) end)
		route:get("/app/*", "app")
		route:get("/page", route.handler("page"))
	`)
	c.Start(e2e.Site(`
		handler page {
			respond "the page of all"
		}
		tenant acme {
			host acme.example *.acme.example
			script $dir/acme.lua
			pool app $acme
			handler page {
				respond "the page of acme"
			}
		}
		tenant globex {
			path_prefix /globex
			strip_prefix
			pool app $globex
			use_pool app
		}`))

	for _, host := range []string{"acme.example", "ACME.example:8080", "shop.acme.example", "acme.example."} {
		c.Get("/who", "Host: "+host).Want(200, "acme sees nil")
	}
	c.Get("/who", "Host: a.b.acme.example").Want(200, "") // a wildcard stands for one label
	c.Get("/who").Want(200, "")
	c.Get("/page", "Host: acme.example").Want(200, "the page of acme")
	c.Get("/app/x", "Host: acme.example").From("acme")
	c.Get("/shared", "Host: acme.example").Want(200, "default for acme.example")

	if got := c.Send(http.MethodDelete, "/globex/a/b?q=1", nil).From("globex"); got.URI != "/a/b?q=1" {
		t.Errorf("the origin was asked for %s", got.URI)
	}
	if got := c.Get("/globex").From("globex"); got.URI != "/" {
		t.Errorf("the origin was asked for %s", got.URI)
	}
	c.Get("/globexes").Want(200, "")
	c.Get("/shared").Want(200, "default for 127.0.0.1")
}

func TestTenantsOfAScriptAreAskedByHostAndPrefix(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.Origin("own")
	c.File("tenants/isolated.lua", `
		local route = require("luaroute")
		route:pool("own", { "$own" })
		route:get("/who", function(req) return 200, req.tenant .. " sees " .. tostring(global) end)
		route:get("/own/*", "own")
		route:get("/outer/*", "app")
	`)
	c.File("main.lua", `
		global = "the default tenant"
		local route = require("luaroute")
		route:pool("app", { "$app" })
		route:tenant("everything", { hosts = { "all.example" }, pool = "app" })
		route:tenant("inline", { hosts = { "inline.example" }, path_prefix = "/v1", strip_prefix = true }, function(r)
		  r:pool("inner", { "$own" })
		  r:get("/who", function(req) return 200, req.tenant .. " sees " .. global end)
		  r:get("/inner/{id}", "inner")
		  r:not_found(function(req) return 404, "inline has no " .. req.path end)
		end)
		route:tenant("isolated", { hosts = { "isolated.example" }, script = "tenants/isolated.lua" })
		route:tenant("through", { hosts = { "*.example" }, priority = -1, fallthrough = true }, function(r)
		  r:get("/through", function() return 200, "through" end)
		end)
		route:get("/default", function(req) return 200, "default, tenant is '" .. req.tenant .. "'" end)
	`)
	c.Start(e2e.Site("allow {\nupstreams 127.0.0.1\n}"))

	c.Get("/anything", "Host: all.example").From("app")
	c.Get("/v1/who", "Host: inline.example").Want(200, "inline sees the default tenant")
	if got := c.Get("/v1/inner/7", "Host: inline.example").From("own"); got.URI != "/inner/7" {
		t.Errorf("the origin was asked for %s", got.URI)
	}
	c.Get("/v1/none", "Host: inline.example").Want(404, "inline has no /v1/none")
	c.Get("/default", "Host: inline.example").Want(200, "default, tenant is ''")
	c.Get("/who", "Host: isolated.example").Want(200, "isolated sees nil")
	c.Get("/own/x", "Host: isolated.example").From("own")
	c.Get("/outer/x", "Host: isolated.example").From("app")
	c.Get("/through", "Host: other.example").Want(200, "through")
	c.Get("/default", "Host: other.example").Want(200, "default, tenant is ''")
}

func TestHandlerBlocksAreActionsAndMiddleware(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", `
		local route = require("luaroute")
		route:pool("app", { "$app" })
		local hello = route.handler("hello")
		route:get("/hello", hello)
		route:get("/decided", function() return hello end)
		route:get("/named", function() return route.handler("hello") end)
		route:with(route.handler("door")):get("/behind", function(req) return 200, "behind, " .. req:header("X-Door") end)
		route:with(route.handler("door")):get("/closed", function() return 200, "never" end)
		route:with(route.handler("encode", { encodings = { gzip = {} }, minimum_length = 1 })):get("/zipped", "app")
		route:get("/static", route.handler("static_response", { status_code = 201, body = "of a module" }))
	`)
	c.Start(e2e.Site(`
		handler hello {
			header X-Handler hello
			respond "hello {uri}"
		}
		handler door {
			request_header X-Door passed
			respond /closed "the door is closed" 403
		}`))

	hello := c.Get("/hello?q=1")
	hello.Want(200, "hello /hello?q=1")
	if hello.Header.Get("X-Handler") != "hello" {
		t.Errorf("the header is %v", hello.Header)
	}
	c.Get("/decided").Want(200, "hello /decided")
	c.Get("/named").Want(200, "hello /named")
	c.Get("/behind").Want(200, "behind, passed")
	c.Get("/closed").Want(403, "the door is closed")
	c.Get("/static").Want(201, "of a module")
	zipped := c.Get("/zipped", "Accept-Encoding: gzip")
	if zipped.Status != 200 || zipped.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("the answer is %d with %v", zipped.Status, zipped.Header)
	}
}

func TestScriptsReadTheVariablesThatAreListed(t *testing.T) {
	t.Setenv("LUAROUTE_REGION", "eu")
	t.Setenv("LUAROUTE_SECRET", "secret")
	c := e2e.New(t)
	c.File("main.lua", `
		local route = require("luaroute")
		local region = route.env("LUAROUTE_REGION")
		local ok, err = pcall(function() return route.env("LUAROUTE_SECRET") end)
		route:get("/region", function() return 200, region end)
		route:get("/secret", function() return 200, tostring(ok) .. " " .. tostring(err) end)
		route:get("/unset", { name = tostring(route.env("LUAROUTE_UNSET")) }, function(req) return 200, req.route end)
	`)
	c.Start(e2e.Site("env LUAROUTE_REGION LUAROUTE_UNSET"))

	c.Get("/region").Want(200, "eu")
	c.Get("/unset").Want(200, "nil")
	c.Get("/secret").Want(200, c.Expand(`false $dir/main.lua:4: env "LUAROUTE_SECRET": the configuration allows LUAROUTE_REGION, LUAROUTE_UNSET`))
}

func TestOnErrorDecidesWhatAScriptErrorDoes(t *testing.T) {
	const script = `
		local route = require("luaroute")
		route:pool("spare", { "$spare" })
		route:get("/handler", function() error("broken") end)
		route:with(function() error("broken") end):get("/middleware", function() return 200, "went on" end)
		route:get("/guard", { when = function() error("broken") end }, function() return 200, "accepted" end)
		route:get("/own", { on_error = "closed" }, function() error("broken") end)
	`
	for policy, want := range map[string]map[string]string{
		"closed":     {"/handler": "500", "/middleware": "500", "/guard": "500", "/own": "500"},
		"open":       {"/handler": "behind", "/middleware": "went on", "/guard": "accepted", "/own": "500"},
		"decline":    {"/handler": "behind", "/middleware": "behind", "/guard": "behind", "/own": "500"},
		"pool spare": {"/handler": "spare", "/middleware": "spare", "/guard": "spare", "/own": "500"},
	} {
		t.Run(policy, func(t *testing.T) {
			c := e2e.New(t)
			c.Serve("spare", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("spare")) })
			c.File("main.lua", script)
			c.Start(`http:// {
				luaroute {
					script $dir/main.lua
					on_error ` + policy + `
				}
				respond "behind"
			}`)
			for path, body := range want {
				status := 200
				if body == "500" {
					status, body = 500, ""
				}
				c.Get(path).Want(status, body)
			}
		})
	}
}

func TestAHandlerOfTheConfigurationMayBeAnotherInstance(t *testing.T) {
	c := e2e.New(t)
	c.File("inner.lua", `require("luaroute"):get("/inner", function() return 200, "inner" end)`)
	c.File("main.lua", `
		local route = require("luaroute")
		route:get("/inner", route.handler("other"))
		route:get("/", function() return 200, "outer" end)`)
	c.Start(e2e.Site("handler other {\nluaroute {\nname inner\nscript $dir/inner.lua\n}\n}"))
	c.Get("/inner").Want(200, "inner")
	c.Get("/").Want(200, "outer")
}
