package main

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestAnErrorAfterAPieceThatHasNotLeftIsAnsweredOverBothProtocols(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		local route = require("luaroute")
		route:get("/small", function(req, res) res.headers["X-Own"] = "1" res:write("secret") error("no") end)
		route:get("/both", function(req, res) res:write("secret") return 204 end)
		route:get("/flushed", function(req, res) res:write("begun") res:flush() error("no") end)
		route:get("/large", function(req, res) res:write(("x"):rep(100000)) error("no") end)
		route:get("/good", function(req, res) res:write("a") res:write("b") end)`)
	c.Options = localCerts
	c.Start(`http://localhost, https://localhost {
		luaroute {
			script $dir/main.lua
		}
		handle_errors {
			respond "sorry {err.status_code}"
		}
	}`)
	trustLocalCA(t, c)
	for _, site := range []string{"http://localhost:$port", "https://localhost:$tls"} {
		c.Get(site+"/good").Want(200, "ab")
		for _, path := range []string{"/small", "/both"} {
			a := c.Get(site + path)
			a.Want(500, "sorry 500")
			if own := a.Header.Get("X-Own"); path == "/small" && own != "1" {
				t.Errorf("%s%s: what the function has set is not on the error: %v", site, path, a.Header)
			}
		}
		for _, path := range []string{"/flushed", "/large"} {
			if a, err := c.Try("GET", site+path, nil); err == nil {
				t.Errorf("%s%s: got a whole response, %d %q", site, path, a.Status, a.Body)
			}
		}
	}
}
