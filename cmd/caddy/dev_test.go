package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestInDevelopmentClientsOnThisMachineSeeErrorsAndTheWayOfARequest(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", c.Expand(`local route = require("luaroute")
		route:pool("app", { "$app" })
		route:get("/items/{id}", { name = "item" }, "app")
		route:get("/fails", function(req)
			local user = nil
			return 200, user.name .. "<script>alert(1)</script>"
		end)
		route:get("/raises", route.error(409, "<b>no</b>"))
		route:get("/late", function(req, res) res:write("begun") res:flush() error("late") end)`))
	c.Start(e2e.Site("dev"))
	if got, want := c.Get("/items/1").Header.Get("X-Luaroute"), c.Expand("- item app $dir/main.lua:3 proxied"); got != want {
		t.Errorf("the field is %q; want %q", got, want)
	}
	page := c.Get("/fails?x=<i>")
	for _, want := range []string{
		"<h1>500 Internal Server Error</h1>", "attempt to index local &#39;user&#39; (a nil value)", "main.lua:6", "    4  ", "route:get(&#34;/fails&#34;",
		"&lt;script&gt;alert(1)", "candidates", "/fails?x=",
	} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the page has no %s:\n%s", want, page.Body)
		}
	}
	if page.Status != 500 || strings.Contains(page.Body, "<script>") || strings.Contains(page.Body, "<i>") || page.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("status %d, header %v, %s", page.Status, page.Header, page.Body)
	}
	if got := page.Header.Get("X-Luaroute"); !strings.HasSuffix(got, "main.lua:4 error") {
		t.Errorf("the field is %q", got)
	}
	if raised := c.Get("/raises"); raised.Status != 409 || !strings.Contains(raised.Body, "&lt;b&gt;no") {
		t.Errorf("status %d, %s", raised.Status, raised.Body)
	}
	if answer := c.Send(http.MethodHead, "/fails", nil); answer.Status != 500 && answer.Status != 405 || answer.Body != "" {
		t.Errorf("HEAD is answered with %d %q", answer.Status, answer.Body)
	}
}

func TestInDevelopmentAllOthersSeeTheStatusAlone(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/fails", function() error("secret") end)`)
	text := strings.Replace(string(c.Caddyfile(e2e.Site("dev"))), `"protocols":["h1","h2"]`, `"protocols":["h1","h2"],"trusted_proxies":{"source":"static","ranges":["127.0.0.1"]}`, 1)
	c.MustLoad([]byte(text))
	answer := c.Get("/fails", "X-Forwarded-For: 203.0.113.7")
	if answer.Status != 500 || strings.Contains(answer.Body, "secret") || answer.Header.Get("X-Luaroute") != "" {
		t.Errorf("another client got %d %q %v", answer.Status, answer.Body, answer.Header)
	}
}

func TestDevelopmentIsRefusedAtAnAddressThatOthersReach(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/", { status = 204 })`)
	public := func(more string) error {
		return c.Load([]byte(strings.ReplaceAll(string(c.Caddyfile(e2e.Site(more))), "127.0.0.1:"+c.Expand("$port"), ":"+c.Expand("$port"))))
	}
	if err := public("dev"); err == nil || !strings.Contains(err.Error(), "`dev force`") {
		t.Errorf("it loads: %v", err)
	}
	if err := public("dev force"); err != nil {
		t.Error(err)
	}
}

func TestTheErrorPageExplainsTheRequestAsItCameBehindHandlePath(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `local route = require("luaroute")
		route:get("/fails", function(req) req:set_path("/elsewhere") error("x") end)`)
	c.Start(`http:// {
		handle_path /app/* {
			luaroute {
				script $dir/main.lua
				dev force
			}
		}
	}`)
	page := c.Get("/app/fails").Body
	if !strings.Contains(page, "/app/fails</b>") || !strings.Contains(page, "main.lua:2") || strings.Contains(page, "no route") || strings.Contains(page, "declined") {
		t.Errorf("the page is\n%s", page)
	}
}
