package main

import (
	"strings"
	"testing"

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
