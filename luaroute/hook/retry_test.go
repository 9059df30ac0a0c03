package hook_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	luatime "github.com/luaroute/caddy-luaroute/luaroute/lib/time"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// retryingAt is a site whose pool asks its upstreams in their order, and retries by a function.
func retryingAt(t testing.TB, retry, more string, at ...any) *luatest.Site {
	t.Helper()
	setup := luatest.Setup{Libraries: map[string]vm.Library{"time": luatime.Library{}}}
	quoted := ""
	for _, a := range at {
		quoted += fmt.Sprintf("%q, ", a)
	}
	return setup.Serve(t, `local route, time = require("luaroute"), require("time")
		route:pool("api", { `+quoted+` retry = function(req, try) `+retry+` end, select = function(req, up) return up:least("index") end, `+more+` })
		route:any("/held", function(req) req:body() return "api" end)
		route:any("/*", "api")`)
}

// answering is an upstream that reads the body, answers with a status and says what it got.
func answering(t testing.TB, status int, asked *atomic.Int32) string {
	t.Helper()
	return luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Status", fmt.Sprint(status))
		w.WriteHeader(status)
		fmt.Fprintf(w, "%s %d %s", r.Method, status, body)
	})
}

// breaking is an upstream that reads the body and breaks the connection.
func breaking(t testing.TB, asked *atomic.Int32) string {
	t.Helper()
	return luatest.Origin(t, func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	})
}

func TestRetryDecidesByWhatHasCome(t *testing.T) {
	t.Parallel()
	const two = "retries = 1"
	for _, row := range []struct {
		what, retry, more, request, body string
		first                            string // bad, broken or dead
		want                             string
		asked                            int32 // the first one
	}{
		{"a status", "return try.status == 503", two, "GET /", "", "bad", "200 GET 200", 1},
		{"a status, and says no", "return try.status == 500", two, "GET /", "", "bad", "503 GET 503", 1},
		{"nothing, as Caddy", "", two, "GET /", "", "bad", "503 GET 503", 1},
		{"a header in any case", "return try.headers['x-STATUS'] == '503'", two, "GET /", "", "bad", "200 GET 200", 1},
		{"facts", "return try.number == 1 and try.left == 1 and try.elapsed < 60 and try.upstream:find(':') and not try.error and try.headers.Nope == nil", two, "GET /", "", "bad", "200 GET 200", 1},
		{"no number of tries, where time bounds them", "return try.left == nil and try.status == 503", "try_duration = 60, try_interval = '1ms'", "GET /", "", "bad", "200 GET 200", 1},
		{"a broken connection", "return try.error == 'reset' and not try.status and not try.headers", two, "DELETE /", "", "broken", "200 DELETE 200", 1},
		{"a broken connection, and says no", "return false", two, "GET /", "", "broken", "502", 1},
		{"a broken connection, as Caddy, after GET", "", two, "GET /", "", "broken", "200 GET 200", 1},
		{"a broken connection, as Caddy, after DELETE", "", two, "DELETE /", "", "broken", "502", 1},
		{"no connection, of which nobody is asked", "error('asked') ", "on_error = 'closed', " + two, "POST /", "x", "dead", "", 0},
		{"a body in memory", "return try.status == 503", two, "POST /held", "hello", "bad", "200 POST 200 hello", 1},
		{"a body in memory, after a broken connection", "return try.error == 'reset'", two, "POST /held", "hello", "broken", "200 POST 200 hello", 1},
		{"a body that Caddy buffers", "return try.status == 503", "request_buffers = 1000, " + two, "POST /", "hello", "bad", "200 POST 200 hello", 1},
		{"a body that is gone", "return true", two, "POST /", "hello", "bad", "503 POST 503 hello", 1},
		{"a body that is gone, after a broken connection", "return true", two, "POST /", "hello", "broken", "502", 1},
		{"an error, which is as nothing", "error('x')", two, "GET /", "", "bad", "503 GET 503", 1},
		{"an error of a closed pool", "error('x')", "on_error = 'closed', " + two, "GET /", "", "bad", "500", 1},
		{"another value", "return 1", "on_error = 'closed', " + two, "GET /", "", "bad", "500", 1},
		{"a function that waits", "time.sleep(0.01) return true", two, "GET /", "", "bad", "200 GET 200", 1},
		{"a function that waits for longer than there is", "time.sleep(0.3) return true", "try_duration = 0.2, try_interval = '1ms'", "GET /", "", "bad", "503 GET 503", 1},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			var asked, other atomic.Int32
			at := map[string]func() string{
				"bad": func() string { return answering(t, 503, &asked) }, "broken": func() string { return breaking(t, &asked) }, "dead": func() string { return ports.Dead(t) },
			}[row.first]()
			site := retryingAt(t, row.retry, row.more, at, answering(t, 200, &other))
			a := site.Do(t, row.request, row.body)
			if row.first == "dead" { // the body was not read: the next gets it
				row.want = "200 POST 200 x"
			}
			if a.String() != row.want || asked.Load() != row.asked {
				t.Errorf("got %s, asked %d times; want %s; %v", a, asked.Load(), row.want, site.Logs.All())
			}
		})
	}
}

func TestTheLastAnswerIsKept(t *testing.T) {
	t.Parallel()
	for _, more := range []string{"retries = 2", "retries = 2, try_duration = 60, try_interval = '1ms'"} {
		var asked atomic.Int32
		at := answering(t, 503, &asked)
		site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
			route:pool("api", { %q, %s, retry = function(req, try) req.ctx.asked = (req.ctx.asked or 0) + 1 return true end })
			route:use(function(req, res, next) next() res.headers["X"] = "late" end)
			route:get("/*", function(req, res) res:on_headers(function(res) res.headers["X-Asked"] = tostring(req.ctx.asked) end) return "api" end)`, at, more))
		if a := site.Do(t, "/", ""); a.String() != "503 GET 503" || asked.Load() != 3 || a.Header.Get("X-Asked") != "2" {
			t.Errorf("%s: got %s of %d tries, asked %s times", more, a, asked.Load(), a.Header.Get("X-Asked"))
		}
	}
}

func TestABodyThatAnUpstreamHasIsNotReadByFunctions(t *testing.T) {
	t.Parallel()
	var asked, other atomic.Int32
	site := retryingAt(t, "local ok, err = pcall(function() return req:body() end) return true", "retries = 1", answering(t, 503, &asked), answering(t, 200, &other))
	if a := site.Do(t, "POST /", "hello"); a.Status == 200 || other.Load() != 0 {
		t.Errorf("got %s", a)
	}
}

func TestAPostThatNobodyMaySendAgainIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var asked, other atomic.Int32
	site := retryingAt(t, "return true", "retries = 1", answering(t, 503, &asked), answering(t, 200, &other))
	for range 3 {
		site.Do(t, "POST /", "hello")
	}
	if n := site.Logs.FilterMessageSnippet("read it by req:body() before").Len(); n != 1 || other.Load() != 0 {
		t.Errorf("logged %d times, and %d requests were sent again", n, other.Load())
	}
}

func TestAnUploadWhoseAnswerComesEarlyIsNotReadByTwo(t *testing.T) {
	t.Parallel()
	early := luatest.Origin(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	var other atomic.Int32
	site := retryingAt(t, "return try.status == 503", "retries = 1", early, answering(t, 200, &other))
	size := 1 << 20
	for range 20 { // it is sent again whole, or not at all
		a := site.Do(t, "POST /", strings.Repeat("x", size))
		if a.Status == 200 && len(a.Body) != size+len("POST 200 ") {
			t.Fatalf("the other got %d bytes", len(a.Body))
		}
		if a.Status != 200 && a.Status != 503 {
			t.Fatalf("got %d", a.Status)
		}
	}
}

func TestRetryIsNotAskedForUpgrades(t *testing.T) {
	t.Parallel()
	up := luatest.Origin(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	site := retryingAt(t, "error('asked')", "retries = 1, on_error = 'closed'", up, up)
	if a := site.Do(t, "/", "", "Connection: Upgrade", "Upgrade: websocket"); a.Status != 503 {
		t.Errorf("got %s", a)
	}
}

func TestABudgetThatEndsInRetryEndsNoOther(t *testing.T) {
	t.Parallel()
	var asked, other atomic.Int32
	site := retryingAt(t, "while true do end", "retries = 1", answering(t, 503, &asked), answering(t, 200, &other))
	for range 2 {
		if a := site.Do(t, "/", ""); a.String() != "503 GET 503" {
			t.Errorf("got %s", a)
		}
	}
	if s := site.VMs.Stats(); s.Size != s.Idle {
		t.Errorf("virtual machines are missing: %+v", s)
	}
}

func TestUpstreamsByRequest(t *testing.T) {
	t.Parallel()
	at := named(t, "a", "b")
	dead := ports.Dead(t)
	for _, row := range []struct{ what, body, more, want string }{
		{"a list of one", "return { req:query_value('to') == 'b' and b or a }", "", "200 b"},
		{"after a failure, asked again", "req.ctx.n = (req.ctx.n or 0) + 1 return { req.ctx.n == 1 and dead or b }", "retries = 1", "200 b"},
		{"asked once", "req.ctx.n = (req.ctx.n or 0) + 1 return { req.ctx.n == 1 and b or dead }", "", "200 b"},
		{"with fields for select", "return { { a, zone = 'x' }, { b, zone = 'y', weight = 0, max_requests = 3 } }", "select = function(req, up) return up:where('zone', 'y')[1] end", "200 b"},
		{"none", "return {}", "", "503"},
		{"an error, which is as none", "error('x')", "", "503"},
		{"an error, which is as none, where there are others", "error('x')", "b,", "200 b"},
		{"an error of a closed pool", "error('x')", "b, on_error = 'closed'", "500"},
		{"no list", "return 'a'", "b, on_error = 'closed'", "500"},
		{"too many", "local t = {} for i = 1, 65 do t[i] = '10.0.0.1:' .. i end return t", "b, on_error = 'closed'", "500"},
		{"a placeholder", "return { '{http.request.header.X}:80' }", "b, on_error = 'closed'", "500"},
		{"no address", "return { '10.0.0.1' }", "b, on_error = 'closed'", "500"},
		{"a field that all have", "return { { b, requests = 1 } }", "b, on_error = 'closed'", "500"},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route, a, b, dead = require("luaroute"), %q, %q, %q
				route:pool("api", { %s upstreams = function(req) %s end, %s })
				route:get("/*", "api")`, at[0], at[1], dead, map[bool]string{true: "b,"}[strings.HasPrefix(row.more, "b,")], row.body, strings.TrimPrefix(row.more, "b,")))
			if a := site.Do(t, "/?to=b", ""); a.String() != row.want {
				t.Errorf("got %s; want %s; %v", a, row.want, site.Logs.All())
			}
		})
	}
}

// It would hang where a request kept one while its upstream waits.
func TestFunctionsOfPoolsKeepNoVirtualMachineWhileAnUpstreamWorks(t *testing.T) {
	t.Parallel()
	var in atomic.Int32
	all := make(chan struct{})
	up := luatest.Origin(t, func(w http.ResponseWriter, _ *http.Request) {
		if in.Add(1) == 20 {
			close(all)
		}
		select {
		case <-all:
		case <-time.After(time.Minute):
		}
		w.WriteHeader(204)
	})
	setup := luatest.Setup{Limits: config.Limits{VMs: 1}}
	site := setup.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		route:pool("api", { %q, retries = 1, select = function(req, up) req.ctx.x = 1 return up:random() end, retry = function(req, try) end, upstreams = function(req) return { %q } end })
		route:get("/*", "api")`, up, up))
	done := make(chan luatest.Answer, 20)
	for range 20 {
		go func() {
			a, _ := site.Try("/", "")
			done <- a
		}()
	}
	for range 20 {
		if a := <-done; a.Status != 204 {
			t.Errorf("got %s", a)
		}
	}
}
