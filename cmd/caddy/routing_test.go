package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestTheVersionInThePathChoosesThePool(t *testing.T) {
	c := e2e.New(t)
	c.Origin("v1")
	c.Origin("v2")
	c.Route(`
		local route = require("luaroute")
		route:pool("users-v1", { "$v1" })
		route:pool("users-v2", { "$v2" })
		local versions = { v1 = "users-v1", v2 = "users-v2" }
		route:any("/api/v1/{version}/users", function(req)
		  local pool = versions[req.params.version]
		  if pool then return pool end
		  return 404, "there is no version " .. req.params.version
		end)
	`)

	c.Get("/api/v1/v1/users").From("v1")
	got := c.Send(http.MethodPost, "/api/v1/v2/users?sort=name&sort=age&q=a%2Fb", strings.NewReader("name=Ada"),
		"Host: api.example", "Content-Type: application/x-www-form-urlencoded", "X-Trace: one", "X-Trace: two").From("v2")
	for what, is := range map[string]bool{
		"method":        got.Method == http.MethodPost,
		"path, query":   got.URI == "/api/v1/v2/users?sort=name&sort=age&q=a%2Fb",
		"body":          got.Body == "name=Ada" && got.Length == 8,
		"host":          got.Host == "api.example",
		"content type":  got.Header.Get("Content-Type") == "application/x-www-form-urlencoded",
		"header values": strings.Join(got.Header["X-Trace"], " ") == "one two",
		"forwarded for": got.Header.Get("X-Forwarded-For") == "127.0.0.1",
	} {
		if !is {
			t.Errorf("%s did not arrive intact: %+v", what, got)
		}
	}
	c.Get("/api/v1/v3/users").Want(404, "there is no version v3")
}

func TestADataRouteForwardsWithoutLua(t *testing.T) {
	c := e2e.New(t)
	c.Origin("shop")
	c.Origin("canary")
	c.Route(`
		local route = require("luaroute")
		route:pool("shop", { "$shop" })
		route:pool("canary", { "$canary" })
		route:any("/shop/*", { when = { header = { ["X-Canary"] = "always" } } }, "canary")
		route:any("/shop/*", "shop")
		route:get("/old/*", route.redirect("/shop/", 308))
		route:get("/hello", route.respond(200, "hello", { ["X-From"] = "script" }))
	`)

	c.Get("/shop/cart").From("shop")
	c.Get("/shop/cart", "X-Canary: always").From("canary")
	if a := c.Get("/old/cart"); a.Status != 308 || a.Header.Get("Location") != "/shop/" {
		t.Errorf("the redirect is %d to %q", a.Status, a.Header.Get("Location"))
	}
	hello := c.Get("/hello")
	hello.Want(200, "hello")
	if hello.Header.Get("X-From") != "script" {
		t.Errorf("the header of the response is %v", hello.Header)
	}
}

func TestAScriptRewritesTheRequestForItsPool(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$app" })
		route:any("/by/data/*", route.proxy("app", {
		  strip_prefix = "/by", method = "PUT", query = "from=data",
		  headers = { set = { ["X-Tenant"] = "acme" }, remove = { "X-Secret" } },
		  response_headers = { set = { ["X-Served"] = "luaroute" } },
		}))
		route:any("/by/function/*", function(req, res)
		  req:set_path("/function")
		  req:set_query("from", "function")
		  req:set_header("X-Tenant", "acme")
		  req:remove_header("X-Secret")
		  res.headers["X-Served"] = "luaroute"
		  return "app"
		end)
	`)

	for target, uri := range map[string]string{
		"/by/data/x?from=client":     "/data/x?from=data",
		"/by/function/x?from=client": "/function?from=function",
	} {
		answer := c.Get(target, "X-Secret: client", "X-Tenant: client")
		got := answer.From("app")
		if got.URI != uri || got.Header.Get("X-Tenant") != "acme" || got.Header.Get("X-Secret") != "" {
			t.Errorf("%s: the origin was asked %+v", target, got)
		}
		if served := answer.Header["X-Served"]; len(served) != 1 || served[0] != "luaroute" {
			t.Errorf("%s: X-Served is %q", target, served)
		}
	}
}

func TestPathAndMethodThatNoRouteHasAreAnswered(t *testing.T) {
	c := e2e.New(t)
	c.Route(`
		local route = require("luaroute")
		route:get("/users/{id}", function(req) return 200, req.params.id end)
		route:put("/users/{name}", function(req) return 200, "put " .. req.params.name end)
		route:route("/admin", function(admin)
		  admin:use(function(req) if not req:header("X-Key") then return 401, "no key" end end)
		  admin:get("/users", function() return 200, "all users" end)
		  admin:not_found(function(req) return 404, "admin has no " .. req.path end)
		end)
	`)

	c.Get("/users/ada").Want(200, "ada")
	c.Send(http.MethodPut, "/users/ada", nil).Want(200, "put ada")
	if head := c.Send(http.MethodHead, "/users/ada", nil); head.Status != 200 || head.Body != "" {
		t.Errorf("HEAD is answered with %d %q", head.Status, head.Body)
	}
	refused := c.Send(http.MethodDelete, "/users/ada", nil)
	refused.Want(405, "")
	if allow := refused.Header.Get("Allow"); allow != "GET, HEAD, PUT" {
		t.Errorf("Allow is %q", allow)
	}
	// No route, no not_found: the request is Caddy's, and Caddy answers an empty 200 where nothing is behind.
	c.Get("/users/ada/").Want(200, "")
	c.Get("/admin/users").Want(401, "no key")
	c.Get("/admin/secrets").Want(401, "no key")
	c.Get("/admin/users", "X-Key: k").Want(200, "all users")
	c.Get("/admin/secrets", "X-Key: k").Want(404, "admin has no /admin/secrets")
	// An escaped slash does not walk around the prefix.
	c.Get("/admin%2Fusers").Want(404, "")
	c.Get("/ADMIN/users").Want(404, "")
}

func TestAScriptAnswersPieceByPiece(t *testing.T) {
	c := e2e.New(t)
	c.Route(`
		local route = require("luaroute")
		route:get("/pieces", function(req, res)
		  res.status = 202
		  res:cookie{ name = "seen", value = "yes", path = "/" }
		  res:write("one,")
		  res:flush()
		  res:write("two")
		end)
		route:get("/json", function(req, res) res:json({ list = { 1, 2 }, text = "t" }) end)
	`)

	pieces := c.Get("/pieces")
	pieces.Want(202, "one,two")
	if cookie := pieces.Header.Get("Set-Cookie"); cookie != "seen=yes; Path=/" {
		t.Errorf("the cookie is %q", cookie)
	}
	answer := c.Get("/json")
	answer.Want(200, `{"list":[1,2],"text":"t"}`)
	if kind := answer.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("Content-Type is %q", kind)
	}
}

// inChunks hides the length of a body, so that it is sent in chunks.
func inChunks(body string) io.Reader { return struct{ io.Reader }{strings.NewReader(body)} }

func TestAMountedRouterBringsItsOwnAnswers(t *testing.T) {
	c := e2e.New(t)
	c.Route(`
		local route = require("luaroute")
		local api = route.new()
		route:mount("/one", api)
		route:mount("/two/{n}", api)
		api:use(function(req, res) res.headers["X-Api"] = "yes" end)
		api:post("/thing", function(req) return 200, "made " .. (req.params.n or "none") end)
		api:get("/broken", function() error("no") end)
		api:not_found(function(req) return 404, "api has no " .. req.path end)
		api:method_not_allowed(function() return 405, "api wants another method" end)
		api:on_error(route.respond(503, "api is broken"))
	`)
	for _, prefix := range []string{"/one", "/two/2"} {
		c.Get(prefix+"/nowhere").Want(404, "api has no "+prefix+"/nowhere")
		c.Get(prefix+"/thing").Want(405, "api wants another method")
		c.Get(prefix+"/broken").Want(503, "api is broken")
		if got := c.Get(prefix + "/nowhere").Header.Get("X-Api"); got != "yes" {
			t.Errorf("%s: the middleware of the router did not run", prefix)
		}
	}
	c.Send(http.MethodPost, "/one/thing", nil).Want(200, "made none")
	c.Send(http.MethodPost, "/two/2/thing", nil).Want(200, "made 2")
}
