package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestAResponseReadsAndAddsAsARequestDoes(t *testing.T) {
	c := e2e.New(t)
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
		w.Header().Set("Vary", "Accept, origin")
		w.Header().Set("X-Cookie", strings.Join(r.Header["Cookie"], "|"))
	})
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$app" })
		route:use(function(req, res)
		  res.headers["X-Last"] = "outer"
		  res:vary("Origin") res:vary("Cookie") res:vary("cookie")
		  res:cookie{ name = "own", value = "0" }
		end)
		route:get("/", function(req, res)
		  assert(res.headers["x-last"] == "outer" and res:header("X-None") == nil)
		  res.headers["X-Last"] = "inner"
		  res:add_header("X-Last", { "more" })
		  assert(#res:header_values("X-Last") == 2)
		  local names = {}
		  for name, value in pairs(res.headers) do names[name] = value end
		  assert(names["X-Last"] == "inner" and names["Set-Cookie"] == "own=0")
		  res:on_headers(function(res)
		    local cookies = res:header_values("Set-Cookie")
		    for i, cookie in ipairs(cookies) do cookies[i] = cookie .. "; Secure" end
		    res.headers["Set-Cookie"] = cookies
		  end)
		  req:set_cookie("s", "new") req:set_cookie("n", 1) req:remove_cookie("gone")
		  return "app"
		end)
	`)
	answer := c.Get("/", "Cookie: x=\"y z\"; s=1; gone=2; s=3;gone=4; q")
	for name, want := range map[string][]string{
		"Set-Cookie": {"a=1; Secure", "b=2; Secure", "own=0; Secure"}, "Vary": {"Accept, origin", "Cookie"}, "X-Last": {"inner", "more"},
		"X-Cookie": {`x="y z"; s=new; q; n=1`},
	} {
		if got := answer.Header.Values(name); !slices.Equal(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestAFunctionChangesAWholeBodyOfJSONAndNoOther(t *testing.T) {
	c := e2e.New(t)
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		w.Header().Set("Etag", `"v"`)
		if status := r.URL.Query().Get("status"); status != "" {
			w.WriteHeader(map[string]int{"404": 404, "204": 204}[status])
		}
		_, _ = w.Write([]byte(r.URL.Query().Get("body")))
	})
	c.File("main.lua", `
		local route = require("luaroute")
		route:pool("app", { "$app" })
		route:any("/", function(req, res)
		  res:on_json(function(v, info) v.seen = info.status return v end)
		  return "app"
		end)
		route:post("/set", function(req, res) req:set_json(req:json()) return 200, req:body() end)
	`)
	c.Start(e2e.Site("limits {\n body 64\n}\n"))
	long := `{"a":"` + strings.Repeat("x", 100) + `"}`
	for _, row := range []struct {
		query, want string
		changed     bool
	}{
		{`type=application/json&body={"id":9007199254740993,"n":1.0}`, `{"id":9007199254740993,"n":1.0,"seen":200}`, true},
		{`type=application/problem%2Bjson&body={}`, `{"seen":200}`, true},
		{`type=text/plain&body={}`, `{}`, false},
		{`type=application/json&body={`, `{`, false},
		{`type=application/json&body=` + long, long, false},
		{`type=application/json&status=404&body={}`, `{}`, false},
		{`type=application/json&status=204`, ``, false},
	} {
		answer := c.Get("/?" + row.query)
		if answer.Body != row.want || (answer.Header.Get("Etag") == "") != row.changed {
			t.Errorf("%s: %d %q %v", row.query, answer.Status, answer.Body, answer.Header)
		}
	}
	if head := c.Send(http.MethodHead, "/?type=application/json", nil); head.Header.Get("Etag") != "" {
		t.Errorf("HEAD has the validator of another body: %v", head.Header)
	}
	c.Send(http.MethodPost, "/set", strings.NewReader(`{"id": 12345678901234567890}`)).Want(200, `{"id":12345678901234567890}`)
}
