package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/lint"
)

// warningsOf returns what is found in a script, as line: message.
func warningsOf(t *testing.T, code string) []string {
	t.Helper()
	var s lint.Scripts
	if _, err := s.Add("main.lua", []byte(code)); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, w := range s.Findings() {
		all = append(all, fmt.Sprintf("%d: %s", w.Line, w.Message))
	}
	return all
}

func TestWhatIsMostLikelyAMistakeIsFound(t *testing.T) {
	t.Parallel()
	const (
		global  = `global "x" is assigned; write local x, unless another script of the tenant reads it`
		request = `global "x" is assigned while a request runs, which is an error; write local x, or use req.ctx`
		changed = `"hits" is changed while a request runs, but each virtual machine has its own; use req.ctx, or name it cache if it is one`
		unused  = `pool "p" is declared, and nothing names it`
	)
	for _, row := range []struct {
		name, code string
		want       []string
	}{
		{"nothing", "", []string{"1: it has no code"}},
		{"a comment", "-- later\n", []string{"1: it has no code"}},
		{"a parameter of another router", `route:get("/a/:id", "p")
route:method("PURGE", "/b/<int:id>/c", "p")
r:route("/c/[slug]", function() end)
route:get("/d/{id:[a-z]+}", "p")
http.get("/a/:id")`, []string{
			"1: :id in the pattern /a/:id is plain text, which the path must contain; a parameter is {id}",
			"2: <int:id> in the pattern /b/<int:id>/c is plain text, which the path must contain; a parameter is {id}",
			"3: [slug] in the pattern /c/[slug] is plain text, which the path must contain; a parameter is {slug}",
		}},
		{"a global", "\nx = 1", []string{"2: " + global}},
		{"a global function", "function x() end", []string{"1: " + global}},
		{"a global in a function that declares", "route:group(function(r) x = 1 end)", []string{"1: " + global}},
		{"a global in a handler", "route:get('/', function()\n  x = 1 end)", []string{"2: " + request}},
		{"a global in a guard", "route:get('/', { when = function() x = 1 end }, 'p')", []string{"1: " + request}},
		{"a global in a listed guard", "route:when({ function() x = 1 end }, function() end)", []string{"1: " + request}},
		{"a global in a function with req", "return { check = function(req) x = 1 end }", []string{"1: " + request}},
		{"a global in a function that a handler has", "route.use(function() local function f() if 1 then x = 1 end end f() end)", []string{"1: " + request}},
		{"a global in a handler by name", "local function h()\n  x = 1 end\nroute:get('/', h)", []string{"2: " + request}},
		{"a global in a loop", "for i = 1, 2 do x = i end", []string{"1: " + global}},
		{"no global but a local", "local x\nx = 1", nil},
		{"no global but a parameter", "local function f(x) x = 1 end", nil},
		{"no global but a loop's own", "for x = 1, 2 do x = 3 end for _, x in pairs({}) do x = 3 end", nil},
		{"the entry of the old contract", "function on_route_request(request, backends) end", nil},
		{"globals of the old contract", "x = 1 route:pool('p', '') function on_route_request(request, backends) x = 2 end", nil},
		{"a global of a handler beside it", "function on_route_request() end route:get('/', function() x = 1 end)", []string{"1: " + request}},
		{"a local out of its scope", "do local x end x = 1", []string{"1: " + global}},
		{"a table that a handler writes", "local hits = {}\nroute:get('/', function(req)\n  hits[req.path] = 1 end)", []string{"3: " + changed}},
		{"a field of a field that a handler writes", "local hits = {}\nroute:get('/', function(req) hits.a.b[1] = 1 end)", []string{"2: " + changed}},
		{"a variable that a handler writes", "local hits = 0\nroute:get('/', function(req) hits = hits + 1 end)", []string{"2: " + changed}},
		{"a list that a handler adds to", "local hits = {}\nroute:get('/', function(req) table.insert(hits, 1) end)", []string{"2: " + changed}},
		{"a table of a factory", "local function make() local hits = {} return function(req) rawset(hits, 1, 1) end end", []string{"1: " + changed}},
		{"a table that a response hook writes", "local hits = {}\nroute:get('/', function(req, res) res:on_done(function() hits.n = 1 end) end)", []string{"2: " + changed}},
		{"a table written in upstreams of a pool", "local hits = {} route:pool('p', { select = function() hits.n = 1 end }) route:get('/', 'p')", []string{"1: " + changed}},
		{"a table that is filled while the script loads", "local hits = {}\nhits.a = 1 for i = 1, 2 do hits[i] = i end", nil},
		{"a table of the request", "route:get('/', function(req) local hits = {} hits.a = 1 req.headers.a = 'b' req.ctx.n = 1 end)", nil},
		{"a table that is called a cache", "local token_cache = {}\nroute:get('/', function(req) token_cache.a = 1 end)", nil},
		{"a pool that nothing names", "route:pool('p', { '127.0.0.1:1' })", []string{"1: " + unused}},
		{"a pool that a route names", "route:pool('p', {}) route:get('/', 'p')", nil},
		{"a pool that a table names", "local pools = { v1 = 'p' } route:pool('p', {})", nil},
		{"a pool whose name is put together", "route:pool('users-v1', {}) route:get('/', function(req) return 'users-' .. req.params.v end)", nil},
		{"a pool whose name is put together at its end", "route:pool('eu-users', {}) route:get('/', function(req) return req.params.v .. '-users' end)", nil},
		{"a pool whose name is formatted", "route:pool('users-v1', {}) route:get('/', function(req) return ('users-%s'):format(req.params.v) end)", nil},
		{"all at once, by line", "route:pool('p', {})\nx = 1\nlocal hits = 0 route:get('/', function() hits = 1 end)", []string{"1: " + unused, "2: " + global, "3: " + changed}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := warningsOf(t, row.code); !slices.Equal(got, row.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}

func TestPoolsAndNamesOfTheConfigurationCount(t *testing.T) {
	t.Parallel()
	var s lint.Scripts
	s.Pool("a", "pools.a")
	s.Pool("b", "pools.b")
	s.Pool("c", "tenants.acme.pools.c")
	s.Names("b")
	modules, err := s.Add("main.lua", []byte("#!/usr/bin/lua\nlocal route, auth = require('luaroute'), require 'auth.tokens'\nroute:get('/', 'a')"))
	if err != nil || !slices.Equal(modules, []string{"luaroute", "auth.tokens"}) {
		t.Errorf("the modules are %v, %v", modules, err)
	}
	want := []lint.Finding{{Kind: "unused-pool", Script: "tenants.acme.pools.c", Message: `pool "c" is declared, and nothing names it`}}
	if got := s.Findings(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What the compiler takes has a tree, also where gopher-lua's own parser refuses it.
func TestAScriptThatLoadsIsLookedAt(t *testing.T) {
	t.Parallel()
	for code, want := range map[string][]string{
		"local goto = 1\nprint(goto)\nx = goto":    {`3: global "x" is assigned; write local x, unless another script of the tenant reads it`},
		"local f = function()\n f = 1 end":         {`2: global "f" is assigned; write local f, unless another script of the tenant reads it`},
		"local function f()\n f = 1 end":           nil,
		"\ufeff#!/usr/bin/lua":                     {"1: it has no code"},
		"local s = 'a\\z'":                         nil,
		"local n = 0x10p1 return function() end\n": nil,
	} {
		if got := warningsOf(t, code); !slices.Equal(got, want) {
			t.Errorf("%q: %q, expected %q", code, got, want)
		}
	}
}

func TestAScriptThatIsNotLuaIsAnError(t *testing.T) {
	t.Parallel()
	var s lint.Scripts
	if _, err := s.Add("main.lua", []byte("local = 1")); err == nil {
		t.Error("there is no error")
	}
}
