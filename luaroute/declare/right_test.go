package declare_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// describe writes what an action, guard or middleware says of itself.
func describe(v any) string {
	if v == nil {
		return "nothing"
	}
	switch v := v.(type) {
	case *chiproxy.DataGuard:
		var all []string
		for _, c := range v.Conditions {
			all = append(all, fmt.Sprintf("%s=%s", c.Name, strings.Join(c.Values, "|")))
		}
		slices.Sort(all)
		return "data " + strings.Join(all, " ")
	case chiproxy.Describer:
		o := v.Describe()
		return strings.TrimSpace(strings.TrimSpace(o.Kind+" "+o.String()) + " " + o.Text)
	}
	return reflect.TypeOf(v).String()
}

func list[T any](all []T) string {
	var texts []string
	for _, v := range all {
		texts = append(texts, describe(v))
	}
	return strings.Join(texts, ", ")
}

// outline writes a scope as lines, one for each route and scope.
func outline(s *chiproxy.Scope, indent string) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, indent+fmt.Sprintf(format, args...)) }
	if len(s.Middleware) > 0 {
		say("use %s", list(s.Middleware))
	}
	for _, item := range s.Items {
		if r := item.Route; r != nil {
			methods := strings.Join(r.Methods, ",")
			if methods == "" {
				methods = "any"
			}
			line := methods + " " + r.Pattern + " -> " + describe(r.Action)
			if r.Name != "" {
				line += " name=" + r.Name
			}
			if r.Priority != 0 {
				line += fmt.Sprintf(" priority=%d", r.Priority)
			}
			if len(r.Guards) > 0 {
				line += " when=" + list(r.Guards)
			}
			if r.OnError != nil {
				line += fmt.Sprintf(" on_error=%d%s", r.OnError.Mode, r.OnError.Pool)
			}
			if r.Meta != nil {
				meta, _ := json.Marshal(r.Meta)
				line += " meta=" + string(meta)
			}
			say("%s", line)
			continue
		}
		in := item.Scope
		switch in.Kind {
		case chiproxy.Group:
			say("group")
		case chiproxy.Owner:
			say("route %s", in.Pattern)
		case chiproxy.Layer:
			say("layer hosts=%s when=%s priority=%d", strings.Join(in.Hosts, ","), list(in.Guards), in.Priority)
		}
		lines = append(lines, outline(in, indent+"  ")...)
	}
	for name, a := range map[string]*chiproxy.Answer{"not_found": s.NotFound, "method_not_allowed": s.MethodNotAllowed, "on_error": s.Failed} {
		if a != nil {
			say("%s %s", name, describe(a.Action))
		}
	}
	return lines
}

// declared runs a script and returns the outline of its root, without the first line of the script.
func declared(t *testing.T, s luatest.Setup, script string) string {
	t.Helper()
	result, err := s.Run(t, "local route = require('luaroute')\n"+script)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(outline(&result.Root, ""), "\n")
}

func TestADeclarationBecomesASpec(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, script, want string }{
		{"a pool", "route:get('/x', 'p')", "GET /x -> proxy p"},
		{"a dot for a colon", "route.get('/x', 'p')", "GET /x -> proxy p"},
		{"a method in a variable", "local get = route.get get('/x', 'p') get(route, '/y', 'p')", "GET /x -> proxy p\nGET /y -> proxy p"},
		{
			"every verb", "for _, m in ipairs { 'get', 'post', 'put', 'patch', 'delete', 'head', 'options', 'trace', 'connect' } do route[m](route, '/x', 'p') end",
			"GET /x -> proxy p\nPOST /x -> proxy p\nPUT /x -> proxy p\nPATCH /x -> proxy p\nDELETE /x -> proxy p\nHEAD /x -> proxy p\nOPTIONS /x -> proxy p\nTRACE /x -> proxy p\nCONNECT /x -> proxy p",
		},
		{"any", "route:any('/*', 'p')", "any /* -> proxy p"},
		{"a named method", "route:method('PURGE', '/x', 'p')", "PURGE /x -> proxy p"},
		{"a standard method in lower case", "route:method({ 'get', 'purge' }, '/x', 'p')", "GET,purge /x -> proxy p"},
		{"a function", "route:get('/x', function() end)", "GET /x -> function main.lua:2"},
		{"a response table", "route:get('/x', { status = 201, body = 'b' })", "GET /x -> respond 201"},
		{"a response table without a status", "route:get('/x', { body = 'b' })", "GET /x -> respond 200"},
		{"next", "route:get('/x', route.next)", "GET /x -> next"},
		{"decline", "route:get('/x', route.decline)", "GET /x -> decline"},
		{"error", "route:get('/x', route.error(503, 'm'))", "GET /x -> error 503"},
		{"a redirect is 302", "route:get('/x', route.redirect('/y'))", "GET /x -> redirect 302 /y"},
		{"a redirect with a status", "route:get('/x', route:redirect('/y', 308))", "GET /x -> redirect 308 /y"},
		{"a handler of Caddy", "route:get('/x', route.handler('static_response', { body = 'b' }))", "GET /x -> handler main.lua:2 static_response"},
		{
			"all options", "route:get('/x', { name = 'n', priority = -2, when = function() end, on_error = 'open', meta = { a = { 1, true } } }, 'p')",
			`GET /x -> proxy p name=n priority=-2 when=function main.lua:2 on_error=1 meta={"a":[1,true]}`,
		},
		{
			"on_error by words", "for _, e in ipairs { 'closed', 'open', 'decline', { pool = 'q' } } do route:get('/x', { on_error = e }, 'p') end",
			"GET /x -> proxy p on_error=0\nGET /x -> proxy p on_error=1\nGET /x -> proxy p on_error=2\nGET /x -> proxy p on_error=3q",
		},
		{
			"a data guard", "route:get('/x', { when = { header = { ['X-A'] = 'b' }, query = { q = { '1', '2' } }, cookie = { c = true } } }, 'p')",
			"GET /x -> proxy p when=data X-A=b c= q=1|2",
		},
		{"a matcher", "route:get('/x', { when = route.matcher('method', { 'GET' }) }, 'p')", "GET /x -> proxy p when=matcher main.lua:2 method"},
		{
			"a list of guards", "route:get('/x', { when = { function() end, { header = { a = 'b' } }, route.matcher('method', { 'GET' }), cookie = { c = 'd' } } }, 'p')",
			"GET /x -> proxy p when=function main.lua:2, data a=b, matcher main.lua:2 method, data c=d",
		},
		{"a guard in a list in a list", "route:get('/x', { when = { { { header = { a = 'b' } } } } }, 'p')", "GET /x -> proxy p when=data a=b"},
		{
			"middleware", "route:use(function() end, function(req, res, next) end)\nroute:use(route.handler('encode', { encodings = { gzip = {} } }))",
			"use function main.lua:2, function main.lua:2, handler main.lua:3 encode",
		},
		{
			"with", "local r = route:with(function() end)\nr:get('/x', 'p')\nr:with(function() end):get('/y', 'p')\nroute:get('/z', 'p')",
			"group\n  use function main.lua:2\n  GET /x -> proxy p\n  group\n    use function main.lua:4\n    GET /y -> proxy p\nGET /z -> proxy p",
		},
		{"group", "route:group(function(r) r:use(function() end) r:get('/x', 'p') end)", "group\n  use function main.lua:2\n  GET /x -> proxy p"},
		{"route", "route:route('/a', function(r) r:get('/x', 'p') r:not_found({ status = 404 }) end)", "route /a\n  GET /x -> proxy p\n  not_found respond 404"},
		{"host", "route:host('a.example', function(r) r:get('/x', 'p') end)", "layer hosts=a.example when= priority=0\n  GET /x -> proxy p"},
		{"hosts", "route:host({ 'a.example', '*.b.example' }, function(r) end)", "layer hosts=a.example,*.b.example when= priority=0"},
		{"when", "route:when(function() end, function(r) r:get('/x', 'p') end)", "layer hosts= when=function main.lua:2 priority=0\n  GET /x -> proxy p"},
		{"when with a priority", "route:when({ header = { a = 'b' } }, { priority = 5 }, function() end)", "layer hosts= when=data a=b priority=5"},
		{"a mount", "local api = route.new()\nroute:mount('/v1', api)\nroute:mount('/v2', api)\napi:get('/x', 'p')", "route /v1\n  GET /x -> proxy p\nroute /v2\n  GET /x -> proxy p"},
		{
			"a mount in a mount", "local a, b = route.new(), route.new()\na:mount('/b', b)\nroute:mount('/a', a)\nb:use(function() end)\nb:get('/x', 'p')",
			"route /a\n  route /b\n    use function main.lua:5\n    GET /x -> proxy p",
		},
		{"on_load", "route:on_load(function() route:get('/x', 'p') end)", "GET /x -> proxy p"},
		{"an error that the script catches", "pcall(route.get, route, '/x', 5)\nroute:get('/y', 'p')", "GET /y -> proxy p"},
		{"method_not_allowed", "route:method_not_allowed(function() end)", "method_not_allowed function main.lua:2"},
		{"on_error of a scope", "route:on_error('p')", "on_error proxy p"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := declared(t, luatest.Setup{}, row.script); got != row.want {
				t.Errorf("got\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

func TestAProxyCarriesItsOptions(t *testing.T) {
	t.Parallel()
	result, err := luatest.Setup{}.Run(t, `local route = require("luaroute")
		route:get("/x", route.proxy("p", { strip_prefix = "/a", method = "POST", query = { b = { "1", 2 }, a = "x y" },
			headers = { set = { ["x-a"] = { "1", "2" } }, add = { ["X-B"] = 3 }, remove = { "X-C" } },
			response_headers = { remove = "Server" }, upstream = "10.0.0.1:80", on_error = "decline" }))
		route:get("/y", route.proxy("p", { path = "/z", query = "" }))`)
	if err != nil {
		t.Fatal(err)
	}
	query, none := "a=x+y&b=1&b=2", ""
	for i, want := range []chiproxy.Proxy{
		{
			Pool: "p", StripPrefix: "/a", Method: "POST", Query: &query, Upstream: "10.0.0.1:80",
			Headers: &field.Ops{
				Set: map[string][]string{"X-A": {"1", "2"}}, Add: map[string][]string{"X-B": {"3"}}, Remove: []string{"X-C"},
			},
			ResponseHeaders: &field.Ops{Remove: []string{"Server"}},
			OnError:         &chiproxy.ErrorPolicy{Mode: chiproxy.FailDecline},
		},
		{Pool: "p", Path: "/z", Query: &none},
	} {
		if got := result.Root.Items[i].Route.Action; !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestAPoolBecomesTheJSONOfAReverseProxy(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, spec, want string }{
		{"an address", `"10.0.0.1:80"`, `{"upstreams":[{"dial":"10.0.0.1:80"}]}`},
		{
			"addresses", `{ "10.0.0.1:80", "h2c://10.0.0.2:80" }`,
			`{"transport":{"protocol":"http","versions":["h2c","2"]},"upstreams":[{"dial":"10.0.0.1:80"},{"dial":"10.0.0.2:80"}]}`,
		},
		{
			"short forms", `{ "10.0.0.1:80", lb_policy = "header X-A", health_uri = "/up", health_interval = 5, try_duration = "3s" }`,
			`{"health_checks":{"active":{"interval":5000000000,"uri":"/up"}},"load_balancing":{"selection_policy":{"field":"X-A","policy":"header"},"try_duration":3000000000},"upstreams":[{"dial":"10.0.0.1:80"}]}`,
		},
		{
			"fields of JSON", `{ upstreams = { { dial = "10.0.0.1:80", max_requests = 5 } }, flush_interval = -1 }`,
			`{"flush_interval":-1,"upstreams":[{"dial":"10.0.0.1:80","max_requests":5}]}`,
		},
		{
			"short forms and fields together", `{ "10.0.0.1:80", lb_policy = "random", load_balancing = { retries = 2 } }`,
			`{"load_balancing":{"retries":2,"selection_policy":{"policy":"random"}},"upstreams":[{"dial":"10.0.0.1:80"}]}`,
		},
		{
			"retries", `{ "10.0.0.1:80", retries = 2, try_duration = 1, try_interval = "10ms" }`,
			`{"load_balancing":{"retries":2,"try_duration":1000000000,"try_interval":10000000},"upstreams":[{"dial":"10.0.0.1:80"}]}`,
		},
		{
			"upstreams that are tables, weights for a policy and a base path",
			`{ { "10.0.0.1:80/v1", weight = 3 }, "10.0.0.2:80/v1", { "10.0.0.3:8001-8002/v1", max_requests = 7 }, lb_policy = "luaroute_latency" }`,
			`{"load_balancing":{"selection_policy":{"policy":"luaroute_latency","weights":[3,1,1,1]}},"rewrite":{"path_regexp":[{"find":"^","replace":"/v1"}]},` +
				`"upstreams":[{"dial":"10.0.0.1:80"},{"dial":"10.0.0.2:80"},{"dial":"10.0.0.3:8001","max_requests":7},{"dial":"10.0.0.3:8002","max_requests":7}]}`,
		},
		{
			"weights in turn", `{ { "10.0.0.1:80", weight = 4 }, "10.0.0.2:80", lb_policy = "weighted_round_robin" }`,
			`{"load_balancing":{"selection_policy":{"policy":"weighted_round_robin","weights":[4,1]}},"upstreams":[{"dial":"10.0.0.1:80"},{"dial":"10.0.0.2:80"}]}`,
		},
		{
			"weights that JSON's policy takes", `{ { "10.0.0.1:80", weight = 0 }, "10.0.0.2:80", load_balancing = { selection_policy = { policy = "weighted_round_robin" } } }`,
			`{"load_balancing":{"selection_policy":{"policy":"weighted_round_robin","weights":[0,1]}},"upstreams":[{"dial":"10.0.0.1:80"},{"dial":"10.0.0.2:80"}]}`,
		},
		{
			"functions and what they read, which are no part of it", `{ { "10.0.0.1:80", weight = 0.5, zone = "a" }, select = function() end, retry = function() end, retries = 1, on_error = "closed" }`,
			`{"load_balancing":{"retries":1},"upstreams":[{"dial":"10.0.0.1:80"}]}`,
		},
		{"half a second", `{ "10.0.0.1:80", try_duration = 0.5 }`, `{"load_balancing":{"try_duration":500000000},"upstreams":[{"dial":"10.0.0.1:80"}]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			result, err := luatest.Setup{}.Run(t, "require('luaroute'):pool('p', "+row.spec+")")
			if err != nil {
				t.Fatal(err)
			}
			if got := string(result.Pools[0].Config); got != row.want || result.Pools[0].Name != "p" {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestATenantBecomesASpec(t *testing.T) {
	t.Parallel()
	result, err := luatest.Setup{}.Run(t, `local route = require("luaroute")
route:pool("outer", "10.0.0.1:80")
route:tenant("acme", { hosts = { "acme.example" }, path_prefix = "/acme", strip_prefix = true, priority = 3, ["fallthrough"] = true, pool = "own", on_error = "open" }, function(r)
  r:pool("own", "10.0.0.2:80")
  r:group(function(g) g:pool("deep", "10.0.0.3:80") g:get("/x", "deep") end)
end)
route:tenant("alone", { script = { "alone.lua", "more/*.lua" }, limits = {
  cpu = "20ms", wall = 1.5, memory = "16MiB", body = 4096, vms = 7, queue = "1m" } })
route:tenant("plain", { script = "plain.lua", limits = { cpu = 0.25 } })`)
	if err != nil {
		t.Fatal(err)
	}
	acme := result.Tenants[0]
	if got := strings.Join(outline(&acme.Root, ""), "\n"); got != "group\n  GET /x -> proxy deep" {
		t.Errorf("the routes are\n%s", got)
	}
	var pools []string
	for _, p := range acme.Pools {
		pools = append(pools, p.Name)
	}
	if !slices.Equal(pools, []string{"own", "deep"}) || len(result.Pools) != 1 {
		t.Errorf("the tenant has the pools %v, the script %d", pools, len(result.Pools))
	}
	acme.Root, acme.Pools = chiproxy.Scope{}, nil
	want := chiproxy.Tenant{
		Name: "acme", Hosts: []string{"acme.example"}, PathPrefix: "/acme", StripPrefix: true, Fallthrough: true, Priority: 3,
		Inside: true, UsePool: "own", OnError: &chiproxy.ErrorPolicy{Mode: chiproxy.FailOpen},
		Origin: origin.Origin{Script: "main.lua", Line: 3, Kind: "tenant", Text: "acme"},
	}
	if !reflect.DeepEqual(acme.Tenant, want) {
		t.Errorf("got  %+v\nwant %+v", acme.Tenant, want)
	}
	if !slices.Equal(result.Tenants[1].Scripts, []string{"alone.lua", "more/*.lua"}) {
		t.Errorf("the scripts are %v", result.Tenants[1].Scripts)
	}
	limits := config.Limits{
		CPU: caddy.Duration(20 * time.Millisecond), Wall: caddy.Duration(1500 * time.Millisecond), Memory: 16 << 20,
		Body: 4096, VMs: 7, Queue: caddy.Duration(time.Minute),
	}
	if got := result.Tenants[1].Limits; got != limits {
		t.Errorf("the limits are %+v, want %+v", got, limits)
	}
	if got, want := result.Tenants[2].Limits, (config.Limits{CPU: caddy.Duration(250 * time.Millisecond)}); got != want {
		t.Errorf("the limits are %+v, want %+v", got, want)
	}
}

func TestOnlyListedVariablesOfTheEnvironmentAreRead(t *testing.T) {
	t.Setenv("LUAROUTE_TEST_SET", "value")
	os.Unsetenv("LUAROUTE_TEST_UNSET")
	s := luatest.Setup{Env: []string{"LUAROUTE_TEST_SET", "LUAROUTE_TEST_UNSET"}}
	got := declared(t, s, `route:get("/" .. route.env("LUAROUTE_TEST_SET") .. tostring(route.env("LUAROUTE_TEST_UNSET")), "p")`)
	if got != "GET /valuenil -> proxy p" {
		t.Errorf("got %s", got)
	}
	_, err := luatest.Setup{}.Run(t, `require("luaroute").env("HOME")`)
	if want := `main.lua:1: env "HOME": the configuration allows no variables; list them in env`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestScriptsOfOneTenantShareOneState(t *testing.T) {
	t.Parallel()
	s := luatest.Setup{Sources: sourcesOf("a.lua", "shared = { n = 1 } return", "b.lua", "shared.n = shared.n + 1 require('luaroute'):get('/' .. shared.n, 'p')")}
	if got := declared(t, s, ""); got != "GET /2 -> proxy p" {
		t.Errorf("got %s", got)
	}
}

func TestDeclaringWhileARequestRunsIsAnError(t *testing.T) {
	t.Parallel()
	const hint = " while a request runs: declare routes and everything else while the script loads, outside functions that serve requests"
	for _, row := range []struct{ name, call, want string }{
		{"a route", "route:get('/y', 'p')", "route:get is called" + hint},
		{"a route by a method of before", "get('/y', 'p')", "route:get is called" + hint},
		{"a pool", "route:pool('q', '10.0.0.1:80')", "route:pool is called" + hint},
		{"a handler of Caddy", "route.handler('static_response')", "route.handler of a module is called" + hint},
		{"a matcher", "route.matcher('path', { '/x' })", "route.matcher is called" + hint},
		{"a variable", "route.env('HOME')", "route:env is called" + hint},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, "local route = require('luaroute') local get = route.get\nroute:get('/x', function()\n"+row.call+" end)")
			if a := site.Do(t, "/x", ""); a.Status != 500 || a.Body != "" {
				t.Errorf("got %s", a)
			}
			if err := <-site.Errors; !strings.HasSuffix(err.Error(), ": main.lua:3: "+row.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestATableWithoutLuaFunctionsKeepsNoState(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, `local route = require("luaroute") route:get("/x", { body = "data" })`)
	if a := site.Do(t, "/x", ""); a.String() != "200 data" {
		t.Errorf("got %s", a)
	}
}
