package http_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/memory"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/http"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/internal/libtest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// world is the library of a tenant that may ask servers on this machine.
func world(t testing.TB, l http.Library) libtest.World {
	t.Helper()
	l.Allow = append(l.Allow, "127.0.0.0/8")
	tenant := &vm.Tenant{}
	lib, err := l.For(tenant)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tenant.End)
	return libtest.World{Name: "http", Library: lib}
}

// origin starts a server, which says what it was asked unless its path is that of something else.
func origin(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/json":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"a":[1,2],"big":12345678901234567890}`)
		case "/two":
			w.Header().Add("X-Two", "a")
			w.Header().Add("X-Two", "b")
		case "/status":
			w.WriteHeader(503)
		case "/slow":
			<-r.Context().Done()
		case "/large":
			_, _ = w.Write(make([]byte, 3<<20))
		case "/away":
			nethttp.Redirect(w, r, "/", nethttp.StatusFound)
		default:
			fmt.Fprintf(w, "%s %s %s", r.Method, r.URL, body)
			if r.Header.Get("X-Show") != "" {
				fmt.Fprintf(w, " %s %s %s", r.Host, r.Header.Get("Content-Type"), strings.Join(r.Header["X-Show"], ","))
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestACallReturnsTheAnswer(t *testing.T) {
	t.Parallel()
	url := origin(t)
	w := world(t, http.Library{})
	w.Check(t, at(url, []libtest.Row{
		{"get", `http.get("$/x?a=1").body`, "GET /x?a=1 "},
		{"head", `http.head("$/").status`, "200"},
		{"post", `http.post("$/", { body = "b" }).body`, "POST / b"},
		{"put", `http.put("$/", { json = { a = 1 } }).body`, `PUT / {"a":1}`},
		{"patch", `http.patch("$/", { form = { a = "1 2", b = { 1, 2 } } }).body`, "PATCH / a=1+2&b=1&b=2"},
		{"delete", `http.delete("$/").body`, "DELETE / "},
		{"request", `http.request{ method = "PROPFIND", url = "$/" }.body`, "PROPFIND / "},
		{"the method of a request", `http.request{ url = "$/" }.body`, "GET / "},
		{"query", `http.get("$/x?a=1#f", { query = { b = 2, a = { "x", "&" } } }).body`, "GET /x?a=1&a=x&a=%26&b=2 "},
		{"the first query", `http.get("$/x", { query = { b = true } }).body`, "GET /x?b=true "},
		{"headers", `http.get("$/", { headers = { ["x-show"] = { 1, "two" }, host = "a.example" } }).body`, "GET /  a.example  1,two"},
		{"the type of JSON", `http.post("$/", { json = {}, headers = { ["X-Show"] = true, Host = "h" } }).body`, "POST / {} h application/json true"},
		{"another type", `http.post("$/", { json = {}, headers = { ["X-Show"] = 1, Host = "h", ["content-type"] = "a/b" } }).body`, "POST / {} h a/b 1"},
		{"fields", `(function() local r = http.get("$/away", { redirects = 1 }) return r.status, r.url == "$/", r.elapsed > 0, tostring(r) end)()`, "200 true true http.Response"},
		{"any status", `http.get("$/status").status`, "503"},
		{"a redirect", `http.get("$/away").status, http.get("$/away").headers.location`, "302 /"},
		{"values", `#http.get("$/two"):values("x-two"), http.get("$/two"):values("x-two")[2], #http.get("$/two"):values("none")`, "2 b 0"},
		{"headers by name", `http.get("$/two").headers["x-TWO"], http.get("$/two").headers.none`, "a nil"},
		{"pairs of headers", `(function() local n for k, v in pairs(http.get("$/two").headers) do if k == "X-Two" then n = v end end return n end)()`, "a"},
		{"JSON", `http.get("$/json"):json().a[2], http.get("$/json"):json({ big = "string" }).big`, "2 12345678901234567890"},
		{"no JSON", `http.get("$/"):json()`, "nil json: at byte 0: found 'G'; expected a value"},
		{"a client", `http.client({ headers = { ["X-Show"] = "c", Host = "h" }, timeout = 2, query = { k = 1 } }):get("$/", { headers = { ["x-show"] = "own" } }).body`, "GET /?k=1  h  own"},
		{"a client keeps its own", `(function() local c = http.client{ headers = { Host = "h" } } c:get("$/", { headers = { ["X-Show"] = "1" } }) return c:post("$/").body end)()`, "POST / "},
		{"a client's request and all", `(function() local c = http.client{ max_body = 2 } return c:request{ url = "$/" }, (c:all{ { url = "$/" } })[1].err end)()`, "nil too large: the body of the answer has more than 2 bytes"},
		{"an answer that nobody has sent", `http.response{ status = 404, headers = { A = { 1, 2 } }, json = { b = 1 } }.headers.A, http.response{ json = { b = 1 } }:json().b, http.response{}.status`, "1 1 200"},
	}))
}

// at puts the URL of a server into expressions, and allows a result to be cut.
func at(url string, rows []libtest.Row) []libtest.Row {
	for i := range rows {
		rows[i][1] = strings.ReplaceAll(rows[i][1], "$", url)
	}
	return rows
}

func TestACallWithoutAnAnswerReturnsNilAndAnError(t *testing.T) {
	t.Parallel()
	url := origin(t)
	w := world(t, http.Library{Timeout: caddy.Duration(time.Minute), Deny: []string{"127.0.0.9"}})
	for call, want := range map[string]string{
		`http.get("$/slow", { timeout = 0.05 })`:          "nil timeout: there was no whole answer within 50ms",
		`http.get("$/large")`:                             "nil too large: the body of the answer has more than 1048576 bytes",
		`http.get("http://127.0.0.9:1/")`:                 "nil forbidden: 127.0.0.9:1 is in what is denied",
		`http.get("http://10.0.0.1/")`:                    "nil forbidden: 10.0.0.1:80 is a private address, and http may dial",
		`http.get("http://none.invalid/")`:                "nil dns: ",
		`http.get("ftp://a.example/")`:                    "nil invalid: the URL is not one of http or https",
		`http.get("$").body`:                              "GET / ",
		`http.get("$/large", { max_body = "4MiB" }).body`: "\x00",
	} {
		got, err := w.Eval(t, strings.ReplaceAll(call, "$", url))
		if err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %.100q, %v; want %q", call, got, err, want)
		}
	}
}

func TestTheConfigurationSetsTheTimeoutOfCallsThatSetNone(t *testing.T) {
	t.Parallel()
	got, err := world(t, http.Library{Timeout: caddy.Duration(100 * time.Millisecond)}).Eval(t, `http.get("`+origin(t)+`/slow")`)
	if want := "nil timeout: there was no whole answer within 100ms"; err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestWrongOptionsRaise(t *testing.T) {
	t.Parallel()
	w := world(t, http.Library{})
	for call, want := range map[string]string{
		`http.get("$", { timeouts = 1 })`:                                      `http.get: unknown key "timeouts"; allowed are query, headers, body, json, form, timeout, max_body, redirects, sensitive, retries, cache, pool; did you mean "timeout"?`,
		`http.get("$", { url = "x" })`:                                         `http.get: unknown key "url"`,
		`http.get("$", { 1 })`:                                                 `http.get: unknown key "1"`,
		`http.get("$", 1)`:                                                     "table expected, got number",
		`http.get()`:                                                           "string expected",
		`http.request{ method = "GET" }`:                                       "http.request: url is missing",
		`http.request{ url = "$", method = "get" }`:                            "methods are case-sensitive, write GET",
		`http.request{ url = "$", method = "CONNECT" }`:                        "CONNECT makes a tunnel",
		`http.get("$", { timeout = 0 })`:                                       "http.get: timeout is 0; expected seconds from 0.001 to 3600",
		`http.get("$", { timeout = "1s" })`:                                    `timeout is "1s"; expected seconds`,
		`http.get("$", { timeout = 0/0 })`:                                     "expected seconds",
		`http.get("$", { max_body = "1GiB" })`:                                 `max_body is "1GiB"; expected at most 8388608 bytes, an eighth of the limit memory`,
		`http.get("$", { max_body = -1 })`:                                     "max_body is -1; expected a number of bytes",
		`http.get("$", { redirects = 11 })`:                                    "redirects is 11; expected a whole number from 0 to 10",
		`http.get("$", { retries = 4 })`:                                       "retries is 4; expected a whole number from 0 to 3",
		`http.post("$", { body = "a", json = 1 })`:                             "there is body and json; expected one of them",
		`http.post("$", { json = print })`:                                     "http.post: json: ",
		`http.post("$", { form = { a = {{}} } })`:                              `http.post: form: the value of "a" in the query is a table`,
		`http.get("$", { headers = { ["a b"] = "1" } })`:                       `"a b" is not a header name`,
		`http.get("$", { headers = { A = "1\r\nB: 2" } })`:                     "has a control character",
		`http.get("$", { headers = { Host = "a b" } })`:                        "the header Host is",
		`http.get("$", { headers = { Connection = "close" } })`:                "header Connection: it belongs to the connection",
		`http.get("$", { headers = { ["content-length"] = 1 } })`:              "header Content-Length: it belongs to the connection",
		`http.get("$", { headers = { ["transfer-encoding"] = "chunked" } })`:   "header Transfer-Encoding: it belongs",
		`http.get("$", { headers = { upgrade = "x" } })`:                       "header Upgrade: it belongs",
		`http.get("$", { headers = { A = {{}} } })`:                            `header "A" is a table; expected a string`,
		`http.get("$", { cache = {} })`:                                        "http.get: cache: ttl is nil; expected seconds from 0.001 on",
		`http.get("$", { cache = { tll = 1 } })`:                               `http.get: cache: unknown key "tll"; allowed are ttl, negative, negative_status, stale, key, respect; did you mean "ttl"?`,
		`http.get("$", { cache = { ttl = 1, negative_status = 500 } })`:        "negative_status is 500; expected 401, 403, or a list of them",
		`http.get("$", { cache = { ttl = 1, negative_status = { 401, 1 } } })`: "negative_status is a table; expected 401, 403, or a list of them",
		`http.get("$", { cache = { ttl = 1, key = "" } })`:                     `key is ""; expected a string that is not empty`,
		`http.put("http://127.0.0.1:1/", { cache = { ttl = 1 } })`:             "answers to PUT are not kept; cache is for GET, HEAD, POST",
		`http.get("/", { pool = "p", redirects = 1 })`:                         "with a pool there are no redirects and retries",
		`http.get("/", { pool = "p" })`:                                        `pool "p": a pool can be asked only while a request runs`,
		`http.all{}`:                                                           "http.all: there are 0 requests; expected a list of 1 to 16",
		`http.all{ "$" }`:                                                      `request 1 is "$"; expected a table`,
		`http.all{ {} }`:                                                       "request 1 has no url",
		`http.all{ { url = "$" }, fist = true }`:                               `found "fist" = true; expected a list of requests, and perhaps first = true`,
		`http.all{ { url = "$", first = true } }`:                              `http.all: unknown key "first"`,
		`http.client{ tls = { ca = "x" } }`:                                    "http.client: with tls it can be called only while scripts load",
		`http.client{}:fetch()`:                                                `a client has no method "fetch"; it has all, get, head, post, put, patch, delete, request`,
		`http.client{}.get("$")`:                                               "methods are called with a colon",
		`http.response{}.boddy`:                                                `an answer has no field "boddy"`,
		`(function() http.response{}.body = 1 end)()`:                          "http.Response is read-only",
		`(function() http.response{}.headers.a = 1 end)()`:                     "http.Headers is read-only",
		`http.response{ status = 99 }`:                                         "status is 99; expected a status from 100 to 599",
	} {
		if got, err := w.Eval(t, call); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want %q", call, got, err, want)
		}
	}
}

func TestManyAreAskedAtOnce(t *testing.T) {
	t.Parallel()
	var under, most atomic.Int64
	release := make(chan struct{})
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		switch r.URL.Path {
		case "/quick":
			fmt.Fprint(w, "quick")
		case "/failed":
			w.WriteHeader(500)
		case "/slow":
			<-r.Context().Done()
		default:
			if n := under.Add(1); n == 16 {
				most.Store(n)
				close(release)
			}
			<-release
			fmt.Fprint(w, r.URL.Path)
		}
	}))
	t.Cleanup(s.Close)
	w := world(t, http.Library{})
	got, err := w.Eval(t, strings.ReplaceAll(`(function()
		local all = {}
		for i = 1, 16 do all[i] = { url = "$/" .. i, timeout = 20 } end
		local list, first = http.all(all)
		local out = {}
		for i, r in ipairs(list) do out[i] = r.res.body end
		return table.concat(out), first
	end)()`, "$", s.URL))
	if want := "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16 nil"; err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
	if most.Load() != 16 {
		t.Error("they were not asked at once")
	}
	got, err = w.Eval(t, strings.ReplaceAll(`(function()
		local list, first = http.all{ { url = "$/slow" }, { url = "$/quick" }, { url = "ftp://x" }, first = true }
		return first, list[2].res.body, list[1].err, list[3].err
	end)()`, "$", s.URL))
	if want := "2 quick closed: another answer came first invalid: the URL is not one of http or https"; err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
	got, err = w.Eval(t, strings.ReplaceAll(`(function()
		local list, first = http.all{ { url = "$/failed" }, { url = "$/slow", timeout = 0.05 }, first = true }
		return first, list[1].res.status, list[2].err
	end)()`, "$", s.URL))
	if want := "nil 500 timeout: there was no whole answer within 50ms"; err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestARequestMakesNoMoreThan32Calls(t *testing.T) {
	t.Parallel()
	got, err := world(t, http.Library{}).Eval(t, strings.ReplaceAll(`(function()
		for i = 1, 30 do assert(http.get("$/")) end
		local list = http.all{ { url = "$/" }, { url = "$/" }, { url = "$/" } }
		return list[2].res.status, list[3].err
	end)()`, "$", origin(t)))
	if want := "200 busy: the request has made 32 calls; more are not allowed"; err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestATenantHasNoMoreCallsUnderWayThanItMay(t *testing.T) {
	t.Parallel()
	w := world(t, http.Library{MaxConns: 2})
	for range 2 { // the places are free again
		got, err := w.Eval(t, strings.ReplaceAll(`(function()
			local list = http.all{ { url = "$/" }, { url = "$/" }, { url = "$/" } }
			return list[1].res.status, list[2].res.status, list[3].err
		end)()`, "$", origin(t)))
		if want := "200 200 busy: 2 calls of the tenant are under way; more are not allowed"; err != nil || got != want {
			t.Errorf("got %s, %v", got, err)
		}
	}
}

func TestNobodyIsAskedWhileScriptsLoad(t *testing.T) {
	t.Parallel()
	url := origin(t)
	b := vm.NewBuilder(nil, vm.Options{Libraries: map[string]vm.Library{"http": world(t, http.Library{}).Library}})
	run := func() error {
		L := b.State().L
		L.Push(b.Global("require"))
		L.Push(lua.LString("http"))
		L.Call(1, 1)
		fn := L.GetField(L.Get(-1), "get").(*lua.LFunction)
		L.Pop(1)
		return b.State().Call(fn, 1, lua.LString(url))
	}
	if err := run(); err == nil || !strings.Contains(err.Error(), "http asks nobody while scripts load; call it in route.on_load") {
		t.Errorf("while scripts load: %v", err)
	}
	b.Declared()
	if err := run(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestNothingIsSentForASimulatedRequest(t *testing.T) {
	t.Parallel()
	s, ref := world(t, http.Library{}).State(t, `keep(function(url)
		local res, err = http.post(url .. "/x", { query = { a = 1 } })
		return tostring(res) .. " " .. err .. " " .. http.all({ { url = url } })[1].err
	end)`)
	s.Arm(vm.Limits{CPU: time.Minute}, t.Context())
	var refused []string
	s.Refuse = func(what string) { refused = append(refused, what) }
	got, err := libtest.Text(s, s.Call(s.Func(ref), 1, libtest.String("http://127.0.0.1:1")))
	const no = `forbidden: nothing is sent for a request that is only simulated; in tests use stub("http", …)`
	if err != nil || got != "nil "+no+" "+no {
		t.Errorf("got %s, %v", got, err)
	}
	if fmt.Sprint(refused) != "[http: POST http://127.0.0.1:1/x?a=1 http: GET http://127.0.0.1:1]" {
		t.Errorf("reported: %q", refused)
	}
}

func TestACallEndsWithItsRequestAndWithItsWall(t *testing.T) {
	t.Parallel()
	url := origin(t)
	s, ref := world(t, http.Library{}).State(t, `keep(function(url) return pcall(http.get, url, { timeout = 60 }) end)`)
	gone := errors.New("the client is gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	s.Arm(vm.Limits{CPU: time.Minute, Wall: time.Minute}, ctx)
	time.AfterFunc(20*time.Millisecond, func() { cancel(gone) })
	if err := s.Call(s.Func(ref), 1, libtest.String(url+"/slow")); !errors.Is(err, gone) {
		t.Errorf("the error is %v", err)
	}
	s, ref = world(t, http.Library{}).State(t, `keep(function(url) return pcall(http.get, url, { timeout = 60 }) end)`)
	s.Arm(vm.Limits{CPU: time.Minute, Wall: 50 * time.Millisecond}, t.Context())
	if err := s.Call(s.Func(ref), 1, libtest.String(url+"/slow")); !errors.Is(err, vm.ErrBudget) {
		t.Errorf("the error is %v", err)
	}
}

func TestAnswersCountAsMemory(t *testing.T) {
	t.Parallel()
	url := origin(t)
	for name, body := range map[string]string{
		"whole":     `kept[i] = http.get(url, { max_body = "4MiB" })`,
		"headers":   `kept[i] = http.get(url, { max_body = "4MiB" }).headers`,
		"at once":   `for j, r in ipairs(http.all{ { url = url, max_body = "4MiB" }, { url = url, max_body = "4MiB" } }) do kept[i * 2 + j] = assert(r.res) end`,
		"responses": `kept[i] = http.response{ body = ("x"):rep(3000000) .. i }`,
	} {
		s, ref := world(t, http.Library{}).State(t, `keep(function(url) local kept = {} for i = 1, 15 do `+body+` end return #kept end)`)
		s.Arm(vm.Limits{CPU: time.Minute, Memory: 32 << 20}, t.Context())
		if err := s.Call(s.Func(ref), 1, libtest.String(url+"/large")); !errors.Is(err, vm.ErrBudget) || !strings.Contains(err.Error(), "memory") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	s, ref := world(t, http.Library{}).State(t, `keep(function(url) for i = 1, 30 do assert(http.get(url, { max_body = "4MiB" })) end return "ok" end)`)
	s.Arm(vm.Limits{CPU: time.Minute, Memory: 32 << 20}, t.Context())
	if got, err := libtest.Text(s, s.Call(s.Func(ref), 1, libtest.String(url+"/large"))); err != nil || got != "ok" {
		t.Errorf("what is not kept counts: %s, %v", got, err)
	}
}

func TestAClientMeetsServersWithItsOwnAuthorities(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { fmt.Fprint(w, r.Proto) }))
	t.Cleanup(s.Close)
	ca := pemOf(s.Certificate().Raw)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	w := world(t, http.Library{Allow: []string{"localhost"}})
	call := func(options, url string) (string, error) {
		state, ref := w.State(t, `local c = http.client{ tls = `+options+` } keep(function() local res, err = c:get("`+url+`") return err or res.body end)`)
		state.Arm(vm.Limits{CPU: time.Minute}, t.Context())
		return libtest.Text(state, state.Call(state.Func(ref), 1))
	}
	for _, row := range []struct{ options, url, want string }{
		{`{ ca = [[` + ca + `]] }`, s.URL, "HTTP/1.1"},
		{`{ ca = [[` + ca + `]], server_name = "example.com" }`, "https://localhost:" + port, "HTTP/1.1"},
		{`{ ca = [[` + ca + `]] }`, "https://localhost:" + port, "tls: "},
		{`{ ca = [[` + ca + `]], server_name = "other.invalid" }`, s.URL, "tls: "},
		{`{}`, s.URL, "tls: "},
	} {
		if got, err := call(row.options, row.url); err != nil || !strings.HasPrefix(got, row.want) {
			t.Errorf("%.20s %s: %s, %v; want %s", row.options, row.url, got, err, row.want)
		}
	}
}

// TestAnswersAreKeptForWhoeverHasAsked has two with the same URL, and a tenant's store.
func TestAnswersAreKeptForWhoeverHasAsked(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := httptest.NewTLSServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) { fmt.Fprint(w, asked.Add(1)) }))
	t.Cleanup(s.Close)
	ca := "tls = { ca = [[" + pemOf(s.Certificate().Raw) + "]]"
	for _, row := range []struct{ name, one, other, want string }{
		{"the same", ca + ` }`, ca + ` }`, "1 1 1"},
		{"sensitive fields", ca + ` }, headers = { ["X-Key"] = "a" }, sensitive = "x-key"`, ca + ` }, headers = { ["X-Key"] = "b" }, sensitive = "x-key"`, "1 2 1"},
		{"other ways to meet servers", ca + ` }`, ca + `, server_name = "example.com" }`, "1 2 1"},
	} {
		asked.Store(0)
		w := world(t, http.Library{})
		w.Services = []any{&kv.Space{Store: memory.New()}}
		state, ref := w.State(t, `local a, b = http.client{ `+row.one+` }, http.client{ `+row.other+` }
			local function ask(c) return c:get("`+s.URL+`", { cache = { ttl = 60 } }).body end
			keep(function() return ask(a) .. " " .. ask(b) .. " " .. ask(a) end)`)
		state.Arm(vm.Limits{CPU: time.Minute}, t.Context())
		if got, err := libtest.Text(state, state.Call(state.Func(ref), 1)); err != nil || got != row.want {
			t.Errorf("%s: %s, %v; want %s", row.name, got, err, row.want)
		}
	}
}
