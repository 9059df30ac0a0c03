package hook_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestNoRequestSeesAnother(t *testing.T) {
	t.Parallel()
	echo := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("X-Who")) })
	site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute") route:pool("echo", %q)
		route:use(function(req, res, next)
			local who = req:header("X-Client")
			assert(req.ctx.who == nil or req.ctx.who == who)
			req.ctx.who = who
			next()
			assert(req.ctx.who == who and req:header("X-Client") == who, "another request")
		end)
		route:use(function(req) assert(req.ctx.who == req:header("X-Client")) req:set_header("X-Who", req.ctx.who) end)
		route:get("/pool/{id}", { when = function(req) req.ctx.id = req:param("id") return true end }, function(req)
			assert(req.ctx.id == req:param("id"))
			return "echo"
		end)
		route:get("/lua/{id}", function(req, res) res.headers["X-Id"] = req.params.id return 200, req.ctx.who end)
		route:any("/*", function(req) return 200, req.ctx.who .. req:body() end)`, echo))
	var clients sync.WaitGroup
	for c := range 64 {
		clients.Go(func() {
			who := fmt.Sprintf("client-%d", c)
			for i := range 10 {
				for path, want := range map[string]string{fmt.Sprintf("/pool/%d-%d", c, i): who, fmt.Sprintf("/lua/%d-%d", c, i): who, "POST /body": who + "body-" + who} {
					a, err := site.Try(path, "body-"+who, "X-Client: "+who)
					if err != nil || a.String() != "200 "+want {
						t.Errorf("%s %s: got %s, %v", who, path, a, err)
						return
					}
				}
			}
		})
	}
	clients.Wait()
	for len(site.Errors) > 0 {
		t.Error(<-site.Errors)
	}
}

// With one virtual machine, a request that waits for its upstream lets others in only if it has given it back.
func TestTheVirtualMachineIsGivenBackBeforeForwarding(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, script, other string }{
		{"by a handler", "route:get('/slow', function() return 'slow' end)", "200 fast"},
		{"by a handler's proxy", "route:get('/slow', function() return route.proxy('slow', { path = '/y' }) end)", "200 fast"},
		{"by a guard", "route:get('/slow', { when = function() return true end }, 'slow')", "200 fast"},
		{"by middleware", "route:use(function() end) route:get('/slow', 'slow')", "200 fast"},
		{"by a wrapper that answers itself", "route:with(function(req, res, next) return 'slow' end):get('/slow', { status = 204 })", "200 fast"},
		{"where req.ctx has plain data", "route:get('/slow', function(req) req.ctx.a = { 1 } return 'slow' end)", "200 fast"},
		{"not where req.ctx has a function", "route:get('/slow', function(req) req.ctx.a = print return 'slow' end)", "503"},
		{"not by a wrapper", "route:with(function(req, res, next) next() end):get('/slow', 'slow')", "503"},
		{"not where a response hook waits", "route:get('/slow', function(req, res) res:on_headers(function() end) return 'slow' end)", "503"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			entered, leave := make(chan struct{}), make(chan struct{})
			slow := luatest.Origin(t, func(w http.ResponseWriter, _ *http.Request) {
				close(entered)
				<-leave
				fmt.Fprint(w, "slow")
			})
			queue := time.Hour
			if row.other == "503" {
				queue = 50 * time.Millisecond
			}
			site := luatest.Setup{Limits: few(1, queue)}.Serve(t,
				fmt.Sprintf("local route = require('luaroute') route:pool('slow', %q) ", slow)+row.script+
					" route:get('/fast', function() return 200, 'fast' end)")
			done := make(chan string, 1)
			go func() {
				a, err := site.Try("/slow", "")
				done <- fmt.Sprintf("%s, %v", a, err)
			}()
			<-entered
			if a := site.Do(t, "/fast", ""); a.String() != row.other {
				t.Errorf("while it forwards, another request got %s, want %s", a, row.other)
			}
			close(leave)
			if got := <-done; got != "200 slow, <nil>" {
				t.Errorf("the request that forwarded got %s", got)
			}
			rests(t, site)
			if a := site.Do(t, "/fast", ""); a.String() != "200 fast" {
				t.Errorf("afterwards, another request got %s", a)
			}
		})
	}
}

func TestWhatEndedMustNotBeKept(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ keep, use, want string }{
		{"req", "kept.path", "req is used after its request has ended; do not keep it"},
		{"req", "kept:header('A')", "req is used after its request has ended; do not keep it"},
		{"req", "kept:set_header('A', 'b')", "req is used after its request has ended; do not keep it"},
		{"req.headers", "kept.a", "req.headers is used after its request has ended; do not keep it"},
		{"req.params", "pairs(kept)", "req.params is used after its request has ended; do not keep it"},
		{"req.query", "kept.a", "req.query is used after its request has ended; do not keep it"},
		{"req.cookies", "kept.a", "req.cookies is used after its request has ended; do not keep it"},
		{"res", "kept:write('a')", "res is used after its request has ended; do not keep it"},
		{"res.headers", "rawequal(kept.a, nil)", "res.headers is used after its request has ended; do not keep it"},
	} {
		t.Run(row.keep+" in "+row.use, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, "local route, kept = require('luaroute'), nil\nroute:get('/x', function(req, res)\n"+
				"if kept == nil then kept = "+row.keep+" return 204 end local _ = "+row.use+" return 204 end)")
			site.Do(t, "/x", "")
			if a := site.Do(t, "/x", ""); a.String() != "500" {
				t.Errorf("got %s, want 500", a)
			}
			if got := lastError(site); got != "500: main.lua:3: "+row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

func FuzzWhatAHandlerReturnsNeverPanics(f *testing.F) {
	for _, seed := range []string{
		"200, 'b'", "'p'", "{ status = 204 }", "route.decline", "0/0", "-1", "1e308, {}", "{ 1, 2 }", "route.proxy('p', { path = '/\\n' })",
		"route.redirect('\\r\\n')", "nil, nil", "200, ('x'):rep(100), { a = { 'b', {} } }", "req", "function() end", "setmetatable({}, { __index = error })",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, values string) {
		table, err := luatest.Setup{Limits: config.Limits{VMs: 2, Queue: caddy.Duration(time.Second)}}.Load(t,
			"local route = require('luaroute') route:get('/x', function(req, res) return "+values+"\nend)")
		if err != nil {
			return
		}
		status, err := luatest.Ask(table, "/x")
		if status == 0 && err == nil {
			t.Errorf("return %s: neither an answer nor an error", values)
		}
	})
}
