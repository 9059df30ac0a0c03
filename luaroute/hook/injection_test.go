package hook_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// injections are what would end a header line or a message, and how Lua writes it.
var injections = []struct{ text, lua string }{
	{"a\r\nX-Evil: 1", `a\r\nX-Evil: 1`},
	{"a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", `a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n`},
	{"a\nX-Evil: 1", `a\nX-Evil: 1`},
	{"a\rb", `a\rb`},
	{"a\x00b", `a\0b`},
	{"a\r\n b", `a\r\n b`},
	{"a\x1bb", `a\27b`},
}

// An answer is returned, so that no call can refuse it. It is an error of the function before anything has left.
func TestAnAnswerThatWouldSplitTheResponseIsAnError(t *testing.T) {
	t.Parallel()
	const failed = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	answers := []struct{ answer, want string }{
		{"200, 'b', { ['X-A'] = '%s' }", "header X-A: the value %s has a control character; only tabs are allowed"},
		{"200, 'b', { ['X-A'] = { 'b', '%s' } }", "header X-A: the value %s has a control character; only tabs are allowed"},
		{"200, 'b', { ['%s'] = 'b' }", "%s is not a header name; a name is a token such as X-Request-Id"},
		{"{ body = 'b', headers = { ['X-A'] = '%s' } }", "header X-A: the value %s has a control character; only tabs are allowed"},
		{"{ body = 'b', headers = { ['%s'] = 'b' } }", "%s is not a header name; a name is a token such as X-Request-Id"},
		{"{}, { ['%s'] = 1 }", ""},
		{"'%s'", "no pool %s; there are"},
	}
	for _, place := range []struct{ name, script string }{
		{"a handler", "route:get('/x', function(req, res) return %s end)"},
		{"middleware", "route:use(function(req, res) return %s end) route:get('/x', 'p')"},
		{"a wrapper before next", "route:use(function(req, res, next) return %s end) route:get('/x', 'p')"},
		{"a wrapper after a decline", "route:use(function(req, res, next) next() return %s end) route:get('/x', route.decline)"},
		{"not_found", "route:route('/', function(r) r:not_found(function() return %s end) r:get('/y', 'p') end)"},
		{"method_not_allowed", "route:method_not_allowed(function() return %s end) route:post('/x', 'p')"},
		{"on_error", "route:on_error(function() return %s end) route:get('/x', route.error(451))"},
	} {
		t.Run(place.name, func(t *testing.T) {
			t.Parallel()
			for _, answer := range answers {
				for _, in := range injections {
					site := luatest.Setup{}.Serve(t, head(t)+fmt.Sprintf(place.script, strings.ReplaceAll(answer.answer, "%s", in.lua)))
					if got := site.Wire(t, luatest.Message("GET", "/x")); strings.Replace(got, "Allow: POST\r\n", "", 1) != failed {
						t.Errorf("%s with %q: the client gets\n%q", answer.answer, in.text, got)
					}
					if got, want := lastError(site), strings.ReplaceAll(answer.want, "%s", strconv.Quote(in.text)); !strings.HasPrefix(got, "500: main.lua:2: "+want) {
						t.Errorf("%s with %q: the error is %q, want %q", answer.answer, in.text, got, want)
					}
				}
			}
		})
	}
}

// While a script loads, the same is an error of the load.
func TestAnActionThatWouldSplitAMessageIsALoadError(t *testing.T) {
	t.Parallel()
	const value, name = "header X-A: the value %s has a control character; only tabs are allowed", "%s is not a header name; a name is a token such as X-Request-Id"
	for _, row := range []struct{ action, want string }{
		{"{ body = 'b', headers = { ['X-A'] = '%s' } }", value},
		{"{ body = 'b', headers = { ['X-A'] = { '%s' } } }", value},
		{"{ body = 'b', headers = { ['%s'] = 'b' } }", name},
		{"route.respond(200, '', { ['X-A'] = '%s' })", value},
		{"route.respond(200, '', { ['%s'] = 'b' })", name},
		{"route.redirect('%s')", "redirect: header Location: the value %s has a control character; only tabs are allowed"},
		{"route.proxy('p', { headers = { set = { ['X-A'] = '%s' } } })", "route.proxy: headers: " + value},
		{"route.proxy('p', { headers = { add = { ['%s'] = 'b' } } })", "route.proxy: headers: " + name},
		{"route.proxy('p', { headers = { remove = '%s' } })", "proxy: " + name},
		{"route.proxy('p', { response_headers = { set = { ['X-A'] = '%s' } } })", "route.proxy: response_headers: " + value},
		{"route.proxy('p', { response_headers = { add = { ['%s'] = 'b' } } })", "route.proxy: response_headers: " + name},
		{"route.proxy('p', { response_headers = { remove = { '%s' } } })", "proxy: " + name},
		{"route.proxy('p', { method = '%s' })", "proxy: %s is not a method; a method is a token such as GET"},
		{"route.proxy('p', { query = '%s' })", "proxy: query %s: expected an encoded query, without "},
		{"route.proxy('%s')", "no pool %s"},
	} {
		t.Run(row.action, func(t *testing.T) {
			t.Parallel()
			for _, in := range injections {
				_, err := luatest.Setup{}.Load(t, head(t)+"route:get('/x', "+strings.ReplaceAll(row.action, "%s", in.lua)+")")
				if want := "main.lua:2: " + strings.ReplaceAll(row.want, "%s", strconv.Quote(in.text)); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q: got %v, want %s", in.text, err, want)
				}
			}
		})
	}
}

// The text of an error is for logs. Nothing of it gets into a response, whatever it looks like.
func TestTheTextOfAnErrorIsNoPartOfTheResponse(t *testing.T) {
	t.Parallel()
	const evil = `secret\r\nX-Evil: 1\r\n\r\nHTTP/1.1 200 OK`
	for name, row := range map[string]struct{ script, status string }{
		"error":                    {"route:get('/x', function() error('" + evil + "') end)", "500 Internal Server Error"},
		"error with a table":       {"route:get('/x', function() error({ message = '" + evil + "' }) end)", "500 Internal Server Error"},
		"route.error":              {"route:get('/x', route.error(451, '" + evil + "'))", "451 Unavailable For Legal Reasons"},
		"route.error returned":     {"route:get('/x', function() return route.error(451, '" + evil + "') end)", "451 Unavailable For Legal Reasons"},
		"error in a guard":         {"route:get('/x', { when = function() error('" + evil + "') end }, 'p')", "500 Internal Server Error"},
		"error in on_headers":      {"route:get('/x', function(req, res) res:on_headers(function() error('" + evil + "') end) return 200 end)", "500 Internal Server Error"},
		"error in on_error":        {"route:on_error(function() error('" + evil + "') end) route:get('/x', route.error(451))", "500 Internal Server Error"},
		"an unknown pool":          {"route:get('/x', function() return '" + evil + "' end)", "500 Internal Server Error"},
		"an upstream of that name": {"route:get('/x', function() return route.proxy('p', { upstream = '" + evil + "' }) end)", "500 Internal Server Error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, head(t)+row.script)
			if got, want := site.Wire(t, luatest.Message("GET", "/x")), "HTTP/1.1 "+row.status+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"; got != want {
				t.Errorf("the client gets\n%q\nwant\n%q", got, want)
			}
		})
	}
}

// What a candidate that declines has written down for the response is not in that of the next one, not even a line of it.
func TestADeclinedCandidateLeavesNoLineInTheResponse(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, head(t)+`
		route:get("/x", function(req, res)
			res.status = 404 res.headers["X-A"] = "declined" res.headers["Content-Type"] = nil res:cookie{ name = "a", value = "b" }
			res:on_headers(function(res) res.headers["X-B"] = "declined" end)
			return route.decline
		end)
		route:get("/*", function(req, res) res:write("next") end)`)
	want := "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnext"
	if got := site.Wire(t, luatest.Message("GET", "/x")); got != want {
		t.Errorf("the client gets\n%q\nwant\n%q", got, want)
	}
}

func TestAStatusThatNoHandlerMayReturn(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"0", "-1", "99", "100", "101", "199", "1000", "200.5", "0/0", "1/0", "2 ^ 53"} {
		for _, answer := range []string{"return %s", "return { status = %s }", "return { status = %s, body = 'b' }"} {
			site := luatest.Setup{}.Serve(t, head(t)+fmt.Sprintf("route:get('/x', function() "+answer+" end)", status))
			if a := site.Do(t, "/x", ""); a.Status != http.StatusInternalServerError || a.Body != "" {
				t.Errorf("%s with %s: got %s", answer, status, a)
			}
			if got := lastError(site); !strings.HasSuffix(got, ": expected a whole number from 200 to 999") {
				t.Errorf("%s with %s: got %s", answer, status, got)
			}
		}
		if _, err := (luatest.Setup{}).Load(t, head(t)+"route:get('/x', { status = "+status+" })"); err == nil || !strings.Contains(err.Error(), ": expected a whole number from 200 to 999") {
			t.Errorf("%s: the load says %v", status, err)
		}
	}
}
