package request_test

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// What a script has kept of a request is of no use in the next one, which gets neither the old values nor a change.
func TestWhatWasKeptOfARequestIsRefusedInTheNext(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ kept, use, want string }{
		{"req", "kept:header('X-Who')", "req is used after its request has ended; do not keep it"},
		{"req", "kept.method", "req is used after its request has ended; do not keep it"},
		{"req", "kept.ctx", "req is used after its request has ended; do not keep it"},
		{"req", "kept:body()", "req is used after its request has ended; do not keep it"},
		{"req", "kept:set_header('X-A', 'b')", "req is used after its request has ended; do not keep it"},
		{"req", "kept:log_field('a', 'b')", "req is used after its request has ended; do not keep it"},
		{"req.headers", "kept['X-Who']", "req.headers is used after its request has ended; do not keep it"},
		{"req.params", "kept['*']", "req.params is used after its request has ended; do not keep it"},
		{"req.query", "kept.a", "req.query is used after its request has ended; do not keep it"},
		{"req.cookies", "kept.a", "req.cookies is used after its request has ended; do not keep it"},
		{"req.cookies", "pairs(kept)", "req.cookies is used after its request has ended; do not keep it"},
		{"res", "kept:write('old')", "res is used after its request has ended; do not keep it"},
		{"res", "kept:flush()", "res is used after its request has ended; do not keep it"},
		{"res", "kept:json({})", "res is used after its request has ended; do not keep it"},
		{"res", "kept:redirect('/y')", "res is used after its request has ended; do not keep it"},
		{"res", "kept:cookie{ name = 'a', value = 'b' }", "res is used after its request has ended; do not keep it"},
		{"res", "kept:on_done(print)", "res is used after its request has ended; do not keep it"},
		{"res", "kept.status", "res is used after its request has ended; do not keep it"},
		{"res.headers", "kept['X-A']", "res.headers is used after its request has ended; do not keep it"},
		{"function() res:write('old') end", "kept()", "res is used after its request has ended; do not keep it"},
		{"coroutine.wrap(function() coroutine.yield() res:write('old') end)", "(kept() or kept())", "res is used after its request has ended; do not keep it"},
	} {
		t.Run(row.use+" of "+row.kept, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{Limits: one()}.Serve(t, `local route, keep = require("luaroute"), {}
				route:get("/keep", function(req, res) keep.it = `+row.kept+` return 200, "kept" end)
				route:get("/use", function(req, res) local kept = keep.it local ok, e = pcall(function() return `+row.use+` end) return 200, tostring(e) end)`)
			if a := site.Do(t, "/keep", "", "X-Who: first"); a.String() != "200 kept" {
				t.Fatalf("got %s", a)
			}
			if a := site.Do(t, "/use", "", "X-Who: second"); !strings.HasSuffix(a.String(), ": "+row.want) || a.Header.Get("X-A") != "" {
				t.Errorf("got %s, want %s", a, row.want)
			}
		})
	}
}

// A handler that forwards has ended by then, and so has what it was given, even for a hook of the same request.
func TestAfterTheResponseOnlyTheContextIsThere(t *testing.T) {
	t.Parallel()
	for call, want := range map[string]string{
		"res:write('late')":           "res",
		"res.status = 404":            "res",
		"res.headers['X-A'] = 'late'": "res",
		"res:flush()":                 "res",
		"req:set_header('A', 'b')":    "req",
		"local _ = req.path":          "req",
		"req:log_field('a', 'b')":     "req",
		"req:var('a', 'b')":           "req",
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{Limits: one()}.Serve(t, `local route, last = require("luaroute"), {}
				route:get("/x", function(req, res)
					req.ctx.who = "ctx"
					res:on_done(function() local ok, e = pcall(function() `+call+` end) last.e = tostring(e) .. req.ctx.who end)
					return 200, "answer"
				end)
				route:get("/last", function() return 200, last.e or "nothing" end)`)
			if a := site.Do(t, "/x", ""); a.String() != "200 answer" || a.Header.Get("X-A") != "" {
				t.Errorf("got %s", a)
			}
			// with one virtual machine, the next request waits for what runs when the one before is over
			if a := site.Do(t, "/last", ""); !strings.HasSuffix(a.String(), ": "+want+" is used after its request has ended; do not keep it"+"ctx") {
				t.Errorf("got %s", a)
			}
		})
	}
}

// In on_headers the response is that of the action: the script may change its header, and cannot answer.
func TestOnHeadersCannotAnswer(t *testing.T) {
	t.Parallel()
	for call, want := range map[string]string{
		"res:write('b')":                     "res:write",
		"res:write('')":                      "res:write",
		"res:json({})":                       "res:json",
		"res:flush()":                        "res:flush",
		"res:redirect('/y')":                 "res:redirect",
		"res:on_headers(function() end)":     "res:on_headers",
		"res.status = 99":                    "",
		"res.status = 'x'":                   "",
		"res.headers['X-A'] = 'a\\r\\nb: c'": "",
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			p := newTap(t)
			site := tapped(t, p, "res:on_headers(function(res) refuse(function() "+call+" end) end) return 200, 'answer'")
			plain := tapped(t, p, "return 200, 'answer'")
			if got, want := site.Wire(t, luatest.Message("GET", "/x")), plain.Wire(t, luatest.Message("GET", "/x")); got != want {
				t.Errorf("the client gets\n%q\nwithout the call it is\n%q", got, want)
			}
			message := logged(t, site)
			if want != "" && message != "main.lua:4: "+want+" is used in on_headers, where the response is that of the action" || !strings.HasPrefix(message, "main.lua:4: ") {
				t.Errorf("got %q", message)
			}
			broken := tapped(t, p, "res:on_headers(function(res) res.headers['X-B'] = 'b' "+call+" end) return 200, 'answer'")
			if got := broken.Wire(t, luatest.Message("GET", "/x")); got != "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" {
				t.Errorf("not caught, the client gets\n%q", got)
			}
		})
	}
}

// What on_body returns is the body. A function that also wrote would be called for what it wrote, without an end.
func TestOnBodyCannotWrite(t *testing.T) {
	t.Parallel()
	for call, want := range map[string]string{
		"res:write('b')":              "res:write is used in on_body, which returns what to send",
		"res:flush()":                 "res:flush is used in on_body, which returns what to send",
		"res:json({})":                "res:json is used after the response has begun",
		"res:redirect('/y')":          "res:redirect is used after the response has begun",
		"res.headers['X-A'] = 'b'":    "res.headers is used after the response has begun",
		"res.status = 404":            "res.status is used after the response has begun",
		"res:on_body(function() end)": "res:on_body is used after the response has begun",
	} {
		for _, answer := range []string{"return 'p'", "return 200, 'answer'", "res:write('answer')"} {
			p := newTap(t)
			site := tapped(t, p, "res:on_body(function(piece) if piece ~= '' then refuse(function() "+call+" end) end return piece end) "+answer)
			plain := tapped(t, p, "res:on_body(function(piece) return piece end) "+answer)
			if got, want := site.Wire(t, luatest.Message("GET", "/x")), plain.Wire(t, luatest.Message("GET", "/x")); got != want {
				t.Errorf("%s: the client gets\n%q\nwithout the call it is\n%q", call, got, want)
			}
			if got := logged(t, site); got != "main.lua:4: "+want {
				t.Errorf("%s with %s: got %q, want %q", call, answer, got, want)
			}
		}
	}
}

func TestAResponseWithoutABodyTakesNone(t *testing.T) {
	t.Parallel()
	for call, want := range map[string]string{
		"res.status = 204 res:write('x')": "res:write: status 204 has no body",
		"res.status = 304 res:write('x')": "res:write: status 304 has no body",
		"res.status = 204 res:json({})":   "res:json: status 204 has no body",
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			refused(t, call, want)
		})
	}
}
