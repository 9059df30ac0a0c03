package hook_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// head stands before the scripts of these tests: p is a pool that answers what it was asked for.
func head(t testing.TB) string {
	p := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s %s", r.Method, r.RequestURI) })
	return fmt.Sprintf("local route = require('luaroute') route:pool('p', %q) route:pool('dead', %q)\n", p, ports.Dead(t))
}

// lastError is the error that the table returned for a request, without what Caddy puts before it.
func lastError(site *luatest.Site) string {
	select {
	case err := <-site.Errors:
		if _, text, ok := strings.Cut(err.Error(), ": HTTP "); ok {
			return text
		}
		return err.Error()
	default:
		return ""
	}
}

func TestWhatAHandlerReturnsIsTheAnswer(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, body, want, kind string }{
		{"a pool", "return 'p'", "200 GET /x", ""},
		{"a proxy", "return route.proxy('p', { path = '/y' })", "200 GET /y", ""},
		{"a status", "return 204", "204", ""},
		{"a status and a body", "return 201, 'made'", "201 made", "text/plain; charset=utf-8"},
		{"a body that is a number", "return 200, 42", "200 42", "text/plain; charset=utf-8"},
		{"a body that is a table is JSON", "return 200, { a = { 1, 2 } }", `200 {"a":[1,2]}`, "application/json"},
		{"headers", "return 200, 'b', { ['content-type'] = 'text/css' }", "200 b", "text/css"},
		{"headers without a body", "return 200, nil, { ['Content-Type'] = 'text/css' }", "200", "text/css"},
		{"a JSON body with a type of its own", "return 200, {}, { ['Content-Type'] = 'application/problem+json' }", "200 {}", "application/problem+json"},
		{"a table", "return { status = 202, body = 'b', headers = { ['Content-Type'] = 'text/css' } }", "202 b", "text/css"},
		{"a table without a status", "return { body = 'b' }", "200 b", "text/plain; charset=utf-8"},
		{"a response action", "return route.respond(203, 'b')", "203 b", "text/plain; charset=utf-8"},
		{"a redirect", "return route.redirect('/y', 307)", "307", ""},
		{"an error", "return route.error(451, 'm')", "451", ""},
		{"next", "return route.next", "418 next", "text/plain; charset=utf-8"},
		{"decline", "return route.decline", "418 next", "text/plain; charset=utf-8"},
		{"nothing after writing", "res:write('a') res:write('b')", "200 ab", "text/plain; charset=utf-8"},
		{"nothing after a status and writing", "res.status = 404 res:write('')", "404", "text/plain; charset=utf-8"},
		{"nothing after res:json", "res:json({ a = 1 })", `200 {"a":1}`, "application/json"},
		{"nothing after res:redirect", "res:redirect('/y')", "302", ""},
		{"nothing after a flush", "res:flush()", "200", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, head(t)+"route:get('/x', function(req, res) "+row.body+" end)")
			a := site.Do(t, "/x", "")
			if a.String() != row.want || a.Header.Get("Content-Type") != row.kind && row.kind != "" {
				t.Errorf("got %s, a %s; want %s, a %s", a, a.Header.Get("Content-Type"), row.want, row.kind)
			}
		})
	}
}

func TestAWrongAnswerIsAnErrorThatSaysWhatIsAllowed(t *testing.T) {
	t.Parallel()
	const allowed = " is not an answer; allowed are a pool's name, an action such as route.proxy(…), a status with a body and headers, and a table { status =, body =, headers = }"
	for _, row := range []struct{ name, body, want string }{
		{"nothing", "", "the handler returned nothing and wrote nothing; for an empty answer: return 204"},
		{"nil", "return nil, 'x'", "the handler returned nothing and wrote nothing; for an empty answer: return 204"},
		{"a body", "return 'hello'", `no pool "hello"; there are "dead", "p"; for a body: return 200, "hello"`},
		{"true", "return true", "a boolean" + allowed},
		{"a function", "return print", "a function" + allowed},
		{"req", "return req", "a userdata" + allowed},
		{"a matcher", "return getmetatable", "a function" + allowed},
		{"a wrong status", "return 99", "status 99: expected a whole number from 200 to 999"},
		{"half a status", "return 200.5", "status 200.5: expected a whole number from 200 to 999"},
		{"no number", "return 0/0", "status NaN: expected a whole number from 200 to 999"},
		{"a body that is true", "return 200, true", "a boolean cannot be a body; allowed are a string, a number, and a table, which becomes JSON"},
		{"a body without a JSON form", "return 200, { print }", "json: a function has no JSON form"},
		{"a body of 204", "return 204, 'x'", "respond: status 204 has no body"},
		{"headers that are a text", "return 200, 'b', 'text/css'", "headers are a string; expected a table of names and values"},
		{"a header with a line break", "return 200, 'b', { ['X-A'] = 'a\\r\\nb' }", `header X-A: the value "a\r\nb" has a control character; only tabs are allowed`},
		{"an empty table", "return {}", "a response table is empty; expected { status =, body =, headers = }"},
		{"a table with another key", "return { code = 200 }", `a response has the key "code"; allowed are status, body, headers`},
		{"a proxy to an unknown pool", "return route.proxy('q')", `no pool "q"; there are "dead", "p"`},
		{"an answer after writing", "res:write('a') return 200", "the function wrote a response and returned an answer, too; after res:write or res:json return nothing"},
		{"a decline after writing", "res:write('a') return route.decline", "the function wrote a response and returned an answer, too; after res:write or res:json return nothing"},
		{"an error of Lua", "local t return t.x", "attempt to index local 't' (a nil value)"},
		{"an error of the script", "error('boom')", "boom"},
		{"an error that is a table", "error({ message = 'boom' })", "boom"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, head(t)+"route:get('/x', function(req, res) "+row.body+" end)")
			a, err := site.Try("/x", "")
			if err != nil || a.String() != "500" {
				t.Errorf("got %s, %v; want 500 without a word to the client", a, err)
			}
			if err := <-site.Errors; !strings.HasSuffix(err.Error(), ": main.lua:2: "+row.want) {
				t.Errorf("got  %v\nwant %s", err, row.want)
			}
		})
	}
}

func TestAnErrorIsLoggedWithItsPlaceAndTrace(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, head(t)+"local function inner()\n  error('boom')\nend\nroute:get('/x', function() inner() end)")
	site.Do(t, "/x", "")
	entries := site.Logs.FilterMessage("script failed").All()
	if len(entries) != 1 {
		t.Fatalf("%d lines were logged", len(entries))
	}
	fields := entries[0].ContextMap()
	if fields["error"] != "main.lua:3: boom" || fields["function"] != "main.lua:5" || !strings.Contains(fmt.Sprint(fields["trace"]), "main.lua:5") {
		t.Errorf("got %v", fields)
	}
}

func TestThePolicySaysWhatComesOfAnError(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, script, want string }{
		{"closed", "route:get('/x', { on_error = 'closed' }, function() error('e') end)", "500"},
		{"open: a guard accepts", "route:get('/x', { on_error = 'open', when = function() error('e') end }, 'p')", "200 GET /x"},
		{"open: middleware goes on", "route:use(function() error('e') end) route:get('/x', { on_error = 'open' }, 'p')", "200 GET /x"},
		{"open: a handler declines", "route:get('/x', { on_error = 'open' }, function() error('e') end) route:get('/*', { body = 'rest' })", "200 rest"},
		{"decline: a guard declines", "route:get('/x', { on_error = 'decline', when = function() error('e') end }, 'p') route:get('/*', { body = 'rest' })", "200 rest"},
		{"decline: middleware declines", "route:use(function() error('e') end) route:get('/x', { on_error = 'decline' }, 'p')", "418 next"},
		{"a pool", "route:get('/x', { on_error = { pool = 'p' } }, function() error('e') end)", "200 GET /x"},
		{"a pool, for a wrapper", "route:use(function(req, res, next) error('e') end) route:get('/x', { on_error = { pool = 'p' } }, { body = 'b' })", "200 GET /x"},
		{"on_error of the scope", "route:on_error(function() return 502, 'sorry' end) route:get('/x', function() error('e') end)", "502 sorry"},
		{"on_error of the scope, for a dead pool", "route:on_error({ status = 503, body = 'down' }) route:get('/x', 'dead')", "503 down"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, head(t)+row.script)
			if a := site.Do(t, "/x", ""); a.String() != row.want {
				t.Errorf("got %s, want %s", a, row.want)
			}
		})
	}
}

func TestTheEndOfABudgetIs503WithRetryAfter(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"in a handler":                "route:get('/x', function() while true do end end)",
		"in a guard":                  "route:get('/x', { when = function() while true do end end }, 'p')",
		"in middleware, inside pcall": "route:use(function() pcall(function() while true do end end) end) route:get('/x', 'p')",
		"in a wrapper before next":    "route:use(function(req, res, next) while true do end end) route:get('/x', 'p')",
		"behind a wrapper":            "route:use(function(req, res, next) next() end) route:get('/x', function() while true do end end)",
		"behind a pcall of a wrapper": "route:use(function(req, res, next) pcall(next) end) route:get('/x', function() while true do end end)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, head(t)+script)
			a := site.Do(t, "/x", "")
			if a.String() != "503" || a.Header.Get("Retry-After") != "1" {
				t.Errorf("got %s, Retry-After %q: %s", a, a.Header.Get("Retry-After"), lastError(site))
			}
			if a := site.Do(t, "/y", ""); a.String() != "418 next" {
				t.Errorf("another request got %s", a)
			}
		})
	}
}
