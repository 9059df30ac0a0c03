package dashboard

import (
	"strings"
	"testing"
)

func TestWhatLooksLikeASecretInAScriptIsHidden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ code, want string }{
		{`local route = require("luaroute")`, ""},
		{`route:get("/users/{id}", { name = "user" }, "users")`, ""},
		{`route.limit{ rate = 5, key = "client_ip", name = "admin" }`, ""},
		{`jwt.issuer{ secret = "s3cr3t-of-mine" }`, `jwt.issuer{ secret = "•••" }`},
		{`local password = 'abc'`, `local password = '•••'`},
		{`local api_key = [[abc]] .. "def"`, `local api_key = [[•••]] .. "•••"`},
		{`local token = [==[abc]==]`, `local token = [==[•••]==]`},
		{`req:set_header("Authorization", "Basic abc")`, `req:set_header("Authorization", "•••")`},
		{`headers = { ["X-Api-Key"] = "abc", Accept = "text/html" }`, `headers = { ["X-Api-Key"] = "•••", Accept = "•••" }`},
		{`if req:header("X-Api-Key") ~= "quickstart" then return 401, "no" end`, `if req:header("X-Api-Key") ~= "•••" then return 401, "•••" end`},
		{"local secret = \"a\"\nlocal name = \"b\"", "local secret = \"•••\"\nlocal name = \"b\""},
		{"route.keys{ keys = {\n  \"a\",\n  { \"b\" },\n}, name = \"x\" }\nlocal y = \"z\"", "route.keys{ keys = {\n  \"•••\",\n  { \"•••\" },\n}, name = \"•••\" }\nlocal y = \"z\""},
		{`route.basic{ users = { ann = "$2a$10$abcdefghijklmnopqrstuv" } }`, `route.basic{ users = { ann = "•••" } }`},
		{`local x = "AKIAIOSFODNN7EXAMPLE1234"`, `local x = "•••"`},
		{`local x = "a-long-name-of-a-route-without-digits"`, ""},
		{`local u = "redis://user:pass@host:1/0"`, `local u = "redis://•••@host:1/0"`},
		{`-- see http://ann:pass@host/`, `-- see http://•••@host/`},
		{`--[[ http://ann:pass@host/ ]] local a = "b"`, `--[[ http://•••@host/ ]] local a = "b"`},
		{"local k = [[-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----]]", "local k = [[•••\n\n]]"},
		{`local s = "a\"b" local token = "c\"d"`, `local s = "a\"b" local token = "•••"`},
		{`local password = "my-password"`, `local password = "•••"`},
		{`local u = "https://host/path?a=b&c=d"`, `local u = "https://host/path?•••"`},
		{`local u = "/path?page=2&sig=abc"`, `local u = "/path?page=2&sig=•••"`},
		{`headers = { set = { ["X-Key"] = "abc" } }`, `headers = { set = { ["X-Key"] = "•••" } }`},
		{`local t = a[b] local c = "d"`, ""},
		{`"unfinished`, ""},
		{`[[unfinished`, ""},
		{`--[[unfinished`, ""},
		{`local secret = "`, ""},
		{`'`, ""},
	} {
		want := c.want
		if want == "" {
			want = c.code
		}
		if got := conceal(c.code); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", c.code, got, want)
		}
	}
}

func FuzzTheLinesOfAScriptStayTheSame(f *testing.F) {
	f.Add("local secret = \"a\\\nb\"\n[[\n]]--[=[\n]=]'")
	f.Fuzz(func(t *testing.T, code string) {
		if got := conceal(code); strings.Count(got, "\n") != strings.Count(code, "\n") {
			t.Errorf("%q became %q", code, got)
		}
	})
}
