package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func init() {
	caddy.RegisterModule(stranger{})
	caddy.RegisterModule(taker{})
}

// stranger is a handler that nobody here knows, with a configuration of its own. It hands on another writer and another request.
type stranger struct {
	Stamp string `json:"stamp"`
}

// CaddyModule returns the Caddy module information.
func (stranger) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.e2e_stranger", New: func() caddy.Module { return new(stranger) }}
}

// ServeHTTP stamps the request and the response.
func (s stranger) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	type key struct{}
	other := r.WithContext(context.WithValue(r.Context(), key{}, s.Stamp))
	other.Header = r.Header.Clone()
	other.Header.Set("X-Stamp", s.Stamp)
	w.Header().Set("X-Stamp", s.Stamp)
	return next.ServeHTTP(&caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, other)
}

// taker is a handler that takes the connection over, and answers by itself.
type taker struct{}

// CaddyModule returns the Caddy module information.
func (taker) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.e2e_taker", New: func() caddy.Module { return new(taker) }}
}

// ServeHTTP answers.
func (taker) ServeHTTP(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\ntaken")
	return err
}

// moduleRoutes has handlers of Caddy's in every place: as the action, returned by functions, around them and inside of wrappers.
const moduleRoutes = `
	local route = require("luaroute")
	route:pool("app", { "$app" })
	local function wrap(req, res, next) res.headers["X-Wrap"] = "yes"; next() end
	local function shout(req, res) res:on_body(function(piece) return piece:upper() end) end
	local function text() return 200, ("text "):rep(300) end
	local gzip = route.handler("encode", { encodings = { gzip = {} }, minimum_length = 1 })

	route:with(gzip):get("/encode/text", text)
	route:with(wrap, gzip, wrap):get("/encode/wrapped", text)
	route:with(gzip, shout):get("/encode/inside", text)
	route:with(shout, gzip):get("/encode/outside", text)

	local templates = route.handler("templates", {})
	route:with(templates):get("/templates/lua", function(req) return 200, "{{.Req.Method}} {{upper \"page\"}}", { ["Content-Type"] = "text/html" } end)
	route:with(wrap, templates, wrap):get("/templates/page.html", route.handler("file_server", { root = "$dir/www" }))

	local auth = route.handler("authentication", { providers = { http_basic = { accounts = { {
	  username = "ann", password = "$hash",
	} } } } })
	route:with(wrap, auth):get("/auth", function(req) return 200, req:expand("{http.auth.user.id}") end)

	local files = route.handler("file_server", { root = "$dir/www" })
	route:get("/page.html", files)
	route:get("/pick", function(req) req:set_path("/page.html") return files end)
	route:get("/none.html", files)

	route:with(route.handler("headers", { response = { set = { ["X-Set"] = { "by caddy" } } }, request = { set = { ["X-In"] = { "in" } } } }))
	  :get("/headers", function(req) return 200, req:header("X-In") end)
	route:with(route.handler("rewrite", { uri = "/new?a=b" })):get("/rewrite", function(req) return 200, req.uri .. " " .. req.query.a .. " " .. req.pattern end)
	route:with(route.handler("vars", { color = "green" })):get("/vars", function(req) return 200, req:var("color") end)
	route:with(route.handler("request_body", { max_size = 5 })):post("/request_body", function(req) return 200, req:body() end)
	route:with(route.handler("error", { error = "no", status_code = 409 })):get("/error", text)
	route:with(wrap, route.handler("static_response", { status_code = 403, body = "stopped" })):get("/stopped", text)
	route:with(route.handler("subroute", { routes = { { handle = { { handler = "e2e_stranger", stamp = "in a subroute" } } } } })):get("/subroute", "app")

	route:with(wrap, route.handler("e2e_stranger", { stamp = "third" }), wrap):get("/stranger", function(req) return 200, req:header("X-Stamp") end)
	route:with(route.handler("e2e_stranger", { stamp = "third" })):get("/stranger/pool", "app")
	route:with(route.handler("e2e_stranger", { stamp = "third" })):get("/stranger/declined", function() return route.decline end)
	local function late(req, res) res:on_headers(function() print("a header for a connection that was taken over") end) end
	route:with(wrap, shout, late):get("/taker", route.handler("e2e_taker", {}))
`

func TestAnyHandlerOfCaddyStandsInAnyPlace(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.File("www/page.html", "{{.Req.URL.Path}} of Caddy\n")
	c.File("www/templates/page.html", "{{.Req.URL.Path}} of Caddy\n")
	c.Set("hash", "$2a$04$I.AtuLZSRtafPuNNIpwapeHzRo5GlxN5whYo5t/ipGamEEkxFAlXW") // of the word secret, at the least cost
	c.Route(moduleRoutes)

	text := strings.Repeat("text ", 300)
	for _, row := range []struct {
		target, field string
		status        int
		body          string
		header        map[string]string // some of it; "" for none
	}{
		{"GET /templates/lua", "", 200, "GET PAGE", nil},
		{"GET /templates/page.html", "", 200, "/templates/page.html of Caddy\n", map[string]string{"X-Wrap": "yes"}},
		{"GET /auth", "", 401, "", map[string]string{"Www-Authenticate": `Basic realm="restricted"`}},
		{"GET /auth", "Authorization: Basic YW5uOnNlY3JldA==", 200, "ann", map[string]string{"X-Wrap": "yes"}},
		{"GET /auth", "Authorization: Basic YW5uOndyb25n", 401, "", nil},
		{"GET /page.html", "", 200, "{{.Req.URL.Path}} of Caddy\n", nil},
		{"GET /page.html", "Range: bytes=0-1", 206, "{{", nil},
		{"GET /pick", "", 200, "{{.Req.URL.Path}} of Caddy\n", nil},
		{"GET /none.html", "", 404, "", nil},
		{"GET /headers", "", 200, "in", map[string]string{"X-Set": "by caddy"}},
		{"GET /rewrite", "", 200, "/new?a=b b /rewrite", nil},
		{"GET /vars", "", 200, "green", nil},
		{"POST /request_body", "", 200, "12345", nil},
		{"POST /request_body", "Expect: 100-continue", 200, "12345", nil},
		{"GET /error", "", 409, "", nil},
		{"GET /stopped", "", 403, "stopped", map[string]string{"X-Wrap": "yes"}},
		{"GET /stranger", "", 200, "third", map[string]string{"X-Stamp": "third", "X-Wrap": "yes"}},
		{"GET /stranger/declined", "", 200, "", map[string]string{"X-Stamp": ""}},
		{"GET /taker", "", 200, "taken", nil},
		{"GET /encode/text", "", 200, text, map[string]string{"Content-Encoding": ""}},
		{"GET /encode/outside", "Accept-Encoding: gzip", 200, strings.ToUpper(text), map[string]string{"Content-Encoding": ""}},
	} {
		method, path, _ := strings.Cut(row.target, " ")
		var fields []string
		if row.field != "" {
			fields = append(fields, row.field)
		}
		if !strings.Contains(row.field, "Accept-Encoding") {
			fields = append(fields, "Accept-Encoding: identity")
		}
		var answer e2e.Answer
		if method == http.MethodPost {
			answer = c.Send(method, path, strings.NewReader("12345"), fields...)
		} else {
			answer = c.Get(path, fields...)
		}
		if answer.Status != row.status || answer.Body != row.body {
			t.Errorf("%s with %q: got %d %q, want %d %q", row.target, row.field, answer.Status, answer.Body, row.status, row.body)
		}
		for name, want := range row.header {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s with %q: %s is %q, want %q", row.target, row.field, name, got, want)
			}
		}
	}
	c.Send(http.MethodPost, "/request_body", strings.NewReader("123456")).Want(413, "")
	for path, stamp := range map[string]string{"/stranger/pool": "third", "/subroute": "in a subroute"} {
		if echo := c.Get(path).From("app"); echo.Header.Get("X-Stamp") != stamp {
			t.Errorf("%s: the origin got %v", path, echo.Header)
		}
	}
	// The client of net/http unzips what it has asked for itself.
	for path, want := range map[string]string{"/encode/text": text, "/encode/wrapped": text, "/encode/inside": strings.ToUpper(text)} {
		res, err := c.Open(http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		body := new(strings.Builder)
		_, err = bufio.NewReader(res.Body).WriteTo(body)
		res.Body.Close()
		if err != nil || !res.Uncompressed || body.String() != want {
			t.Errorf("%s: zipped is %t, and the text is %q, %v", path, res.Uncompressed, body, err)
		}
	}
	if n := c.Logged("a header for a connection that was taken over"); n != 0 {
		t.Error("a function was called for the header of a connection that was taken over")
	}
}
