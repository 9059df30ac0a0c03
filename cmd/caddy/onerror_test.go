package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

func TestAScopeLearnsWhatHasFailedAndNothingOfTheScript(t *testing.T) {
	c := e2e.New(t)
	c.Serve("plain", func(w http.ResponseWriter, r *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	})
	c.ServeTLS("untrusted", func(http.ResponseWriter, *http.Request) {})
	c.Serve("slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c.Set("down", ports.Dead(t))
	c.Route(`
		local route = require("luaroute")
		route:pool("refused", { "$down" })
		route:pool("timeout", { "$slow", transport = { protocol = "http", response_header_timeout = "30ms" } })
		route:pool("dns", { "a.example:80", transport = { protocol = "http", resolver = { addresses = { "udp/127.0.0.1:1" } } } })
		route:pool("tls", { "$plain", transport = { protocol = "http", tls = { insecure_skip_verify = true } } })
		route:pool("untrusted", { "$untrusted", transport = { protocol = "http", tls = {} } })
		route:pool("reset", { "$plain" })
		route:pool("none", { "$down", health_checks = { passive = { fail_duration = "1h", max_fails = 1 } } })
		route:on_error(function(req, res, err)
		  assert(err.id ~= "" and req:expand("{http.error.message}") == "")
		  return err.status, err
		end)
		for _, pool in ipairs{ "refused", "timeout", "dns", "tls", "untrusted", "reset", "none" } do route:any("/" .. pool, pool) end
		route:get("/script", { name = "named" }, function() error("a secret") end)
		route:get("/table", function() error({ secret = true, message = "a secret" }) end)
		route:get("/guard", { when = function() error("a secret") end }, "reset")
		route:with(function() error("a secret") end):get("/middleware", "reset")
		route:with(function(req, res, next) next() end):get("/inside", function() error("a secret") end)
		route:get("/on_headers", function(req, res) res:on_headers(function() error("a secret") end) return 200, "x" end)
		route:get("/nothing", function() end)
		route:get("/budget", function() while true do end end)
		route:get("/raised", route.error(451, "not here"))
		route:get("/decided", function() return route.error(418) end)
		route:post("/body", function(req) return 200, req:body(3) end)
		route:get("/other", route.handler("error", { error = "of a module", status_code = "507" }))
	`)
	c.Get("/none")
	c.Get("/none")
	for path, want := range map[string]map[string]any{
		"/refused":    {"status": 502., "kind": "upstream", "reason": "refused", "message": "Bad Gateway", "upstream": c.Expand("$down"), "route": "/refused"},
		"/timeout":    {"status": 504., "kind": "upstream", "reason": "timeout", "message": "Gateway Timeout", "upstream": c.Expand("$slow"), "route": "/timeout"},
		"/dns":        {"status": 502., "kind": "upstream", "reason": "dns", "message": "Bad Gateway", "upstream": "a.example:80", "route": "/dns"},
		"/tls":        {"status": 502., "kind": "upstream", "reason": "tls", "message": "Bad Gateway", "upstream": c.Expand("$plain"), "route": "/tls"},
		"/untrusted":  {"status": 502., "kind": "upstream", "reason": "tls", "message": "Bad Gateway", "upstream": c.Expand("$untrusted"), "route": "/untrusted"},
		"/reset":      {"status": 502., "kind": "upstream", "reason": "reset", "message": "Bad Gateway", "upstream": c.Expand("$plain"), "route": "/reset"},
		"/none":       {"status": 503., "kind": "upstream", "reason": "none", "message": "Service Unavailable", "route": "/none"},
		"/script":     {"status": 500., "kind": "script", "message": "Internal Server Error", "route": "named"},
		"/table":      {"status": 500., "kind": "script", "message": "Internal Server Error", "route": "/table"},
		"/guard":      {"status": 500., "kind": "script", "message": "Internal Server Error", "route": "/guard"},
		"/middleware": {"status": 500., "kind": "script", "message": "Internal Server Error", "route": "/middleware"},
		"/inside":     {"status": 500., "kind": "script", "message": "Internal Server Error", "route": "/inside"},
		"/on_headers": {"status": 500., "kind": "script", "message": "Internal Server Error", "route": "/on_headers"},
		"/nothing":    {"status": 500., "kind": "script", "message": "Internal Server Error", "route": "/nothing"},
		"/budget":     {"status": 503., "kind": "budget", "message": "Service Unavailable", "route": "/budget"},
		"/raised":     {"status": 451., "kind": "raised", "message": "not here", "route": "/raised"},
		"/decided":    {"status": 418., "kind": "raised", "message": "I'm a teapot", "route": "/decided"},
		"POST /body":  {"status": 413., "kind": "body", "message": "Request Entity Too Large", "route": "/body"},
		"/other":      {"status": 507., "kind": "other", "message": "Insufficient Storage", "route": "/other"},
	} {
		method, target, posts := strings.Cut(path, " ")
		var body io.Reader
		if !posts {
			method, target = http.MethodGet, path
		} else {
			body = strings.NewReader("large")
		}
		answer := c.Send(method, target, body)
		var got map[string]any
		if err := json.Unmarshal([]byte(answer.Body), &got); err != nil {
			t.Errorf("%s: %d %q: %s", path, answer.Status, answer.Body, err)
			continue
		}
		id, _ := got["id"].(string)
		delete(got, "id")
		for key := range got {
			if got[key] != want[key] {
				t.Errorf("%s: %s is %v, want %v", path, key, got[key], want[key])
			}
		}
		if len(got) != len(want) || float64(answer.Status) != want["status"] {
			t.Errorf("%s: %d %v, want %v", path, answer.Status, got, want)
		}
		if want["kind"] == "script" && c.Logged(`"err_id":"`+id+`"`) == 0 {
			t.Errorf("%s: the log does not know %s", path, id)
		}
	}
	if c.Logged("a secret") == 0 {
		t.Error("the log does not say what has failed")
	}
}

func TestAHandlerOfCaddyAnswersAnErrorAsUnderHandleErrors(t *testing.T) {
	c := e2e.New(t)
	c.File("pages/error.html", "page {{placeholder \"http.error.status_code\"}} {{placeholder \"http.error.message\"}} {{placeholder \"http.request.uri\"}}")
	c.Set("down", ports.Dead(t))
	c.Route(`
		local route = require("luaroute")
		route:pool("down", { "$down" })
		local function scope(name, handler)
		  route:route("/" .. name, function(r)
		    r:on_error(handler)
		    r:get("/script", function(req) req:set_path("/rewritten") error("a secret") end)
		    r:get("/raised", route.error(410, "gone for good"))
		    r:get("/down", route.proxy("down", { path = "/rewritten" }))
		  end)
		end
		scope("page", route.handler("subroute", { routes = { { handle = {
		  { handler = "rewrite", uri = "/error.html" }, { handler = "templates" }, { handler = "file_server", root = "$dir/pages" },
		} } } }))
		local fixed = route.handler("static_response", { body = "{http.error.status_code} {http.error.message}" })
		scope("fixed", fixed)
		scope("decided", function() return fixed end)
		scope("other", route.handler("static_response", { status_code = "299", body = "{http.error.status_text}" }))
		scope("nothing", route.handler("headers", { response = { set = { ["X-Error"] = { "{http.error.message}" } } } }))
	`)
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/page/script":    {500, "page 500 the script failed /page/script"},
		"/page/raised":    {410, "page 410 gone for good /page/raised"},
		"/fixed/script":   {500, "500 the script failed"},
		"/fixed/raised":   {410, "410 gone for good"},
		"/decided/script": {500, "500 the script failed"},
		"/other/raised":   {299, "Gone"},
		"/other/down":     {299, "Bad Gateway"},
		"/nothing/raised": {410, ""},
		"/nothing/down":   {502, ""},
	} {
		answer := c.Get(path)
		if got := strings.ReplaceAll(answer.Body, "/error.html", path); answer.Status != want.status || got != want.body {
			t.Errorf("%s: %d %q, want %d %q", path, answer.Status, got, want.status, want.body)
		}
	}
	if got := c.Get("/nothing/raised").Header.Get("X-Error"); got != "gone for good" {
		t.Errorf("the header says %q", got)
	}
}

func TestHandleErrorsKnowsStatusAndIDOfAScriptErrorOnly(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		local route = require("luaroute")
		route:get("/script", function() error("a secret") end)
		route:get("/budget", function() while true do end end)
		route:with(function(req, res, next) next() end):get("/inside", function() error({ message = "a secret" }) end)
		route:get("/guard", { when = function() error("a secret") end }, { status = 200 })
		route:get("/on_headers", function(req, res) res:on_headers(function() error("a secret") end) return 200, "x" end)
		route:get("/nothing", function() end)
	`)
	c.Start(`http:// {
		luaroute {
			script $dir/main.lua
			limits {
				cpu 5ms
			}
		}
		handle_errors {
			respond "{err.status_code}|{err.status_text}|{err.message}|{err.trace}|{http.error}|{err.id}" {err.status_code}
		}
	}`)
	for path, want := range map[string]string{
		"/script": "500|Internal Server Error|the script failed|", "/inside": "500|Internal Server Error|the script failed|",
		"/guard": "500|Internal Server Error|the script failed|", "/on_headers": "500|Internal Server Error|the script failed|",
		"/nothing": "500|Internal Server Error|the script failed|", "/budget": "503|Service Unavailable|the script reached a limit|",
	} {
		body := c.Get(path).Body
		if !strings.HasPrefix(body, want) || strings.Contains(body, "secret") || strings.Contains(body, "lua:") || strings.Contains(body, "returned nothing") {
			t.Errorf("%s: the page is %q", path, body)
		}
		id := body[strings.LastIndex(body, "|")+1:]
		if id == "" || c.Logged(`"err_id":"`+id+`"`) == 0 {
			t.Errorf("%s: the log does not know %q", path, id)
		}
	}
}
