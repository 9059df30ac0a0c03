package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// quota is a script whose clients have three requests, and one more in an hour.
const quota = `
	local route = require("luaroute")
	local api = route.limit{ name = "api", rate = 1, per = 3600, burst = 3, key = "client_ip" }
	route:use(api)
	route:get("/", { body = "hello" })
`

func TestReloadsOfScriptsAndConfigurationsKeepWhatALimitHasCounted(t *testing.T) {
	c := e2e.New(t)
	c.Route(quota)
	c.Get("/").Want(200, "hello")
	c.File("main.lua", strings.Replace(quota, "hello", "again", 1))
	if got := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); got.Status != 200 {
		t.Fatal(got.Body)
	}
	c.Get("/").Want(200, "again")
	c.Route(strings.Replace(quota, "burst = 3", "burst = 2", 1) + "-- of another configuration")
	c.Get("/").Want(429, "")
	c.Start(e2e.Site("limits {\n\tcpu 200ms\n}"))
	got := c.Get("/")
	got.Want(429, "")
	if policy, left := got.Header.Get("RateLimit-Policy"), got.Header.Get("RateLimit"); policy != `"api";q=1;w=3600` || left != `"api";r=0;t=7200` {
		t.Errorf("%s, %s", policy, left)
	}
	text := c.Admin(http.MethodGet, "/metrics", "").Body
	for _, want := range []string{
		`caddy_luaroute_limit_total{instance="main",limit="api",outcome="allowed",tenant=""} 2`,
		`caddy_luaroute_limit_total{instance="main",limit="api",outcome="refused",tenant=""} 2`,
		`caddy_luaroute_limit_keys{instance="main",limit="api",tenant=""} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestAPageOfHandleErrorsHasTheFieldsOfARefusalAndTheLogItsName(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		local route = require("luaroute")
		route:use(route.limit{ name = "login", rate = 1, per = 60, key = "query:user", log_key = true })
		route:get("/", { body = "in" })
		route:route("/own", function(r)
		  r:on_error(function(req, res, err) return err.status, { kind = err.kind, message = err.message } end)
		  r:get("/", { body = "in" })
		end)
	`)
	c.Start(`http:// {
		log
		luaroute {
			script $dir/main.lua
		}
		handle_errors {
			respond "{err.status_code}: slow down"
		}
	}`)
	c.Get("/?user=ann").Want(200, "in")
	got := c.Get("/?user=ann")
	got.Want(429, "429: slow down")
	for name, want := range map[string]string{
		"Retry-After": "60", "Cache-Control": "no-store", "RateLimit": `"login";r=0;t=60`, "RateLimit-Policy": `"login";q=1;w=60`,
	} {
		if v := strings.Join(got.Header.Values(name), " | "); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	c.Get("/own?user=ann").Want(429, `{"kind":"limit","message":"Too Many Requests"}`)
	e2e.Until(t, "the log has the refusals", func() bool { return c.Logged(`"limit":"login","limit_key":"ann"`) == 2 })
}

func TestFunctionsTakeFromLimitsAndEnterConcurrencies(t *testing.T) {
	c := e2e.New(t)
	c.Route(`
		local route = require("luaroute")
		local calls = route.limit{ name = "calls", rate = 10, per = 60, burst = 5, key = function(req) return req.query.k end, missing = "skip",
		  cost = function(req) return tonumber(req.query.cost) or 1 end, headers = "x" }
		local slow = route.concurrency{ name = "slow", max = 2 }
		local function show(ok, info)
		  return 200, tostring(ok) .. " " .. info.remaining .. "/" .. info.limit .. " " .. info.reset .. " " .. info.retry_after .. " " .. info.policy
		end
		route:get("/take", function(req) return show(calls:take(req.query.k, tonumber(req.query.cost))) end)
		route:get("/peek", function(req) return show("-", calls:peek(req.query.k)) end)
		route:get("/reset", function(req) return 200, tostring(calls:reset(req.query.k)) end)
		route:get("/enter", function() return 200, tostring(slow:enter("k")) .. tostring(slow:enter("k")) .. tostring(slow:enter("k")) end)
		route:with(calls):get("/counted", { body = "counted" })
		route:get("/wrong", function(req) calls:take(req.query.k, 6) end)
		route:get("/object", function() calls:tak() end)
	`)
	c.Get("/take?k=a&cost=3").Want(200, `true 2/5 18 0 "calls";q=10;w=60`)
	c.Get("/take?k=a&cost=3").Want(200, `false 2/5 18 6 "calls";q=10;w=60`)
	c.Get("/peek?k=a").Want(200, `- 2/5 18 0 "calls";q=10;w=60`)
	c.Get("/peek?k=b").Want(200, `- 5/5 0 0 "calls";q=10;w=60`)
	c.Get("/counted?k=a&cost=3").Want(429, "")
	got := c.Get("/counted?k=a&cost=2")
	if left := fmt.Sprint(got.Status, got.Header["X-Ratelimit-Limit"], got.Header["X-Ratelimit-Remaining"]); left != "200 [5] [0]" {
		t.Error(left)
	}
	c.Get("/counted?k=a&cost=0").Want(200, "counted")
	c.Get("/counted?k=a&cost=6").Want(500, "")
	c.Get("/counted").Want(200, "counted")
	c.Get("/reset?k=a").Want(200, "true")
	c.Get("/take?k=a&cost=5").Want(200, `true 0/5 30 0 "calls";q=10;w=60`)
	c.Get("/take").Want(200, `true 5/5 0 0 "calls";q=10;w=60`)
	for range 3 {
		c.Get("/enter").Want(200, "truetruefalse")
	}
	c.Get("/wrong?k=a").Want(500, "")
	c.Get("/object").Want(500, "")
	if c.Logged("the cost is 6; expected a whole number from 0 to the burst, 5") != 2 || c.Logged(`a limit has no method \"tak\"; it has peek, reset, take`) != 1 {
		t.Error("the errors do not say what is allowed")
	}
	explained := c.Admin(http.MethodPost, "/luaroute/main/explain?run=true", `{"path":"/counted?k=a"}`).Body
	if !strings.Contains(explained, "calls: 0 of 5 left") {
		t.Error(explained)
	}
}

func TestLimitsOfTheConfigurationAreAroundAllOfATenant(t *testing.T) {
	c := e2e.New(t)
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("RateLimit", "of the upstream")
		w.Header().Set("X-RateLimit-Remaining", "7")
		_, _ = w.Write([]byte("app"))
	})
	c.File("main.lua", `
		local route = require("luaroute")
		route:get("/plain", { body = "plain" })
		route:tenant("inner", { path_prefix = "/inner" }, function(r) r:get("/x", { body = "inner" }) end)
	`)
	c.Start(e2e.Site(`		limit everybody {
			rate 1
			per 1h
			burst 5
			headers both
		}
		tenant acme {
			path_prefix /acme
			use_pool app
			pool app $app
			limit acme {
				rate 1
				per 1h
				burst 2
			}
		}`))
	got := c.Get("/acme/a")
	got.Want(200, "app")
	if left := strings.Join(got.Header.Values("RateLimit"), "|"); left != `"everybody";r=4;t=3600, "acme";r=1;t=3600` || got.Header.Get("X-RateLimit-Remaining") != "4" {
		t.Errorf("%s, %s", left, got.Header["X-Ratelimit-Remaining"])
	}
	c.Get("/acme/b").Want(200, "app")
	c.Get("/acme/c").Want(429, "")
	c.Get("/plain").Want(200, "plain")
	c.Get("/inner/x").Want(200, "inner")
	c.Get("/plain").Want(429, "")
}

func TestTheSitesForHTTPAndHTTPSShareALimit(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", quota)
	c.Options = localCerts
	c.Start(`http://localhost {
		luaroute {
			script $dir/main.lua
		}
	}
	https://localhost {
		luaroute {
			script $dir/main.lua
		}
	}`)
	trustLocalCA(t, c)
	statuses := ""
	for i := range 4 {
		statuses += fmt.Sprint(c.Get([]string{"http://localhost:$port/", "https://localhost:$tls/"}[i%2]).Status, " ")
	}
	if c.Get("http://localhost:$port/").Status != 429 || c.Get("https://localhost:$tls/").Status != 429 {
		t.Errorf("%s, and both still answer", statuses)
	}
}

func TestAWebSocketCountsUntilItCloses(t *testing.T) {
	c := e2e.New(t)
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		_, _, _ = conn.Read(r.Context())
	})
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$app" })
		local one = route.concurrency{ name = "one", max = 1 }
		route:with(one):get("/as/middleware", "app")
		route:get("/in/function", function() if not one:enter() then return 503 end return "app" end)
	`)
	dial := func(path string) (*websocket.Conn, error) {
		conn, _, err := websocket.Dial(e2e.Context(t), c.Expand("ws://127.0.0.1:$port"+path), &websocket.DialOptions{HTTPClient: c.Client})
		return conn, err
	}
	for _, path := range []string{"/as/middleware", "/in/function"} {
		var first *websocket.Conn
		e2e.Until(t, "the place is free", func() bool {
			var err error
			first, err = dial(path)
			return err == nil
		})
		if second, err := dial(path); err == nil {
			_ = second.CloseNow()
			t.Errorf("%s: a second one is inside", path)
		}
		c.Admin(http.MethodPost, "/luaroute/main/reload", "")
		if second, err := dial(path); err == nil {
			_ = second.CloseNow()
			t.Errorf("%s: a reload has forgotten the first one", path)
		}
		_ = first.CloseNow()
		e2e.Until(t, "the place is free", func() bool {
			next, err := dial(path)
			if err == nil {
				_ = next.CloseNow()
			}
			return err == nil
		})
	}
}

func TestWhatTheLimitsOfAnIsolatedTenantMayTake(t *testing.T) {
	c := e2e.New(t)
	load := func(script, allow string) string {
		c.File("main.lua", `require("luaroute"):get("/", { body = "x" })`)
		c.File("a.lua", `local route = require("luaroute")`+"\n"+script)
		err := c.Load(c.Caddyfile(e2e.Site("tenant a {\n\tpath_prefix /a\n\tscript $dir/a.lua\n\tlimits {\n\t\tmemory 8MiB\n\t}\n" + allow + "\n}")))
		if err == nil {
			return ""
		}
		return err.Error()
	}
	if err := load(`
		route:use(route.limit{ name = "a", rate = 1, burst = 2, key = "var:color" }, route.concurrency{ name = "b", max = 1, key = { "client_ip", "header:X" } })
		route:get("/", { body = "a" })`, ""); err != "" {
		t.Fatal(err)
	}
	c.Get("/a").Want(200, "a")
	for _, wrong := range []struct{ script, allow, want string }{
		{`route.limit{ name = "a", rate = 1, max_keys = 100000 }`, "", "the keys of this tenant's limits may take 34 MiB; expected at most its memory, 8.0 MiB: lower max_keys"},
		{`for i = 1, 101 do route.limit{ name = "n" .. i, rate = 1, max_keys = 1 } end`, "", "there are more than 100 limits and concurrencies"},
		{`for i = 1, 30 do route.limit{ name = "n" .. i, rate = 1 } end`, "", "lower max_keys"},
		{`route.limit{ name = "a", rate = 1, key = "var:color" }`, "\tallow {\n\t\tplaceholders http.request\n\t}", "http.vars.color"},
	} {
		if err := load(wrong.script, wrong.allow); !strings.Contains(err, wrong.want) || !strings.Contains(err, "a.lua:2: ") {
			t.Errorf("%s: %s; want %s", wrong.script, err, wrong.want)
		}
	}
}

func TestMetricsCountEachOutcomeOfALimit(t *testing.T) {
	c := e2e.New(t)
	const script = head + `
		local function limited(name, options)
			options.name, options.rate, options.per = name, 1, 3600
			local limit = route.limit(options)
			route:with(limit):get("/" .. name, { body = "in" })
			return limit
		end
		limited("plain", {})
		limited("dry", { dry_run = true })
		limited("local", { store = "kv", on_error = "local" })
		limited("open", { store = "kv", on_error = "open" })
		local closed = limited("closed", { store = "kv", on_error = "closed" })
		route:get("/take", function() return 200, select(2, closed:take()) end)
		route:with(route.concurrency{ name = "inside", max = 1 }):get("/inside", { body = "in" })`
	c.File("main.lua", script)
	c.File("acme/main.lua", script)
	c.Start(e2e.Site("kv redis 127.0.0.1:1 {\ntimeout 20s\n}\ntenant acme {\nhost acme.example\nscript $dir/acme/main.lua\n}"))
	for _, host := range []string{"none.example", "acme.example"} {
		for path, statuses := range map[string]string{
			"plain": "200 429 429 ", "dry": "200 200 200 ", "local": "200 429 429 ", "open": "200 200 200 ", "closed": "503 503 503 ", "inside": "200 200 200 ",
		} {
			got := ""
			for range 3 {
				got += fmt.Sprint(c.Get("/"+path, "Host: "+host).Status, " ")
			}
			if got != statuses {
				t.Errorf("%s of %s: %s, want %s", path, host, got, statuses)
			}
		}
		if got := c.Get("/take", "Host: "+host); !strings.HasPrefix(got.Body, "down") {
			t.Errorf("take: %d %q", got.Status, got.Body)
		}
	}
	text := c.Admin(http.MethodGet, "/metrics", "").Body
	for _, tenant := range []string{"", "acme"} {
		for limit, outcomes := range map[string]string{
			"plain": "allowed 1, refused 2", "dry": "allowed 1, dry 2", "local": "allowed 1, refused 2", "open": "error 3", "closed": "error 4", "inside": "allowed 3",
		} {
			for _, counted := range strings.Split(outcomes, ", ") {
				outcome, n, _ := strings.Cut(counted, " ")
				want := fmt.Sprintf("caddy_luaroute_limit_total{instance=%q,limit=%q,outcome=%q,tenant=%q} %s\n", "main", limit, outcome, tenant, n)
				if !strings.Contains(text, want) {
					t.Errorf("no %s", want)
				}
			}
			for _, outcome := range []string{"allowed", "refused", "error", "dry"} {
				none := fmt.Sprintf("caddy_luaroute_limit_total{instance=%q,limit=%q,outcome=%q,tenant=%q} ", "main", limit, outcome, tenant)
				if _, n, there := strings.Cut(text, none); there && !strings.Contains(outcomes, outcome) && !strings.HasPrefix(n, "0\n") {
					t.Errorf("%s%.10q, which none had", none, n)
				}
			}
		}
	}
	for _, want := range []string{`caddy_luaroute_kv_redis_up{addresses="127.0.0.1:1"} 0`, `caddy_luaroute_kv_redis_falls_total{addresses="127.0.0.1:1"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, name := range []string{"limit_keys", "limit_evicted_total", "kv_redis_failures_total"} {
		if !strings.Contains(text, "\ncaddy_luaroute_"+name+"{") {
			t.Errorf("no %s", name)
		}
	}
}
