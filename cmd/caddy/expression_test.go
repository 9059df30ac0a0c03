package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// loops is an expression that is true, with so many loops in one another.
func loops(n int) string {
	names := strings.Split("abcdefgh", "")[:n]
	text := strings.Join(names, "+") + " < 1000"
	for _, name := range names {
		text = "[0,1,2,3,4,5,6,7,8,9].all(" + name + ", " + text + ")"
	}
	return text
}

// TestAnExpressionOfAScriptEnds puts one that would run for minutes into every place that a script has for it.
func TestAnExpressionOfAScriptEnds(t *testing.T) {
	for name, script := range map[string]string{
		"a guard":          `route:get("/", { when = route.matcher("expression", BOMB) }, { body = "x" })`,
		"in a not":         `route:get("/", { when = route.matcher("not", { { expression = BOMB } }) }, { body = "x" })`,
		"in a subroute":    `route:get("/", route.handler("subroute", { routes = { { match = { { expression = BOMB } }, handle = { { handler = "static_response", body = "x" } } } } }))`,
		"in a pool":        `route:pool("p", { "$app", handle_response = { { routes = { { match = { { expression = BOMB } }, handle = { { handler = "copy_response" } } } } } } }) route:get("/", "p")`,
		"matchers in it":   `BOMB = [==[lists.range(100).exists(x, header({"X-None": "x"}))]==] route:get("/", { when = route.matcher("expression", BOMB) }, { body = "x" })`,
		"with a long text": `route:get("/", { when = route.matcher("expression", "'` + strings.Repeat("a", 1000) + `'.matches('` + strings.Repeat("(a*)*", 100) + `') && " .. BOMB) }, { body = "x" })`,
	} {
		for _, kind := range []string{"trusted", "isolated"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				c := e2e.New(t)
				c.Origin("app")
				c.File("acme/main.lua", "local BOMB = [==["+loops(8)+"]==]\nlocal route = require('luaroute')\n"+script)
				site := "http:// {\nluaroute {\nscript $dir/acme/main.lua\n}\n}"
				if kind == "isolated" {
					site = "http:// {\nluaroute {\ntenant acme {\nscript $dir/acme/main.lua\nallow {\nmatchers safe expression\nupstreams 127.0.0.1\n}\n}\n}\n}"
				}
				c.Start(site)
				start := time.Now()
				if got := c.Get("/"); got.Status < http.StatusInternalServerError {
					t.Errorf("the answer is %d %q", got.Status, got.Body)
				}
				if took := time.Since(start); took > time.Minute {
					t.Errorf("it took %s", took)
				}
				if c.Logged("actual cost limit exceeded")+c.Logged("the modules of Caddy's ran for more than") == 0 {
					t.Error("the log does not say why")
				}
			})
		}
	}
}

func TestAnExpressionMayCostWhatOneNeeds(t *testing.T) {
	c := e2e.New(t)
	c.Route(`local route = require("luaroute")
		route:get("/", { when = route.matcher("expression", "[1,2,3].all(x, [1,2,3].all(y, x * y < 10)) && {http.request.uri.path}.startsWith('/') && path('/*')") }, { body = "yes" })`)
	c.Get("/").Want(200, "yes")
}

// TestTheOperatorsOwnExpressionsAreNotBounded asks one of the Caddyfile.
func TestTheOperatorsOwnExpressionsAreNotBounded(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute")`)
	c.Start("http:// {\n@large expression `" + loops(5) + "`\nrespond @large \"matched\"\nluaroute {\nscript $dir/main.lua\n}\n}")
	if got := c.Get("/"); got.Body != "matched" {
		t.Errorf("the answer is %d %q", got.Status, got.Body)
	}
}

func TestAnExpressionOfAnIsolatedTenantAsksForWhatItUses(t *testing.T) {
	for expression, want := range map[string]string{
		`file({'root': '/', 'try_files': ['/etc/passwd']})`: "needs `matchers safe expression file`",
		`tls('early_data')`:                         "needs `matchers safe expression tls`",
		`path_regexp('x')`:                          "needs `matchers safe expression path_regexp`",
		`{env.HOME} == 'x'`:                         "needs `placeholders http time env`",
		`ph(req, 'env.HOME') == 'x'`:                "needs `placeholders http time env`",
		`ph(req, 'e' + 'nv.HOME') == 'x'`:           "needs `placeholders http time all`",
		`['env.HOME'].exists(x, ph(req, x) == 'x')`: "needs `placeholders http time all`",
		`path('/x') && method('GET')`:               "",
		`{http.request.method} == 'GET'`:            "",
	} {
		for way, script := range map[string]string{
			"a guard": `route:get("/", { when = route.matcher("expression", X) }, { body = "x" })`,
			"a pool":  `route:pool("p", { "10.0.0.1:1", load_balancing = { retries = 1, retry_match = { { expression = X } } } }) route:get("/", "p")`,
		} {
			t.Run(expression+" "+way, func(t *testing.T) {
				c := e2e.New(t)
				c.File("acme/main.lua", "local route = require('luaroute') local X = [==["+expression+"]==]\n"+script)
				err := c.Load(c.Caddyfile(tenantOf("allow {\nmatchers safe expression\n}")))
				if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %v; want %q", err, want)
				}
			})
		}
	}
}

// TestAnExpressionThatRunsForLongerThanItsRequestMayEndsWithTheLimitsError gives modules five milliseconds.
func TestAnExpressionThatRunsForLongerThanItsRequestMayEndsWithTheLimitsError(t *testing.T) {
	c := e2e.New(t)
	c.File("acme/main.lua", "local route = require('luaroute')\nroute:get('/', { when = route.matcher('expression', [==["+loops(8)+"]==]) }, { body = 'x' })")
	c.Start("http:// {\nluaroute {\ntenant acme {\nscript $dir/acme/main.lua\nlimits {\ncpu 1ms\n}\nallow {\nmatchers safe expression\n}\n}\n}\n}")
	if got := c.Get("/"); got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("the answer is %d, Retry-After %q", got.Status, got.Header.Get("Retry-After"))
	}
	if c.Logged("the modules of Caddy's ran for more than") == 0 {
		t.Error("the log does not say why")
	}
}
