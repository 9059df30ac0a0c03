package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// TestTheInstanceSaysWhatItsTenantsMayUseAndATenantReplacesALine loads one script under several blocks.
func TestTheInstanceSaysWhatItsTenantsMayUseAndATenantReplacesALine(t *testing.T) {
	const uses = `route:get("/", { when = route.matcher("expression", "true") }, route.handler("file_server", {}))`
	for name, row := range map[string]struct{ instance, tenant, want string }{
		"nothing":                     {"", "", "matchers safe expression"},
		"one of two of the instance":  {"allow {\nmatchers expression\n}", "", "handlers safe file_server"},
		"both of the instance":        {"allow {\nmatchers expression\nhandlers file_server\n}", "", ""},
		"one of each":                 {"allow {\nmatchers expression\n}", "allow {\nhandlers safe file_server\n}", ""},
		"a line that is replaced":     {"allow {\nmatchers all\nhandlers all\n}", "allow {\nmatchers safe\n}", "matchers safe expression"},
		"a line that allows nothing":  {"allow {\nmatchers expression\nhandlers all\n}", "allow {\nhandlers none\n}", "`handlers file_server`"},
		"a line that widens":          {"allow {\nmatchers none\nhandlers none\n}", "allow {\nmatchers all\nhandlers all\n}", ""},
		"a module that there is not":  {"allow {\nhandlers file_servers\n}", "", `allow: handlers: there is no module "file_servers"; expected safe, all, none, or some of `},
		"a library that there is not": {"", "allow {\nlibs jsn\n}", `tenant "acme": allow: libs: there is no module "jsn"`},
		"an address that is none":     {"allow {\nupstreams http://x\n}", "", `allow: upstreams: "http://x": `},
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			c.File("acme/main.lua", head+uses)
			err := c.Load(c.Caddyfile("http:// {\nluaroute {\n" + row.instance + "\ntenant acme {\nscript $dir/acme/main.lua\n" + row.tenant + "\n}\n}\n}"))
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("the error is %v; want %q", err, row.want)
			}
		})
	}
}

// TestAScriptOnlyNarrowsWhatItsTenantsMayUse declares a tenant in the operator's script.
func TestAScriptOnlyNarrowsWhatItsTenantsMayUse(t *testing.T) {
	for allow, want := range map[string]string{
		`nil`:                                    "",
		`{ handlers = "encode" }`:                "",
		`{ handlers = { "safe" } }`:              "",
		`{ handlers = "respond" }`:               "",
		`{ handlers = "file_server" }`:           `main.lua:2: tenant "acme": allow: handlers: file_server is more than the configuration allows`,
		`{ handlers = "all" }`:                   "handlers: all is more than the configuration allows",
		`{ matchers = "expression" }`:            "matchers: expression is more",
		`{ libs = { "json" } }`:                  "",
		`{ libs = "all" }`:                       "libs: all is more",
		`{ upstreams = "public" }`:               "",
		`{ upstreams = "10.0.0.0/8" }`:           "",
		`{ upstreams = "none" }`:                 "",
		`{ upstreams = "127.0.0.1" }`:            "upstreams: 127.0.0.1 is more than the configuration allows, which is network",
		`{ upstreams = "api.internal:443" }`:     "upstreams: api.internal:443 is more",
		`{ placeholders = "http.request.host" }`: "",
		`{ placeholders = "env.HOME" }`:          "placeholders: env.HOME is more",
		`{ pools = "app" }`:                      "",
		`{ hosts = "a.acme.example" }`:           "",
		`{ hosts = "other.example" }`:            "hosts: other.example is not one of the tenant's",
		`{ certificates = false }`:               "",
		`{ certificates = true }`:                "certificates: the configuration does not allow them",
		`{ health_checks = 10 }`:                 "",
		`{ health_checks = 1001 }`:               "health_checks: the configuration allows 1000",
		`{ files = "/" }`:                        `main.lua:2: tenant acme: allow: unknown key "files"; allowed are handlers, matchers, upstreams, `,
		`{ libs = {} }`:                          "allow: libs is empty; write none",
		`{ libs = 5 }`:                           "libs: 5; expected a string, or a list of them",
	} {
		t.Run(allow, func(t *testing.T) {
			c := e2e.New(t)
			c.File("acme/main.lua", head)
			c.File("main.lua", head+`route:tenant("acme", { hosts = { "acme.example", "*.acme.example" }, script = "acme/main.lua", allow = `+allow+` })`)
			err := c.Load(c.Caddyfile(e2e.Site("")))
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("the error is %v; want %q", err, want)
			}
		})
	}
	t.Run("what is narrower holds", func(t *testing.T) {
		c := e2e.New(t)
		c.File("acme/main.lua", head+`local json = require("json")`)
		c.File("main.lua", head+`route:tenant("acme", { script = "acme/main.lua", allow = { libs = "url" } })`)
		if err := c.Load(c.Caddyfile(e2e.Site(""))); err == nil || !strings.Contains(err.Error(), "acme/main.lua:2: library \"json\" is not allowed for the scripts of this tenant; it needs `libs url json`") {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("an inline tenant has none", func(t *testing.T) {
		c := e2e.New(t)
		c.File("main.lua", head+`route:tenant("acme", { allow = { libs = "url" } }, function() end)`)
		if err := c.Load(c.Caddyfile(e2e.Site(""))); err == nil || !strings.Contains(err.Error(), `tenant "acme" has allow but no script`) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestATenantNamesThePoolsThatItMay(t *testing.T) {
	for name, row := range map[string]struct{ allow, want string }{
		"all of them": {"", ""},
		"one":         {"allow {\npools users\n}", ""},
		"another one": {"allow {\npools shop\n}", "acme/main.lua:2: pool \"users\" is not allowed for the scripts of this tenant; it needs `pools shop users`"},
		"none":        {"allow {\npools none\n}", "it needs `pools users` in its allow block"},
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			c.Origin("users")
			c.File("acme/main.lua", head+`route:get("/*", "users")`)
			err := c.Load(c.Caddyfile("http:// {\nluaroute {\npool users $users\npool shop 10.0.0.1:1\ntenant acme {\nscript $dir/acme/main.lua\n" + row.allow + "\n}\n}\n}"))
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("the error is %v; want %q", err, row.want)
			}
			if err == nil {
				c.Get("/x").From("users")
			}
		})
	}
	t.Run("while a request runs", func(t *testing.T) {
		c := e2e.New(t)
		users := c.Origin("users")
		c.File("acme/main.lua", head+`route:pool("own", "10.0.0.1:1") route:get("/", function(req) return req.query.pool end)`)
		c.Start("http:// {\nluaroute {\npool users $users\ntenant acme {\nscript $dir/acme/main.lua\nallow {\npools none\n}\n}\n}\n}")
		if got := c.Get("/?pool=users"); got.Status != http.StatusInternalServerError || users.Requests.Load() != 0 {
			t.Errorf("the answer is %d %q", got.Status, got.Body)
		}
		if c.Logged("is not allowed for the scripts of this tenant") == 0 {
			t.Error("the log does not say why")
		}
	})
}

func TestAPlaceholderThatMayNotBeReadIsAnErrorOfTheCall(t *testing.T) {
	c := e2e.New(t)
	script := head + `route:get("/", function(req) return 200, req:expand("{system.os} {http.request.method}{env.HOME}") end)`
	c.File("acme/main.lua", script)
	c.File("main.lua", script)
	c.Start("http:// {\nluaroute {\nscript $dir/main.lua\ntenant acme {\nhost acme.example\nscript $dir/acme/main.lua\n}\n}\n}")
	c.Get("/").Want(200, "linux GET")
	if got := c.Get("/", "Host: acme.example"); got.Status != http.StatusInternalServerError {
		t.Errorf("the answer is %d %q", got.Status, got.Body)
	}
	if c.Logged("expand: placeholder {system.os} is not allowed for the scripts of this tenant; it needs `placeholders http time system`") == 0 {
		t.Error("the log does not say why")
	}
	c.Start("http:// {\nluaroute {\ntenant acme {\nhost acme.example\nscript $dir/acme/main.lua\nallow {\nplaceholders http system\n}\n}\n}\n}")
	c.Get("/", "Host: acme.example").Want(200, "linux GET")
}

// TestWhatAClientSendsIsNoPlaceholder lets the safe handlers repeat what a client sent, which are placeholders that the tenant may not use.
func TestWhatAClientSendsIsNoPlaceholder(t *testing.T) {
	t.Setenv("LUAROUTE_SECRET", "unveiled")
	for name, script := range map[string]string{
		"static_response": `route:get("/*", route.handler("static_response", { body = "{http.request.header.X} {http.request.uri.query} {http.vars.x}", headers = { X = { "{http.request.header.X}" } } }))`,
		"headers":         `route:use(route.handler("headers", { response = { set = { X = { "{http.request.header.X}" } }, replace = { X = { { search_regexp = "(.*)", replace = "$1" } } } } })) route:get("/*", { body = "x" })`,
		"map":             `route:use(route.handler("map", { source = "{http.request.header.X}", destinations = { "{a}", "{b}" }, mappings = { { input_regexp = "(.*)", outputs = { "$1", "{http.request.header.X}" } } } })) route:get("/*", route.handler("static_response", { body = "{a} {b}" }))`,
		"vars":            `route:use(route.handler("vars", { x = "{http.request.header.X}" })) route:get("/*", route.handler("static_response", { body = "{http.vars.x}" }))`,
		"rewrite":         `route:use(route.handler("rewrite", { uri = "/{http.request.header.X}?{http.request.header.X}" })) route:get("/*", route.handler("static_response", { body = "{http.request.uri}" }))`,
		"request_body":    `route:use(route.handler("request_body", { set = "{http.request.header.X}" })) route:get("/*", function(req) return 200, req:body() .. req:expand("{http.request.body}") end)`,
		"error":           `route:get("/*", route.handler("error", { error = "{http.request.header.X}", status_code = 418 }))`,
		"log_append":      `route:use(route.handler("log_append", { key = "x", value = "{http.request.header.X}" })) route:get("/*", { body = "x" })`,
		"Lua":             `route:get("/*", function(req) req:var("x", req:header("X")) req:set_header("Y", req:header("X")) return 200, req:expand("{http.vars.x} {http.request.header.Y}") end)`,
		"a matcher":       `route:get("/*", { when = route.matcher("header_regexp", { X = { pattern = "(.*)" } }) }, route.handler("static_response", { body = "{http.regexp.1}" }))`,
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			c.Set("1", "$1") // for patterns
			c.File("acme/main.lua", head+script)
			c.Start("http:// {\nlog\nhandle_errors {\nrespond \"{err.message}\"\n}\nluaroute {\ntenant acme {\nscript $dir/acme/main.lua\nallow {\nhandlers safe map\n}\n}\n}\n}")
			for _, sent := range []string{"{env.LUAROUTE_SECRET}", `\{env.LUAROUTE_SECRET}`, "{{env.LUAROUTE_SECRET}}", "{http.request.header.X}{env.LUAROUTE_SECRET}"} {
				got := c.Get("/?a=%7Benv.LUAROUTE_SECRET%7D", "X: "+sent)
				if got.Status == http.StatusInternalServerError || strings.Contains(got.Body, "unveiled") || strings.Contains(strings.Join(got.Header.Values("X"), ""), "unveiled") || c.Logged("unveiled") > 0 {
					t.Errorf("%s: the answer is %d %q", sent, got.Status, got.Body)
				}
			}
		})
	}
}

// TestPlaceholdersOfAnIsolatedTenantAreBounded has texts that would be gigabytes.
func TestPlaceholdersOfAnIsolatedTenantAreBounded(t *testing.T) {
	for name, script := range map[string]string{
		"one many times": `route:get("/*", route.handler("static_response", { body = ("{http.request.header.X}"):rep(9000) }))`,
		"in a pool":      `route:pool("p", { "$origin", handle_response = { { routes = { { handle = { { handler = "static_response", body = ("{http.request.header.X}"):rep(9000) } } } } } } }) route:get("/*", "p")`,
		"a variable that doubles": `for i = 1, 30 do route:use(route.handler("vars", { x = "{http.vars.x}{http.vars.x}{http.request.header.X}" })) end
			route:get("/*", route.handler("static_response", { body = "{http.vars.x}" }))`,
		"a map that names itself": `route:use(route.handler("map", { source = "{x}", destinations = { "{x}" }, defaults = { "{x}{x}" } }))
			route:get("/*", route.handler("static_response", { body = "{x}{http.request.header.X}" }))`,
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			c.Origin("origin")
			c.File("acme/main.lua", head+script)
			c.Start("http:// {\nluaroute {\ntenant acme {\nscript $dir/acme/main.lua\nallow {\nhandlers safe map\nupstreams 127.0.0.1\n}\n}\n}\n}")
			got := c.Get("/", "X: "+strings.Repeat("x", 8000))
			if n := len(got.Body); n > 2<<20 || got.Status != 200 {
				t.Errorf("status %d, and %d bytes", got.Status, n)
			}
		})
	}
}

func TestTenantsWithScriptsInOneFolderAreWarnedAbout(t *testing.T) {
	c := e2e.New(t)
	for _, file := range []string{"a/main.lua", "a/other.lua", "b/main.lua"} {
		c.File(file, head+`route:get("/", { body = "x" })`)
	}
	c.Start("http:// {\nluaroute {\ntenant a {\nhost a.example\nscript $dir/a/main.lua\n}\ntenant b {\nhost b.example\nscript $dir/b/main.lua\n}\n}\n}")
	if n := c.Logged("in one folder"); n != 0 {
		t.Errorf("%d warnings about nothing", n)
	}
	c.Start("http:// {\nluaroute {\ntenant a {\nhost a.example\nscript $dir/a/main.lua\n}\ntenant b {\nhost b.example\nscript $dir/a/other.lua\n}\n}\n}")
	if c.Logged("tenants with scripts in one folder can read each other's") != 1 || c.Logged(`"tenants":["a","b"]`) == 0 {
		t.Error("there is no warning")
	}
}

func TestAnIsolatedTenantHasASayInItsOwnCertificates(t *testing.T) {
	c := e2e.New(t)
	c.File("acme/main.lua", head+`route.certificate(function(name)
		if name:find("^no") or name:find("bcher") then return false end
		return true
	end)`)
	c.File("other/main.lua", head+`route:get("/", { body = "x" })`)
	c.Start("http:// {\nluaroute {\ntenant acme {\nhost acme.example no.acme.example bücher.example\nscript $dir/acme/main.lua\nallow {\ncertificates\nhosts *.acme.example bücher.example\n}\n}\n" +
		"tenant other {\nhost other.example no.other.example\nscript $dir/other/main.lua\n}\n}\n}")
	permits(t, "", map[string]bool{
		"acme.example": true, "added.acme.example": true, "no.acme.example": false, "xn--bcher-kva.example": false,
		"other.example": true, "no.other.example": true, "added.example": false,
	})
}
