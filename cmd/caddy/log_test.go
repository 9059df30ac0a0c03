package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// What a script logs may come from a client. It is data on one line of the log, and text in a header that Caddy makes of it.
func TestWhatAScriptLogsIsNoLineOfItsOwn(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `local route, log = require("luaroute"), require("log")
		route:get("/x", function(req, res)
			local evil = req:header("X-Text"):gsub("|", "\r\n")
			req:log_field("field", evil)
			req:log_field(evil, 1)
			req:log_field("list", { evil, { [evil] = evil } })
			req:log_field("bytes", "a\255\0b")
			req:log_field("nothing", nil)
			req:log_field("number", 0/0)
			req:var("v", evil)
			log.info(evil, { field = evil })
			return 200, "fine"
		end)`)
	c.Start(`
		http:// {
			log
			header >X-Var {vars.v}
			luaroute {
				script $dir/main.lua
			}
		}`)
	answer := c.Get("/x", `X-Text: a|{"spoof":true}|X-Evil: 1`)
	answer.Want(200, "fine")
	if _, evil := answer.Header["X-Evil"]; evil || !strings.HasPrefix(answer.Header.Get("X-Var"), "a") {
		t.Errorf("the header is %q", answer.Header)
	}
	e2e.Until(t, "the request is logged", func() bool { return c.Logged(`"handled request"`) == 1 })
	if n := c.Logged("\n" + `{"spoof"`); n > 0 {
		t.Errorf("%d lines of the log are the client's", n)
	}
	const escaped = `a\r\n{\"spoof\":true}\r\nX-Evil: 1`
	for _, want := range []string{
		`"field":"` + escaped + `"`, `"` + escaped + `":1`, `"list":["` + escaped + `",{"` + escaped + `":"` + escaped + `"}]`,
		`"bytes":"a\ufffd\u0000b"`, `"nothing":null`, `"number":"NaN"`, `"msg":"` + escaped + `"`,
	} {
		if c.Logged(want) == 0 {
			t.Errorf("the log has no %s", want)
		}
	}
}

func TestNoLineOfALogIsAsLongAsAScriptLikes(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `local route = require("luaroute")
		local long = ("x"):rep(300 * 1024)
		route:get("/field", function(req)
			req:log_field("a", long)
			req:log_field("b", { { long } })
			req:log_field("c", { [long] = 1 })
			return 200, "fine"
		end)
		route:get("/fields", function(req)
			for i = 1, 3000 do req:log_field("field" .. i, i) end
			return 200, "fine"
		end)
		route:get("/error", function() return route.error(500, long) end)
		route:get("/raised", function() error(long) end)`)
	c.Start("http:// {\nlog\nluaroute {\nscript $dir/main.lua\nlimits {\ncpu 1m\n}\n}\n}\n")
	c.Get("/field").Want(200, "fine")
	c.Get("/fields").Want(200, "fine")
	c.Get("/error").Want(500, "")
	c.Get("/raised").Want(500, "")
	e2e.Until(t, "all requests are logged, and what was left out", func() bool {
		return c.Logged(`"handled request"`)+c.Logged(`"status":500`) >= 4 && c.Logged("scripts log too much") > 0
	})
	if c.Logged(strings.Repeat("x", 5000)) > 0 {
		t.Error("a long text is in the log")
	}
	if c.Logged(`"field500":500`) != 1 || c.Logged(`"field1025":1025`) != 0 {
		t.Error("of many fields not those are in the log that fit into 256 KiB")
	}
}

func TestAHandlerThatPanicsAtEachRequestDoesNotFloodTheLog(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `local route = require("luaroute")
		route:get("/", { when = route.matcher("e2e_bomb", {}) }, { body = "never" })`)
	c.Start(e2e.Site(""))
	start := time.Now()
	const requests = 50
	for range requests {
		if resp, err := c.Open(http.MethodGet, "/", nil); err == nil {
			_ = resp.Body.Close()
			t.Fatalf("got %s; want a connection that ends", resp.Status)
		}
	}
	seconds := int(time.Since(start)/time.Second) + 2
	if n := c.Logged("panic serving"); n == 0 || n > seconds {
		t.Errorf("%d panics are in the log, within less than %d s", n, seconds)
	}
	e2e.Until(t, "the others are counted", func() bool { return c.Logged(`"msg":"handlers panicked again`) > 0 })
	if c.Logged(`"panics":`) == 0 || c.Logged(`scriptreload_test.go:`) == 0 {
		t.Error("the log does not say how many panics there were, or where")
	}
}
