package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestFunctionsChangeTheHeaderAsItLeaves(t *testing.T) {
	c := e2e.New(t)
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Server"] = []string{"secret"}
		w.Header().Set("X-Both", "origin")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "body")
	})
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$app" })
		route:use(function(req, res)
		  res:on_headers(function(res) res.headers["X-Order"] = (res.headers["X-Order"] or "") .. "outer " .. res.status end)
		end)
		route:use(function(req, res)
		  res.headers["X-Both"] = "script"
		  res.headers["X-Many"] = { "1", "2" }
		  res:cookie({ name = "a", value = "b" })
		  res:on_headers(function(res)
		    res.headers["Server"] = nil
		    res.headers["X-Order"] = "inner " .. res.status .. ", "
		    if req.query_value(req, "hide") then res.status = 404 end
		    if req:query_value("boom") then error("a secret of the script") end
		  end)
		end)
		route:get("/app", "app")
		route:get("/lua", function(req, res) res:write("written") end)
		route:get("/data", route.respond(201, "data"))
	`)
	answer := c.Get("/app")
	answer.Want(418, "body")
	for name, want := range map[string]string{"Server": "", "X-Both": "script", "X-Many": "1,2", "X-Order": "inner 418, outer 418", "Set-Cookie": "a=b"} {
		if got := strings.Join(answer.Header.Values(name), ","); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	hidden := c.Get("/app?hide=1")
	hidden.Want(404, "body")
	if got := hidden.Header.Get("X-Order"); got != "inner 418, outer 404" {
		t.Errorf("the outer function saw %q", got)
	}
	c.Get("/lua").Want(200, "written")
	c.Get("/data").Want(201, "data")
	for _, path := range []string{"/app", "/lua", "/data"} {
		failed := c.Get(path + "?boom=1")
		failed.Want(500, "")
		if h := failed.Header; h.Get("X-Both") != "script" || h.Get("Set-Cookie") != "a=b" || h.Get("X-Order") != "outer 500" || h.Get("Server") == "secret" {
			t.Errorf("%s: the header of the error is %v", path, h)
		}
	}
	if c.Logged("a secret of the script") == 0 {
		t.Error("the error of the script is not in the log")
	}
}

func TestFunctionsChangeTheBodyWhileItStreams(t *testing.T) {
	c := e2e.New(t)
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"v1"`)
		if r.Header.Get("Range") != "" || r.Header.Get("If-None-Match") != "" {
			t.Errorf("the origin was asked for something else than the whole body: %v", r.Header)
		}
		switch r.URL.Path {
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
			return
		case "/none":
			return
		}
		for i := range 3 {
			fmt.Fprintf(w, "part %d\n", i)
			w.(http.Flusher).Flush()
		}
	})
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$app" })
		route:use(function(req, res)
		  local lasts = 0
		  res:on_body(function(chunk, last)
		    if last then lasts = lasts + 1; return chunk .. "last " .. lasts end
		    if req:query_value("boom") and chunk:find("1") then error("boom") end
		    return chunk:upper()
		  end)
		end)
		route:any("/lua", function(req, res) res:write("a"); res:write("b") end)
		route:any("/*", "app")
	`)
	const whole = "PART 0\nPART 1\nPART 2\nlast 1"
	answer := c.Get("/parts", "Range: bytes=0-1", `If-None-Match: "v1"`)
	answer.Want(200, whole)
	if answer.Header.Get("Etag") != "" || answer.Header.Get("Content-Length") != "" && answer.Header.Get("Content-Length") != fmt.Sprint(len(whole)) {
		t.Errorf("the header is that of another body: %v", answer.Header)
	}
	c.Get("/lua").Want(200, "ABlast 1")
	c.Get("/none").Want(200, "last 1")
	c.Get("/empty").Want(204, "")
	c.Send(http.MethodHead, "/parts", nil).Want(200, "")
	if answer, err := c.Try(http.MethodGet, "/parts?boom=1", nil); err == nil {
		t.Errorf("a body that could not be finished looks whole: %q", answer.Body)
	}
}

func TestFunctionsLearnHowARequestEnded(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$app" })
		route:pool("down", { "127.0.0.1:1" })
		route:use(function(req, res)
		  req.ctx.path = req.path
		  res:on_done(function(info)
		    print("done " .. req.ctx.path .. " " .. info.status .. " " .. (info.bytes > 0 and "some" or "none") ..
		      " " .. tostring(info.upstream == "$app") .. " " .. tostring(info.error ~= nil) .. " " .. tostring(info.duration > 0) ..
		      " " .. tostring(pcall(function() return req.method end)))
		  end)
		end)
		route:get("/app", "app")
		route:get("/down", "down")
		route:get("/lua", function() return 202, "x" end)
		route:get("/declined", function() return route.decline end)
	`)
	c.Get("/app").From("app")
	c.Get("/down").Want(502, "")
	c.Get("/lua").Want(202, "x")
	c.Get("/declined").Want(200, "")
	for _, want := range []string{
		"done /app 200 some true false true false", "done /down 502 none false true true false", "done /lua 202 some false false true false",
	} {
		e2e.Until(t, want, func() bool { return c.Logged(want) == 1 })
	}
	if c.Logged("done /declined") != 0 {
		t.Error("a function of a candidate that declined was called")
	}
}

func TestNextWorksWhereverLuaRuns(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$app" })
		route:use(function(req, res, next)
		  local co = coroutine.wrap(function() coroutine.yield(next()) return "end" end)
		  print("coroutine " .. tostring(co()) .. " " .. co() .. " " .. req.path)
		end)
		route:use(function(req, res, next)
		  local sorted = { 3, 1, 2 }
		  local called = false
		  table.sort(sorted, function(a, b)
		    if not called then called = true; assert(pcall(next)) end
		    return a < b
		  end)
		  print("sort " .. table.concat(sorted, ","))
		end)
		route:get("/app", "app")
		route:get("/lua", function(req, res)
		  local write = coroutine.wrap(function() res:write("a"); coroutine.yield(); res:write("b") end)
		  write(); write()
		end)
	`)
	c.Get("/app").From("app")
	c.Get("/lua").Want(200, "ab")
	for _, want := range []string{"coroutine true end /app", "coroutine true end /lua"} {
		e2e.Until(t, want, func() bool { return c.Logged(want) == 1 && c.Logged("sort 1,2,3") == 2 })
	}
}
