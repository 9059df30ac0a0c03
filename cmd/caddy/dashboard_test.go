package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// dashboard is a site with a dashboard at /ops/.
func dashboard(block, more string) string {
	return fmt.Sprintf(`http:// {
		handle_path /ops/* {
			luaroute_dashboard {
				%s
			}
		}
		luaroute {
			script $dir/main.lua
			%s
		}
	}`, block, more)
}

const dashed = `local route = require("luaroute")
	route:pool("app", { "$app" })
	route:get("/items/{id}", { name = "item" }, "app")
	route:get("/lua", function() return 204 end)`

// local is what a browser on this machine sends.
const localHost = "Host: localhost"

func withDashboard(t *testing.T, block, more string) *e2e.Caddy {
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", c.Expand(dashed))
	c.Start(dashboard(block, more))
	return c
}

func TestTheDashboardAnswersClientsOnThisMachineOnly(t *testing.T) {
	c := withDashboard(t, "", "")
	for _, headers := range [][]string{{localHost}, {"Host: localhost:$port"}, {"Host: 127.0.0.1"}, {"Host: [::1]:80"}, {"Host: x.localhost"}, {"Host: LOCALHOST"}} {
		headers[0] = c.Expand(headers[0])
		if answer := c.Get("/ops/api/", headers...); answer.Status != http.StatusOK {
			t.Errorf("%v: %d %s", headers, answer.Status, answer.Body)
		}
	}
	for _, headers := range [][]string{
		{"Host: evil.example"}, {"Host: localhost.evil.example"}, {"Host: 10.0.0.1"}, // a name of others that resolves to this machine
		{localHost, "X-Forwarded-For: 203.0.113.7"}, {localHost, "X-Forwarded-For: 127.0.0.1"}, {localHost, "Forwarded: for=10.0.0.1"}, {localHost, "X-Real-IP: 10.0.0.1"},
	} {
		for _, path := range []string{"/ops/", "/ops/api/", "/ops/api/main/routes", "/ops/api/main/tail"} {
			answer := c.Get(path, headers...)
			if answer.Status != http.StatusForbidden || !strings.Contains(answer.Body, "clients on this machine only") || strings.Contains(answer.Body, "items") {
				t.Errorf("%v, %s: %d %s", headers, path, answer.Status, answer.Body)
			}
		}
	}
}

func TestTheDashboardBelievesATrustedProxyOnly(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/", { status = 204 })`)
	text := strings.Replace(string(c.Caddyfile(dashboard("", ""))), `"protocols":["h1","h2"]`, `"protocols":["h1","h2"],"trusted_proxies":{"source":"static","ranges":["127.0.0.1"]}`, 1)
	c.MustLoad([]byte(text))
	if answer := c.Get("/ops/api/", localHost, "X-Forwarded-For: 203.0.113.7"); answer.Status != http.StatusForbidden {
		t.Errorf("another client got %d %s", answer.Status, answer.Body)
	}
	if answer := c.Get("/ops/api/", localHost, "X-Forwarded-For: 127.0.0.1"); answer.Status != http.StatusOK {
		t.Errorf("a client on this machine got %d %s", answer.Status, answer.Body)
	}
}

func TestAPublicDashboardSaysWhatStandsBeforeIt(t *testing.T) {
	c := withDashboard(t, "public", "")
	if answer := c.Get("/ops/api/", "Host: site.example", "X-Forwarded-For: 203.0.113.7"); answer.Status != http.StatusOK {
		t.Errorf("another client got %d %s", answer.Status, answer.Body)
	}
	if c.Logged(`passes what stands before it","before":"nothing"`) != 1 {
		t.Error("the log does not say that nothing stands before it")
	}
	c.Start(`http:// {
		@team remote_ip 10.0.0.0/8 127.0.0.1
		handle @team {
			route /ops/* {
				uri strip_prefix /ops
				forward_auth $app {
					uri /who
				}
				luaroute_dashboard {
					public
				}
			}
		}
		luaroute {
			script $dir/main.lua
		}
	}`)
	if c.Logged(`passes what stands before it","before":"remote_ip, reverse_proxy"`) != 1 {
		t.Error("the log does not say what stands before it")
	}
}

func TestTheDashboardShowsInstancesThatAreThere(t *testing.T) {
	c := withDashboard(t, "instances main", "")
	c.Get("/ops/api/").Want(http.StatusOK, c.Get("/ops/api/").Body)
	err := c.Load(c.Caddyfile(dashboard("instances main other", "")))
	if err == nil || !strings.Contains(err.Error(), `http.handlers.luaroute_dashboard: there is no instance "other"; there are "main"`) {
		t.Errorf("the error is %v", err)
	}
	c.Start(strings.Replace(dashboard("instances main", ""), "luaroute {", "luaroute {\n name other\n script $dir/main.lua\n}\n luaroute {", 1))
	if answer := c.Get("/ops/api/"); strings.Contains(answer.Body, "other") || !strings.Contains(answer.Body, "main") {
		t.Errorf("it shows %s", answer.Body)
	}
	if answer := c.Get("/ops/api/other/routes"); answer.Status != http.StatusNotFound {
		t.Errorf("an instance that is not shown: %d %s", answer.Status, answer.Body)
	}
}

func TestTheDashboardWorksBelowAnyPrefix(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/", { status = 204 })`)
	c.Start(`http:// {
		handle_path /a/deep/place* {
			luaroute_dashboard
		}
		handle /raw/* {
			luaroute_dashboard
		}
		luaroute {
			script $dir/main.lua
		}
	}`)
	if answer := c.Get("/a/deep/place"); answer.Status != http.StatusPermanentRedirect || answer.Header.Get("Location") != "/a/deep/place/" {
		t.Errorf("without a slash: %d %v", answer.Status, answer.Header)
	}
	if answer := c.Get("/a/deep/place/"); answer.Status != http.StatusOK || !strings.Contains(answer.Body, "<div id=\"app\">") || strings.Contains(answer.Body, `="/`) {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	if answer := c.Get("/a/deep/place/api/main/pools"); answer.Status != http.StatusOK {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	if answer := c.Get("/raw/"); answer.Status != http.StatusNotFound || !strings.Contains(answer.Body, "handle_path") {
		t.Errorf("where nothing strips the prefix: %d %s", answer.Status, answer.Body)
	}
}

func TestOtherSitesCannotAskTheDashboard(t *testing.T) {
	c := withDashboard(t, "tail", "")
	post := func(headers ...string) e2e.Answer {
		return c.Send(http.MethodPost, "/ops/api/main/explain", strings.NewReader(`{"path":"/items/1"}`), append(headers, localHost)...)
	}
	const kind = "Content-Type: application/json"
	if answer := post(kind, "Sec-Fetch-Site: same-origin"); answer.Status != http.StatusOK {
		t.Errorf("the page itself: %d %s", answer.Status, answer.Body)
	}
	for _, headers := range [][]string{
		{kind, "Sec-Fetch-Site: cross-site"}, {kind, "Sec-Fetch-Site: same-site"}, {kind, "Origin: http://evil.example"}, {kind, "Origin: null"},
	} {
		if answer := post(headers...); answer.Status != http.StatusForbidden {
			t.Errorf("%v: %d %s", headers, answer.Status, answer.Body)
		}
	}
	for _, kind := range []string{"Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded", "X: y"} {
		if answer := post(kind); answer.Status != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d %s", kind, answer.Status, answer.Body)
		}
	}
	for _, path := range []string{"/ops/api/", "/ops/api/main/routes", "/ops/api/main/tail"} {
		if answer := c.Get(path, localHost, "Sec-Fetch-Site: cross-site"); answer.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
		}
	}
	for name := range c.Get("/ops/api/", localHost, "Origin: http://localhost").Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("the answer has %s", name)
		}
	}
}

func TestTheDashboardHasOnlyWhatReads(t *testing.T) {
	c := withDashboard(t, "", "")
	for _, ask := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/ops/api/main/reload", 404},
		{"PUT", "/ops/api/main/scripts/x.lua", 404},
		{"DELETE", "/ops/api/main/scripts/x.lua", 404},
		{"POST", "/ops/api/main/routes", 404},
		{"GET", "/ops/api/main/explain", 404},
		{"GET", "/ops/api/none/routes", 404},
		{"GET", "/ops/api/main/script?name=%2Fetc%2Fpasswd", 404},
		{"GET", "/ops/api/main/script?name=..%2Fmain.lua", 404},
		{"GET", "/ops/api/../config/", 404},
	} {
		answer := c.Send(ask.method, ask.path, strings.NewReader("{}"), localHost, "Content-Type: application/json")
		if answer.Status != ask.status {
			t.Errorf("%s %s: %d %s; want %d", ask.method, ask.path, answer.Status, answer.Body, ask.status)
		}
	}
	answer := c.Send("POST", "/ops/api/main/explain?run=true", strings.NewReader(`{"path":"/lua"}`), localHost, "Content-Type: application/json")
	if answer.Status != 200 || !strings.Contains(answer.Body, `"stops"`) {
		t.Errorf("with run=true functions run: %d %s", answer.Status, answer.Body)
	}
}

// Secrets are planted wherever a configuration has some, and everything that the dashboard answers is looked through.
func TestNoAnswerOfTheDashboardHasASecret(t *testing.T) {
	secrets := []string{"planted-environment", "planted-guard", "planted-header", "planted-response", "planted-jwt", "planted-password", "planted-query", "planted-login", "planted-cookie"}
	t.Setenv("DASHBOARD_TOKEN", "planted-environment")
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", c.Expand(`local route = require("luaroute")
		local token = route.env("DASHBOARD_TOKEN")
		route:pool("app", { "$app", headers = { request = { set = { Authorization = { "Bearer planted-header" } } } } })
		local password = "planted-password"
		local jwt = require("jwt")
		local idp = jwt.issuer{ issuer = "https://idp.example", secret = "planted-jwt-0123456789abcdef0123456789abcdef", algorithms = { "HS256" } }
		route:get("/named-" .. token, { name = token, meta = { text = "has " .. token }, when = { header = { ["X-Api-Key"] = "planted-guard" } } }, "app")
		route:get("/headers", route.proxy("app", { headers = { set = { ["X-Key"] = "planted-header" } }, query = { sig = "planted-query" } }))
		route:get("/answer", { status = 200, body = "planted-body", headers = { ["Set-Cookie"] = "a=planted-cookie", ["X-Secret"] = "planted-response" } })
		route:get("/redirect", route.redirect("https://ann:planted-login@other.example/?sig=planted-query"))
		route:get("/guarded", { when = function(req) error("broken by " .. token) end }, "app")
	`))
	c.Start(dashboard("tail\nclients", "env DASHBOARD_TOKEN"))
	var answers []string
	for _, path := range []string{"", "main/routes", "main/pools", "main/stats", "main/tenants", "main/scripts", c.Expand("main/script?name=$dir/main.lua")} {
		answer := c.Get("/ops/api/"+path, localHost)
		if answer.Status != http.StatusOK {
			t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
		}
		answers = append(answers, answer.Body)
	}
	for _, path := range []string{"/named-planted-environment", "/headers", "/answer", "/redirect", "/guarded"} {
		answer := c.Send("POST", "/ops/api/main/explain", strings.NewReader(`{"path":"`+path+`"}`), localHost, "Content-Type: application/json")
		if answer.Status != http.StatusOK {
			t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
		}
		answers = append(answers, answer.Body)
	}
	c.File("main.lua", `error("broken by " .. require("luaroute").env("DASHBOARD_TOKEN"))`)
	c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	answers = append(answers, c.Get("/ops/api/", localHost).Body)
	all := strings.Join(answers, "\n")
	for _, secret := range secrets {
		if strings.Contains(all, secret) {
			t.Errorf("%s is in %s", secret, all)
		}
	}
	for _, want := range []string{"broken by •••", `"/named-•••"`, `••• 12 bytes`, `"X-Secret":["•••"]`, `https://•••@other.example/?•••`, `?sig=•••`, `"X-Key":["•••"]`} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing has %s: %s", want, all)
		}
	}
}

func TestExplanationsOfTheDashboardAreBounded(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `local route = require("luaroute")
		route:get("/slow", { when = function() for i = 1, 1e9 do end return true end }, { status = 204 })
		route:get("/*", { status = 204 })`)
	c.Start(dashboard("", "limits {\ncpu 2s\n}"))
	ask := func(body string) e2e.Answer {
		return c.Send("POST", "/ops/api/main/explain", strings.NewReader(body), localHost, "Content-Type: application/json")
	}
	if answer := ask(`{"body":"` + strings.Repeat("x", 65<<10) + `"}`); answer.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", answer.Status)
	}
	if answer := ask(`{"path":"/slow"}`); answer.Status != 200 || !strings.Contains(answer.Body, "200ms") {
		t.Errorf("a guard that takes long: %d %s; want it to end after a tenth of its 2s", answer.Status, answer.Body)
	}
	for _, wrong := range []string{`{"pat":"/"}`, `{`, `{"method":"G T"}`, `{"path":"x"}`} {
		if answer := ask(wrong); answer.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", wrong, answer.Status, answer.Body)
		}
	}
	statuses := map[int]int{}
	done := make(chan int)
	for range 40 {
		go func() {
			answer, err := c.Try("POST", "/ops/api/main/explain", strings.NewReader(`{"path":"/x"}`), localHost, "Content-Type: application/json")
			if err != nil {
				answer.Status = -1
			}
			done <- answer.Status
		}()
	}
	for range 40 {
		statuses[<-done]++
	}
	if statuses[http.StatusOK] == 0 || statuses[http.StatusTooManyRequests] == 0 || statuses[http.StatusOK]+statuses[http.StatusTooManyRequests] != 40 {
		t.Errorf("40 at once got %v", statuses)
	}
}

// tailing reads events of a tail.
type tailing struct {
	t    *testing.T
	body *bufio.Scanner
	res  *http.Response
}

func openTail(t *testing.T, c *e2e.Caddy, query string, headers ...string) *tailing {
	t.Helper()
	res, err := c.Open(http.MethodGet, "/ops/api/main/tail"+query, nil, append(headers, localHost)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d", res.StatusCode)
	}
	tl := &tailing{t, bufio.NewScanner(res.Body), res}
	if tl.body.Scan(); tl.body.Text() != ": luaroute" {
		t.Fatalf("it begins with %q", tl.body.Text())
	}
	return tl
}

// next returns the next event; nil at the end.
func (tl *tailing) next() map[string]any {
	for tl.body.Scan() {
		if text, ok := strings.CutPrefix(tl.body.Text(), "data: {"); ok {
			var event map[string]any
			if err := json.Unmarshal([]byte("{"+text), &event); err != nil {
				tl.t.Fatal(err)
			}
			return event
		}
	}
	return nil
}

func TestTheTailTellsOfRequestsAsTheyEnd(t *testing.T) {
	c := withDashboard(t, "tail 1000/s", "")
	tl := openTail(t, c, "")
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "Cache-Control": "no-store"} {
		if got := tl.res.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	c.Get("/items/7?secret=1", "Host: site.example", "X-Secret: 2")
	e := tl.next()
	for key, want := range map[string]any{
		"method": "GET", "host": "site.example", "path": "/items/7", "route": "item", "pattern": "/items/{id}", "at": c.Expand("$dir/main.lua:3"), "outcome": "proxied",
		"pool": "app", "upstream": c.Expand("$app"), "status": 200.0, "tenant": nil, "lua_us": nil, "client": nil,
	} {
		if e[key] != want {
			t.Errorf("%s is %v; want %v", key, e[key], want)
		}
	}
	if e["ms"].(float64) <= 0 || e["id"] == "" || e["time"] == "" || strings.Contains(fmt.Sprint(e), "secret") {
		t.Errorf("the event is %v", e)
	}
	c.Get("/lua").Want(204, "")
	if e := tl.next(); e["outcome"] != "responded" || e["lua_us"] == nil {
		t.Errorf("the event of a function is %v", e)
	}
	long := strings.Repeat("x", 10_000)
	c.Get("/" + long)
	if e := tl.next(); e["outcome"] != "declined" || len(e["path"].(string)) > 3000 {
		t.Errorf("the event of a long path is %v", e)
	}
}

func TestTheTailIsFiltered(t *testing.T) {
	c := withDashboard(t, "tail\nclients", "")
	tl := openTail(t, c, "?pattern=/lua&status=2&outcome=responded&tenant=")
	c.Get("/items/7")
	c.Get("/nothing")
	c.Get("/lua")
	if e := tl.next(); e["pattern"] != "/lua" || e["client"] != "127.0.0.1" {
		t.Errorf("the event is %v", e)
	}
	if answer := c.Get("/ops/api/main/tail?status=x", localHost); answer.Status != http.StatusBadRequest {
		t.Errorf("a status that is none: %d %s", answer.Status, answer.Body)
	}
}

func TestWithoutTailInTheConfigurationThereIsNone(t *testing.T) {
	c := withDashboard(t, "", "")
	if answer := c.Get("/ops/api/main/tail", localHost); answer.Status != http.StatusForbidden || !strings.Contains(answer.Body, "write tail in the block of luaroute_dashboard") {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	if answer := c.Admin(http.MethodGet, "/luaroute_dashboard/api/main/tail", ""); answer.Status != http.StatusForbidden {
		t.Errorf("by the admin API: %d %s", answer.Status, answer.Body)
	}
}

func TestTheTailEndsWithTheConfiguration(t *testing.T) {
	c := withDashboard(t, "tail", "")
	tl := openTail(t, c, "")
	c.Start(dashboard("tail 10/s", "")) // waits for the requests of the old one
	for tl.next() != nil {
	}
	if err := tl.body.Err(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	next := openTail(t, c, "")
	c.Get("/items/1")
	if e := next.next(); e["path"] != "/items/1" {
		t.Errorf("the event is %v", e)
	}
}

func TestTheTailSurvivesAReloadOfScripts(t *testing.T) {
	c := withDashboard(t, "tail", "")
	tl := openTail(t, c, "")
	c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	c.Get("/items/2")
	if e := tl.next(); e["path"] != "/items/2" {
		t.Errorf("the event is %v", e)
	}
}

func TestTheTailPassesThroughEncode(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", c.Expand(dashed))
	c.Start(strings.Replace(dashboard("tail", ""), "handle_path", "encode {\nminimum_length 1\nmatch {\nheader Content-Type text/event-stream*\n}\n}\nhandle_path", 1))
	tl := openTail(t, c, "") // Go's client asks for gzip and unpacks it
	if !tl.res.Uncompressed {
		t.Error("it was not packed")
	}
	c.Get("/items/3")
	if e := tl.next(); e["path"] != "/items/3" {
		t.Errorf("the event is %v", e)
	}
}

func TestEightMayFollowATail(t *testing.T) {
	c := withDashboard(t, "tail", "")
	var all []*tailing
	for range 8 {
		all = append(all, openTail(t, c, ""))
	}
	if answer := c.Get("/ops/api/main/tail", localHost); answer.Status != http.StatusTooManyRequests {
		t.Errorf("the ninth: %d %s", answer.Status, answer.Body)
	}
	all[0].res.Body.Close()
	e2e.Until(t, "there is room again", func() bool {
		res, err := c.Open(http.MethodGet, "/ops/api/main/tail", nil, localHost)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func TestTheTailTellsHowManyItLeavesOut(t *testing.T) {
	c := withDashboard(t, "tail 1/s", "")
	tl := openTail(t, c, "")
	for range 20 {
		c.Get("/lua")
	}
	for tl.body.Scan() {
		if tl.body.Text() == "event: skipped" {
			tl.body.Scan()
			if text := tl.body.Text(); text == "data: 0" || !strings.HasPrefix(text, "data: ") {
				t.Errorf("it says %q", text)
			}
			return
		}
	}
	t.Error("it says nothing of what it leaves out")
}

func TestARequestThatIsAbortedIsInTheTail(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/late", function(req, res) res:write("begun") res:flush() error("late") end)`)
	c.Start(dashboard("tail", ""))
	tl := openTail(t, c, "")
	if _, err := c.Try(http.MethodGet, "/late", nil); err == nil {
		t.Error("the request was not aborted")
	}
	if e := tl.next(); e["path"] != "/late" || e["outcome"] != "error" {
		t.Errorf("the event is %v", e)
	}
}
