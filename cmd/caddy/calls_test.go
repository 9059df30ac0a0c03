package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// asking lets the scripts of an instance ask servers on this machine.
const asking = "libs http {\nallow 127.0.0.0/8 ::1\n}"

func TestServersAreAskedWhereverLuaRuns(t *testing.T) {
	c := e2e.New(t)
	var traced atomic.Value
	traced.Store("")
	c.Serve("side", func(w http.ResponseWriter, r *http.Request) {
		traced.Store(r.Header.Get("Traceparent"))
		_, _ = io.WriteString(w, "side "+r.URL.Path)
	})
	c.Origin("app")
	failing := c.Serve("failing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	c.File("main.lua", `local route, http = require("luaroute"), require("http")
		route:pool("app", { "$app" })
		local function ask(path) return assert(http.get("http://$side" .. path)).body end
		local loaded
		route.on_load(function() loaded = ask("/load") end)
		local latest = route.every(3600, function() return ask("/timer") end)
		route:get("/load", function() return 200, loaded end)
		route:get("/timer", function() return 200, latest() end)
		route:get("/guard", { when = function(req) return ask("/guard") == "side /guard" end }, { body = "guarded" })
		route:group(function(r)
			r:use(function(req) req:set_header("X-Side", ask("/before")) end)
			r:use(function(req, res, next) next() res:set_header("X-After", "1") end)
			r:get("/middleware", "app")
		end)
		route:get("/around", { }, function() return 200, ask("/handler") end)
		route:get("/headers", function(req, res)
			res:on_headers(function() res.headers["X-Side"] = ask("/headers") end)
			return "app"
		end)
		route:get("/body", function(req, res)
			res:on_body(function(piece) if piece then return ask("/body") .. "\n" end end)
			return "app"
		end)
		route:pool("chosen", { "$failing", "$app", retries = 1,
			select = function(req, up) return ask("/select") == "side /select" and (up[1].tried and up[2] or up[1]) end,
			retry = function(req, try) return ask("/retry") == "side /retry" end })
		route:pool("named", { upstreams = function(req) return { ask("/upstreams") == "side /upstreams" and "$app" or "$failing" } end })
		route:get("/chosen", "chosen")
		route:get("/named", "named")
		route:get("/error", { on_error = "closed" }, function() error("x") end)
		route:on_error(function(req, res, err) return 500, ask("/error") end)`)
	c.Start(e2e.Site(asking))
	c.Get("/load").Want(200, "side /load")
	e2e.Until(t, "the timer", func() bool { return c.Get("/timer").Body == "side /timer" })
	c.Get("/guard").Want(200, "guarded")
	if got := c.Get("/middleware").From("app"); got.Header.Get("X-Side") != "side /before" {
		t.Errorf("middleware: %v", got.Header)
	}
	c.Get("/around").Want(200, "side /handler")
	if got := c.Get("/headers"); got.Header.Get("X-Side") != "side /headers" {
		t.Errorf("on_headers: %v", got.Header)
	}
	if got := c.Get("/body"); !strings.HasPrefix(got.Body, "side /body\n") {
		t.Errorf("on_body: %q", got.Body)
	}
	c.Get("/chosen").From("app")
	c.Get("/named").From("app")
	if n := failing.Requests.Load(); n != 1 {
		t.Errorf("the upstream that fails was asked %d times", n)
	}
	c.Get("/error").Want(500, "side /error")
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	c.Get("/around", "Traceparent: "+trace)
	if got := traced.Load(); got != trace {
		t.Errorf("the trace is %q", got)
	}
}

func TestAPoolIsAskedWithoutDisturbingTheRequest(t *testing.T) {
	c := e2e.New(t)
	c.Serve("side", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/large":
			_, _ = w.Write(make([]byte, 2<<20))
			return
		case "/half":
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			return
		case "/slow":
			<-r.Context().Done()
			return
		}
		w.Header().Set("X-Side", "1")
		w.WriteHeader(418)
		_, _ = io.WriteString(w, strings.Join([]string{r.Method, r.URL.String(), r.Host, r.Header.Get("X-Own"), r.Header.Get("X-Clients"), r.Header.Get("X-Forwarded-For"), string(body)}, " "))
	})
	c.Origin("app")
	c.Set("gone", "127.0.0.1:1")
	c.Route(`local route, http = require("luaroute"), require("http")
		route:pool("app", { "$app" }) route:pool("side", { "$side" }) route:pool("gone", { "$gone" })
		route:post("/", function(req, res)
			req:set_header("X-Mine", "kept")
			local r, err = http.post("/a%2Fb?c=1", { pool = "side", headers = { ["X-Own"] = "own" }, body = "asked" })
			req:set_header("X-Answer", r.status .. " " .. r.headers["x-side"] .. " " .. r.body)
			req:set_header("X-Upstream", req:expand("{http.reverse_proxy.upstream.address}") .. "-")
			return "app"
		end)
		route:get("/host", function() return 200, http.get("/x", { pool = "side", headers = { Host = "own.example" } }).body end)
		route:get("/fails/{pool}/*", function(req) return 200, select(2, http.get("/" .. req.params["*"], { pool = req.params.pool, timeout = req.params["*"] == "slow" and 0.2 or 60 })) end)
		route:get("/path", function() return 200, select(2, http.get("http://a.example/", { pool = "side" })) end)
		route:get("/many", function()
			local out = {}
			for i, r in ipairs(http.all{ { url = "/1", pool = "side" }, { url = "/2", pool = "side" } }) do out[i] = r.res.body:match("^GET (%S+)") end
			return 200, table.concat(out, " ")
		end)
		route:get("/unknown", function() return 200, select(2, pcall(http.get, "/", { pool = "sid" })) end)`)
	got := c.Send("POST", "/", strings.NewReader("the client's"), "Host: site.example", "X-Clients: 1").From("app")
	if want := "418 1 POST /a%2Fb?c=1 site.example own  127.0.0.1 asked"; got.Header.Get("X-Answer") != want {
		t.Errorf("the pool answered %q, want %q", got.Header.Get("X-Answer"), want)
	}
	if got.Body != "the client's" || got.Header.Get("X-Mine") != "kept" || got.Header.Get("X-Clients") != "1" || got.Header.Get("X-Upstream") != "-" || got.Method != "POST" {
		t.Errorf("the request was disturbed: %+v", got)
	}
	if got := c.Get("/host"); !strings.HasPrefix(got.Body, "GET /x own.example ") {
		t.Errorf("the host: %q", got.Body)
	}
	c.Get("/many").Want(200, "/1 /2")
	for path, want := range map[string]string{
		"/fails/gone/": "refused: ", "/fails/side/large": "too large: the body of the answer has more than 1048576 bytes", "/fails/side/half": "closed: ",
		"/fails/side/slow": "timeout: there was no whole answer within 200ms", "/path": "invalid: with a pool the URL is a path",
	} {
		if got := c.Get(path); !strings.HasPrefix(got.Body, want) {
			t.Errorf("%s: %d %q, want %q", path, got.Status, got.Body, want)
		}
	}
	if got := c.Get("/unknown"); !strings.Contains(got.Body, `no pool "sid"; there are "app", "gone", "side"`) {
		t.Errorf("an unknown pool: %q", got.Body)
	}
}

func TestATenantAsksOnlyWhatItsConfigurationAllows(t *testing.T) {
	c := e2e.New(t)
	side := c.Serve("side", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "asked") })
	c.File("acme/main.lua", head+`local http = require("http")
		route:get("/", function() local res, err = http.get("http://$side") return 200, res and res.body or err end)`)
	start := func(allow, libs string) {
		c.Start("http:// {\nluaroute {\nlibs http {\nallow 127.0.0.1\n}\ntenant acme {\nscript $dir/acme/main.lua\n" + libs + "\nallow {\n" + allow + "\n}\n}\n}\n}")
	}
	err := c.Load(c.Caddyfile("http:// {\nluaroute {\ntenant acme {\nscript $dir/acme/main.lua\n}\n}\n}"))
	if err == nil || !strings.Contains(err.Error(), "library \"http\" is not allowed for the scripts of this tenant; it needs `libs safe http` in its allow block") {
		t.Errorf("without http among its libs: %v", err)
	}
	for _, row := range []struct{ allow, libs, want string }{
		{"libs safe http", "", "forbidden: $side is a loopback address, and the tenant may dial network; it needs `upstreams network 127.0.0.1` in its allow block"},
		{"libs safe http\nupstreams network 127.0.0.1", "", "asked"},
		{"libs safe http\nupstreams all", "libs http {\nallow 10.0.0.0/8\n}", "forbidden: $side is a loopback address, and http may dial public 10.0.0.0/8; it needs `allow 10.0.0.0/8 127.0.0.1` in the block `libs http`"},
		{"libs safe http\nupstreams all", "libs http {\nallow all\nallow_hosts localhost\n}", "forbidden: 127.0.0.1 is not in allow_hosts of the block `libs http`"},
		{"libs safe http\nupstreams all", "libs http {\nallow all\n}", "asked"},
	} {
		before := side.Requests.Load()
		start(row.allow, row.libs)
		c.Get("/").Want(200, c.Expand(row.want))
		if asked := side.Requests.Load() > before; asked != (row.want == "asked") {
			t.Errorf("%+v: the server was asked: %v", row, asked)
		}
	}
}

// TestANameThatACallResolvesAnewIsJudgedAnew lets a name be an address of the tenant's at first, and afterwards one that is not.
func TestANameThatACallResolvesAnewIsJudgedAnew(t *testing.T) {
	c := e2e.New(t)
	others, _ := everywhere(t, c)
	var rebound atomic.Bool
	resolveBy(t, e2e.Resolve(t, func(string, dnsmessage.Type) []dnsmessage.ResourceBody {
		if rebound.Load() {
			return []dnsmessage.ResourceBody{&dnsmessage.AResource{A: secret}}
		}
		return []dnsmessage.ResourceBody{&dnsmessage.AResource{A: its}}
	}))
	c.File("main.lua", `local route, http = require("luaroute"), require("http")
		route:get("/", function(req)
			local res, err = http.get("http://inner.example:$port_of_app/", { max_body = tonumber(req:query_value("max")) })
			return 200, res and res.body or err
		end)`)
	c.Start(e2e.Site("libs http {\nallow 127.0.0.2\n}"))
	c.Get("/?max=100").Want(200, "127.0.0.2")
	c.Get("/?max=1").Want(200, "too large: the body of the answer has more than 1 bytes") // which ends the connection
	rebound.Store(true)
	for range 3 {
		if got := c.Get("/?max=100"); !strings.HasPrefix(got.Body, "forbidden: 127.0.0.1:") {
			t.Errorf("got %q", got.Body)
		}
	}
	if n := others.Load(); n != 0 {
		t.Errorf("the secret was asked %d times", n)
	}
}

func TestTheAdminEndpointIsNeverAsked(t *testing.T) {
	c := e2e.New(t)
	admin := c.Expand("$admin")
	port := admin[strings.LastIndexByte(admin, ':')+1:]
	c.File("main.lua", `local route, http = require("luaroute"), require("http")
		route:get("/", function(req) local res, err = http.get("http://" .. req:header("X-To") .. "/config/") return 200, err or "reached" end)`)
	c.Start(e2e.Site("libs http {\nallow all\n}"))
	for _, to := range []string{admin, "localhost:" + port, "[::ffff:127.0.0.1]:" + port, "0.0.0.0:" + port, "127.0.0.2:" + port} {
		if got := c.Get("/", "X-To: "+to); !strings.HasPrefix(got.Body, "forbidden: ") && !strings.HasPrefix(got.Body, "refused: ") {
			t.Errorf("%s: %q", to, got.Body)
		}
	}
	if got := c.Get("/", "X-To: "+admin); !strings.Contains(got.Body, "is the admin endpoint of Caddy") {
		t.Errorf("the error is %q", got.Body)
	}
}

func TestACallEndsWhenItsClientLeaves(t *testing.T) {
	c := e2e.New(t)
	came, ended := make(chan struct{}), make(chan struct{})
	c.Serve("side", func(_ http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
		close(ended)
	})
	c.File("main.lua", `local route, http = require("luaroute"), require("http")
		route:get("/", function() return 200, select(2, http.get("http://$side", { timeout = 60 })) end)`)
	c.Start(e2e.Site(asking))
	conn, err := net.Dial("tcp", c.Expand("127.0.0.1:$port"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-came
	_ = conn.Close()
	<-ended
}

func TestAReloadWithOtherRulesClosesConnections(t *testing.T) {
	c := e2e.New(t)
	closed := make(chan struct{})
	side := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "asked") }))
	side.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	side.Start()
	t.Cleanup(side.Close)
	c.Set("side", side.Listener.Addr().String())
	c.File("main.lua", `local route, http = require("luaroute"), require("http")
		route:get("/", function() local res, err = http.get("http://$side") return 200, res and res.body or err end)`)
	c.Start(e2e.Site(asking))
	c.Get("/").Want(200, "asked")
	c.Start(e2e.Site(asking + "\nenv X"))
	c.Get("/").Want(200, "asked")
	select {
	case <-closed:
		t.Error("a reload with the same rules has closed the connection")
	default:
	}
	c.Start(e2e.Site("libs http {\nallow 10.0.0.0/8\n}"))
	if got := c.Get("/"); !strings.HasPrefix(got.Body, "forbidden: ") {
		t.Errorf("after a reload that allows less: %q", got.Body)
	}
	<-closed
}

// TestAPoolThatAnswersForAllIsAskedAsFromNobody asks for what is kept for everyone, and for what is not, with all that tells of a client.
func TestAPoolThatAnswersForAllIsAskedAsFromNobody(t *testing.T) {
	c := e2e.New(t)
	c.Origin("side")
	c.File("main.lua", `local route, http = require("luaroute"), require("http")
		route:pool("side", { "$side", headers = { request = { set = { ["X-Client"] = { "{http.request.remote.host}|{http.vars.client_ip}|{http.request.tls.server_name}|{http.request.header.Authorization}" } } } } })
		route:get("/once", function() return 200, http.get("/x", { pool = "side" }).body end)
		route:get("/for/all", function() return 200, http.get("/x", { pool = "side", cache = { ttl = 60 } }).body end)`)
	c.Options = localCerts
	c.Start("https://localhost {\nluaroute {\nscript $dir/main.lua\n}\n}")
	trustLocalCA(t, c)
	for path, want := range map[string]string{"/once": "127.0.0.1|127.0.0.1|localhost|", "/for/all": "|||"} {
		got := c.Get("https://localhost:$tls"+path, "Authorization: Bearer x", "Cookie: sid=1", "X-Forwarded-For: 203.0.113.9", "X-Own: 1").From("side")
		if client := strings.TrimPrefix(got.Header.Get("X-Client"), "@"); client != want {
			t.Errorf("%s: the placeholders of the client are %q, want %q", path, client, want)
		}
		for _, name := range []string{"Authorization", "Cookie", "X-Own"} {
			if got.Header[name] != nil {
				t.Errorf("%s: the pool was told %s", path, name)
			}
		}
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"} {
			if told := got.Header[name] != nil; told != (path == "/once") {
				t.Errorf("%s: %s is %q", path, name, got.Header[name])
			}
		}
		if got.Host != c.Expand("localhost:$tls") {
			t.Errorf("%s: the host is %s", path, got.Host)
		}
	}
}

func TestAStubStandsInForACallInTests(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.lua": `local route, http = require("luaroute"), require("http")
			route:get("/stock", function()
				local res, err = http.get("https://stock.example/v1", { timeout = 1 })
				if not res then return 502, err end
				return res.status, res:json().n .. res.headers["x-a"]
			end)`,
		"main_test.lua": `local route, http = require("luaroute"), require("http")
			describe("stock", function()
				it("asks nobody", function()
					local got = route.simulate{ path = "/stock" }
					expect(got.status):equals(502)
					expect(got.body):matches("^forbidden: nothing is sent for a request that is only simulated")
				end)
				it("has a stub", function()
					local get = stub("http", "get", function(url, options)
						expect(options.timeout):equals(1)
						return http.response{ status = 203, json = { n = 3 }, headers = { ["X-A"] = "a" } }
					end)
					local got = route.simulate{ path = "/stock" }
					expect(got.status):equals(203)
					expect(got.body):equals("3a")
					expect(get.calls[1][1]):equals("https://stock.example/v1")
				end)
				it("has one that fails", function()
					stub("http", "get", function() return nil, "timeout: it took too long" end)
					expect(route.simulate{ path = "/stock" }.body):equals("timeout: it took too long")
				end)
			end)`,
		"Caddyfile": "http:// {\nluaroute {\nscript " + filepath.Join(dir, "main.lua") + "\n}\n}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, code := caddyCommand(t, "luaroute", "test", "--config", filepath.Join(dir, "Caddyfile"), filepath.Join(dir, "main_test.lua"))
	if code != 0 || !strings.Contains(out, "3 ") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func TestAnExplanationReportsTheCallsThatItDoesNotMake(t *testing.T) {
	c := e2e.New(t)
	side := c.Serve("side", func(http.ResponseWriter, *http.Request) {})
	c.File("main.lua", `local route, http = require("luaroute"), require("http")
		route:get("/", function() local res, err = http.get("http://$side/x") return res and 200 or 502, err end)`)
	c.Start(e2e.Site(asking))
	got := c.Admin(http.MethodPost, "/luaroute/main/explain?run=true", `{"path":"/"}`)
	if !strings.Contains(got.Body, c.Expand("http: GET http://$side/x")) || !strings.Contains(got.Body, `"status":502`) && !strings.Contains(got.Body, `"status": 502`) {
		t.Errorf("the explanation is %s", got.Body)
	}
	if n := side.Requests.Load(); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

func TestAnswersAreKeptAcrossReloads(t *testing.T) {
	c := e2e.New(t)
	side := c.Serve("side", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Join([]string{r.URL.Path, r.Host, r.Header.Get("Authorization")}, " "))
	})
	c.File("main.lua", `local route, http = require("luaroute"), require("http")
		route:pool("side", { "$side" })
		local function answer(res, err) return 200, res and res.body or err end
		route:get("/direct", function(req)
			return answer(http.get("http://$side/direct", { cache = { ttl = 3600 }, headers = { Host = "side", Authorization = req:header("Authorization") } }))
		end)
		route:get("/pool", function(req) return answer(http.get("/pool", { pool = "side", cache = { ttl = 3600 } })) end)
		route:get("/own", function(req) return answer(http.get("/own", { pool = "side", cache = { ttl = 3600, key = "mine" } })) end)`)
	c.Start(e2e.Site(asking))
	ask := func(want int64, body, target string, headers ...string) {
		t.Helper()
		before := side.Requests.Load()
		c.Get(target, headers...).Want(200, body)
		if n := side.Requests.Load() - before; n != want {
			t.Errorf("%s %v: the server was asked %d times, want %d", target, headers, n, want)
		}
	}
	ask(1, "/direct side a", "/direct", "Authorization: a")
	ask(0, "/direct side a", "/direct", "Authorization: a")
	ask(1, "/direct side b", "/direct", "Authorization: b")
	ask(1, "/pool one.example ", "/pool", "Host: one.example")
	ask(0, "/pool one.example ", "/pool", "Host: one.example")
	ask(1, "/pool two.example ", "/pool", "Host: two.example")
	ask(1, "/own one.example ", "/own", "Host: one.example")
	ask(0, "/own one.example ", "/own", "Host: two.example")
	c.Start(e2e.Site(asking + "\nenv X"))
	ask(0, "/direct side a", "/direct", "Authorization: a")
}
