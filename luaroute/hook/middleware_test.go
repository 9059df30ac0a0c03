package hook_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestMiddlewareRunsFromTheOutsideAsWritten(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, `local route = require("luaroute")
		local function note(word) return function(req) req.ctx.way = (req.ctx.way or "") .. word end end
		local function wrap(word) return function(req, res, next) req.ctx.way = (req.ctx.way or "") .. word next() end end
		route:use(note("a"), wrap("b"))
		route:use(note("c"))
		route:route("/in", function(r)
			r:use(wrap("d"), note("e"))
			r:with(note("f"), wrap("g")):get("/x", { when = function(req) req.ctx.way = "0" return true end }, function(req) return 200, req.ctx.way .. "h" end)
		end)
		route:when(function(req) req.ctx.way = "L" return true end, function(r) r:use(note("1")) r:get("/layer", function(req) return 200, req.ctx.way end) end)`)
	for path, want := range map[string]string{"/in/x": "200 0abcdefgh", "/layer": "200 Labc1"} {
		if a := site.Do(t, path, ""); a.String() != want {
			t.Errorf("%s: got %s, want %s", path, a, want)
		}
	}
}

func TestAWrapper(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, wrapper, route, want, err string }{
		{"what is inside answers", "next()", "'p'", "200 GET /x", ""},
		{"a decline is passed on", "next()", "route.decline", "418 next", ""},
		{"a decline may be answered", "if not next() then return 404, 'mine' end", "route.decline", "404 mine", ""},
		{"a decline may be written over", "if not next() then res:write('mine') end", "route.decline", "200 mine", ""},
		{"an answer without next", "return 401, 'no'", "'p'", "401 no", ""},
		{"a pool without next", "return 'p'", "{ body = 'inside' }", "200 GET /x", ""},
		{"writing without next", "res:write('mine')", "'p'", "200 mine", ""},
		{"next twice", "next() next()", "{ body = 'b' }", "", "main.lua:2: next was called before; it can be called once"},
		{"next never, and no answer", "", "'p'", "500", "500: main.lua:2: the middleware did not call next and answered nothing; to stop here, return an answer"},
		{"an answer after an answer", "next() return 200", "{ body = 'b' }", "", "main.lua:2: the middleware answered, but next() already had"},
		{"a header after an answer", "next() res.headers['X-A'] = 'b'", "{ body = 'b' }", "", "main.lua:2: res.headers is used after the response has begun"},
		{"a status after an answer", "next() res.status = 201", "{ body = 'b' }", "", "main.lua:2: res.status is used after the response has begun"},
		{"a body after an answer", "next() res:write('more')", "{ body = 'b' }", "", "main.lua:2: a body was written after next() answered"},
		{"an error inside goes through", "next()", "route.error(451, 'why')", "451", "451: why"},
		{"a script error inside goes through", "next()", "function() error('boom') end", "500", "500: main.lua:2: boom"},
		{"an error inside, caught, is passed on", "pcall(next)", "route.error(451, 'why')", "451", "451: why"},
		{"a script error inside, caught, is passed on", "pcall(next)", "function() error('boom') end", "500", "500: main.lua:2: boom"},
		{"an error inside, caught, may be answered", "if not pcall(next) then return 502, 'sorry' end", "route.error(451, 'why')", "502 sorry", ""},
		{"an error inside, caught, may be written over", "if not pcall(next) then res:write('sorry') end", "function() error('boom') end", "200 sorry", ""},
		{"an error inside, raised again", "local ok, e = pcall(next) error(e)", "route.error(451, 'why')", "451", "451: why"},
		{"a dead pool, caught", "if not pcall(next) then return 502, 'sorry' end", "'dead'", "502 sorry", ""},
		{"a dead pool goes through", "next()", "'dead'", "502", ""},
		{"an error of its own after a caught one", "pcall(next) error('mine')", "route.error(451)", "500", "500: main.lua:2: mine"},
		{"next in a coroutine", "coroutine.wrap(function() next() end)()", "function() return 200, 'deep' end", "200 deep", ""},
		{"next in a pcall in a coroutine", "coroutine.wrap(function() assert(pcall(next)) end)()", "'p'", "200 GET /x", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, head(t)+"route:use(function(req, res, next) "+row.wrapper+
				" end) route:get('/x', "+row.route+")")
			a, err := site.Try("/x", "")
			if row.want != "" && (err != nil || a.String() != row.want) {
				t.Errorf("got %s, %v; want %s", a, err, row.want)
			}
			if got := lastError(site); row.err != "" && !strings.HasSuffix(got, row.err) || row.err == "" && row.want != "502" && got != "" {
				t.Errorf("got the error %q, want %q", got, row.err)
			}
		})
	}
}

func TestNextOfARequestBeforeIsAnError(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, head(t)+`local kept
		route:with(function(req, res, next) kept = next return 200 end):get('/keep', 'p')
		route:get('/use', function() kept() end)`)
	site.Do(t, "/keep", "")
	a, failure := site.Do(t, "/use", ""), lastError(site)
	if a.String() != "500" || !strings.HasSuffix(failure, "main.lua:4: next is used after its middleware has ended; do not keep it") {
		t.Errorf("the second request got %s: %s", a, failure)
	}
}

func TestNextSaysWhetherSomethingAnswered(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, head(t)+`local log = require("log")
		route:use(function(req, res, next) log.info("next: " .. tostring(next())) end)
		route:get("/answers", "p") route:get("/declines", route.decline) route:get("/written", function(req, res) res:write("w") end)`)
	for _, row := range []struct{ path, want string }{{"/answers", "next: true"}, {"/declines", "next: false"}, {"/written", "next: true"}} {
		site.Do(t, row.path, "")
		all := site.Logs.TakeAll()
		if len(all) != 1 || all[0].Message != row.want {
			t.Errorf("%s: got %v, want %s", row.path, all, row.want)
		}
	}
}

func TestAnUpstreamThatAbortsEndsTheConnectionThroughAWrapper(t *testing.T) {
	t.Parallel()
	half := luatest.Origin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute") route:pool("half", %q)
		local n = 0
		route:use(function(req, res, next) n = n + 1 pcall(next) end)
		route:get("/half", "half") route:get("/n", function(req) return 200, n end)`, half))
	for range 3 {
		if a, err := site.Try("/half", ""); err == nil {
			t.Errorf("got %s, want a connection that breaks", a)
		}
	}
	// the virtual machine of each was let go: what it counted is not seen again
	if a := site.Do(t, "/n", ""); a.String() != "200 1" {
		t.Errorf("got %s, want a virtual machine that nothing was interrupted in", a)
	}
}

func TestTheContextIsSharedByGuardMiddlewareAndHandler(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, `local route = require("luaroute")
		route:use(function(req) req.ctx.b = req.ctx.a + 1 end)
		route:get("/x", { when = function(req) req.ctx.a = 1 return true end }, function(req) return 200, req.ctx end)
		route:get("/{x}", { when = function(req) req.ctx.seen = (req.ctx.seen or 0) + 1 return false end }, { body = "b" })
		route:get("/*", { when = function(req) req.ctx.a = 5 return true end }, function(req) return 200, req.ctx end)`)
	for path, want := range map[string]string{"/x": `200 {"a":1,"b":2}`, "/y": `200 {"a":5,"b":6,"seen":1}`} {
		for range 2 { // nothing stays from request to request
			if a := site.Do(t, path, ""); a.String() != want {
				t.Errorf("%s: got %s, want %s", path, a, want)
			}
		}
	}
}

func TestAGuardCanChangeNothingButTheContext(t *testing.T) {
	t.Parallel()
	for _, call := range []string{
		"req:set_header('A', 'b')", "req:add_header('A', 'b')", "req:remove_header('A')", "req:set_path('/y')", "req:set_uri('/y')",
		"req:set_query('a', 'b')", "req:set_raw_query('a=b')", "req:set_method('POST')", "req:set_body('b')", "req:var('a', 'b')", "req:log_field('a', 'b')",
		"req.headers.a = 'b'", "res.status = 404", "res.headers.a = 'b'", "res:write('b')", "res:flush()", "res:json({})", "res:redirect('/y')",
		"res:cookie({ name = 'a', value = 'b' })", "res:on_headers(print)", "res:on_body(print)", "res:on_done(print)",
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, "local route = require('luaroute')\nroute:get('/x', { when = function(req, res) "+call+" return true end }, { body = 'b' })")
			if a := site.Do(t, "/x", ""); a.String() != "500" {
				t.Errorf("got %s, want 500", a)
			}
			if got := lastError(site); !strings.HasPrefix(got, "500: main.lua:2: re") || !strings.HasSuffix(got, " is used in a guard, which can change nothing but req.ctx") {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestADeclineUndoesWhatTheCandidateChanged(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, head(t)+`
		route:use(function(req, res) res.headers["X-Outer"] = "o" end)
		route:post("/x", function(req, res)
			req.ctx.body = req:body()
			req:set_method("PUT") req:set_uri("/changed?a=b") req:set_header("X-In", "changed") req:var("v", "changed")
			res.headers["X-Out"] = "changed" res:cookie{ name = "a", value = "b" }
			return route.decline
		end)
		route:post("/*", function(req)
			return 200, { req.method, req.uri, req:header("X-In") or "none", req:var("v") or "none", req.ctx.body, req:body() }
		end)`)
	a := site.Do(t, "POST /x?q", "text")
	if want := `200 ["POST","/x?q","none","none","text","text"]`; a.String() != want || a.Header.Get("X-Out") != "" || a.Header.Get("Set-Cookie") != "" || a.Header.Get("X-Outer") != "o" {
		t.Errorf("got %s %v, want %s", a, a.Header, want)
	}
}

func TestAHandlerOfCaddyIsMiddleware(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, `local route = require("luaroute")
		route:use(function(req) req.ctx.before = "yes" end)
		route:use(route.handler("headers", { response = { set = { ["X-Caddy"] = { "on" } } } }))
		route:get("/x", function(req) return 200, req.ctx.before end)
		route:get("/y", route.handler("static_response", { status_code = 203, body = "{http.request.method}" }))`)
	if a := site.Do(t, "/x", ""); a.String() != "200 yes" || a.Header.Get("X-Caddy") != "on" {
		t.Errorf("got %s %v", a, a.Header)
	}
	if a := site.Do(t, "/y", ""); a.String() != "203 GET" || a.Header.Get("X-Caddy") != "on" {
		t.Errorf("got %s %v", a, a.Header)
	}
}
