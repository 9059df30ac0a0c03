package main

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

func TestHandleErrorsSeesTheErrorsOfRoutes(t *testing.T) {
	c := e2e.New(t)
	c.Set("down", ports.Dead(t))
	c.File("main.lua", `
		local route = require("luaroute")
		route:pool("down", { "$down" })
		route:get("/declared", route.error(418, "short and stout"))
		route:get("/decided", function() return route.error(451, "not here") end)
		route:get("/down", "down")
		route:get("/fails", function() error("secret of the script") end)
		route:post("/posted", route.respond(204))
		route:with(function() return route.error(403, "stopped") end):get("/guarded", route.respond(200))
		route:route("/own", function(own)
		  own:on_error(function() return 503, "answered by the script" end)
		  own:get("/error", route.error(500, "for the scope"))
		end)
	`)
	c.Start(`http:// {
		luaroute {
			script $dir/main.lua
		}
		handle_errors {
			header X-Message "{err.message}"
			respond "error {err.status_code}" {err.status_code}
		}
	}`)

	for path, want := range map[string]struct {
		status  int
		message string
	}{
		"/declared": {418, "short and stout"},
		"/decided":  {451, "not here"},
		"/guarded":  {403, "stopped"},
	} {
		answer := c.Get(path)
		answer.Want(want.status, "error "+strconv.Itoa(want.status))
		if message := answer.Header.Get("X-Message"); message != want.message {
			t.Errorf("%s: the message is %q; want %q", path, message, want.message)
		}
	}
	c.Get("/down").Want(502, "error 502")
	c.Get("/fails").Want(500, "error 500")
	c.Get("/posted").Want(405, "error 405")
	c.Get("/own/error").Want(503, "answered by the script")
}

func TestAScriptErrorIs500AndOnlyTheLogKnowsWhy(t *testing.T) {
	c := e2e.New(t)
	c.Route(`local route = require("luaroute")
		route:get("/handler", function() error("secret of the script") end)
		route:get("/index", function(req) return req.params.none.secret end)
		route:get("/value", function() return "secret pool" end)
		route:get("/nothing", function() end)
		route:with(function() error({ secret = true }) end):get("/middleware", route.respond(200))
		route:get("/guard", { when = function() error("secret") end }, route.respond(200))
		route:get("/wrapper", route.respond(200))
		route:get("/late", function(req, res) res:write("begun "); res:flush(); error("secret") end)
		route:get("/busy", function() while true do end end)
	`)

	for path, status := range map[string]int{
		"/handler": 500, "/index": 500, "/value": 500, "/nothing": 500, "/middleware": 500, "/guard": 500, "/busy": 503,
	} {
		answer := c.Get(path)
		answer.Want(status, "")
		if again := answer.Header.Get("Retry-After") != ""; again != (status == 503) {
			t.Errorf("%s: Retry-After is there: %t", path, again)
		}
	}
	// What has begun is broken off, so that the client does not take it for the whole.
	if answer, err := c.Try(http.MethodGet, "/late", nil); err == nil || strings.Contains(answer.Body, "secret") {
		t.Errorf("the answer that failed late is %d %q, whole", answer.Status, answer.Body)
	}
	for _, want := range []string{"main.lua:2: secret of the script", "main.lua:3: ", "main.lua:5: ", "no pool"} {
		if c.Logged(want) == 0 {
			t.Errorf("the log does not say %q", want)
		}
	}
}

func TestRoutesStandBesideOtherHandlers(t *testing.T) {
	c := e2e.New(t)
	c.File("www/index.html", "the index")
	c.File("www/page.txt", "a page")
	c.File("www/both.txt", "a file")
	c.File("main.lua", `
		local route = require("luaroute")
		route:get("/both.txt", function() return 200, "a route" end)
		route:get("/maybe", { when = { query = { route = "yes" } } }, function() return 200, "a route" end)
		route:get("/next", function() return route.next end)
		route:get("/declines", function(req, res)
		  res.headers["X-Declined"] = "yes"
		  req:set_path("/elsewhere")
		  return route.decline
		end)
		route:with(function(req, res, next) res.headers["X-Around"] = "next"; next() end):get("/page.txt", route.next)
	`)
	c.Start(`http:// {
		header X-Site here
		root $dir/www
		luaroute {
			script $dir/main.lua
		}
		respond /maybe "from respond"
		respond /next "from next"
		respond /declines "from behind" 203
		respond /elsewhere "walked around"
		file_server
	}`)

	c.Get("/both.txt").Want(200, "a route")
	c.Get("/").Want(200, "the index")
	c.Get("/none.txt").Want(404, "")
	c.Get("/maybe?route=yes").Want(200, "a route")
	c.Get("/maybe").Want(200, "from respond")
	c.Get("/next").Want(200, "from next")
	page := c.Get("/page.txt")
	page.Want(200, "a page")
	if page.Header.Get("X-Around") != "next" || page.Header.Get("X-Site") != "here" {
		t.Errorf("the header of what is behind is %v", page.Header)
	}
	declined := c.Get("/declines")
	declined.Want(203, "from behind")
	if declined.Header.Get("X-Declined") != "" {
		t.Error("a header of a route that declined has left")
	}
}

func TestNoSpellingOfAPathReachesAFileThatAScopeGuards(t *testing.T) {
	c := e2e.New(t)
	c.File("www/admin/secret.txt", "a secret")
	c.File("www/page.txt", "a page")
	site := `http:// {
		root $dir/www
		luaroute {
			script $dir/main.lua
		}
		file_server
	}`
	for name, handsOn := range map[string]string{
		"falling through": "",
		"a catch-all":     `route:any("/*", route.next)`,
		"a function":      `route:any("/*", function() return route.next end)`,
		"not_found":       `route:not_found(route.next)`,
		"a layer":         `route:when(function() return true end, function(r) r:any("/{page}", route.next) end)`,
	} {
		t.Run(name, func(t *testing.T) {
			c.File("main.lua", `
				local route = require("luaroute")
				route:route("/admin", function(admin)
				  admin:use(function(req) if not req:header("X-Key") then return 401 end end)
				  admin:any("/*", route.next)
				end)
				`+handsOn)
			c.Start(site)
			c.Get("/page.txt").Want(200, "a page")
			c.Get("/admin/secret.txt", "X-Key: k").Want(200, "a secret")
			c.Get("/admin/secret.txt").Want(401, "")
			for _, path := range []string{
				"/admin%2Fsecret.txt", "/x%2F..%2Fadmin/secret.txt", "/%2Fadmin/secret.txt", "/ADMIN/secret.txt", "/%61dmin%2fsecret.txt",
				"/admin%2Fsecret.txt/x/..",
			} {
				if answer := c.Get(path); answer.Status != 404 && answer.Status != 401 {
					t.Errorf("%s: %d %q", path, answer.Status, answer.Body)
				}
			}
		})
	}
}

func TestTheRouteDirectiveOrdersRoutesByHand(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/*", function(req) return 200, "lua " .. req.path end)`)
	c.Start(`http:// {
		route {
			respond /first "before"
			luaroute /lua* {
				script $dir/main.lua
			}
			respond "behind"
		}
	}`)

	c.Get("/first").Want(200, "before")
	c.Get("/lua/x").Want(200, "lua /lua/x")
	c.Get("/other").Want(200, "behind")
}

func TestTwoInstancesShareASite(t *testing.T) {
	c := e2e.New(t)
	c.File("one.lua", `shared = 1
		require("luaroute"):get("/one", function() return 200, "one sees " .. tostring(other) end)`)
	c.File("two.lua", `other = 2
		local route = require("luaroute")
		route:get("/one", function() return 200, "never reached" end)
		route:get("/two", function() return 200, "two sees " .. tostring(shared) end)`)
	c.Start(`http:// {
		luaroute {
			name one
			script $dir/one.lua
		}
		luaroute {
			name two
			script $dir/two.lua
		}
	}`)

	c.Get("/one").Want(200, "one sees nil")
	c.Get("/two").Want(200, "two sees nil")
}

func TestOneNameStandsForOneConfiguration(t *testing.T) {
	c := e2e.New(t)
	c.File("one.lua", `require("luaroute"):get("/", function() return 200, "one" end)`)
	c.File("two.lua", `require("luaroute"):get("/", function() return 200, "two" end)`)
	site := func(path, script string) string {
		return "luaroute " + path + " {\nscript $dir/" + script + "\n}\n"
	}

	c.Start("http:// {\n" + site("/", "one.lua") + "}")
	err := c.Load(c.Caddyfile("http:// {\n" + site("/a", "one.lua") + site("/b", "two.lua") + "}"))
	if err == nil || !strings.Contains(err.Error(), `two luaroute handlers have the name "main" and different configurations`) {
		t.Errorf("the error is %v", err)
	}
	c.Get("/").Want(200, "one") // the old configuration serves
}
