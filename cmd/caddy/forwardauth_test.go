package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// oauth2Proxy answers as oauth2-proxy does: it redirects to its login, which sets a cookie.
func oauth2Proxy(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/oauth2/start":
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "ann", HttpOnly: true, Path: "/"})
		http.Redirect(w, r, r.URL.Query().Get("rd"), http.StatusFound)
	case r.Header.Get("Upgrade") != "":
		w.WriteHeader(http.StatusBadRequest)
	default:
		c, err := r.Cookie("sid")
		if err != nil {
			http.Redirect(w, r, "/oauth2/start?rd="+url.QueryEscape(r.Header.Get("X-Forwarded-Uri")), http.StatusFound)
			return
		}
		w.Header().Set("Set-Cookie", "refreshed=1")
		w.Header().Set("X-Auth-Request-User", c.Value)
		w.WriteHeader(http.StatusAccepted)
	}
}

func TestALoginAtAServerOfForwardAuthentication(t *testing.T) {
	c := e2e.New(t)
	auth := c.Serve("auth", oauth2Proxy)
	c.Origin("app")
	c.Serve("chat", func(w http.ResponseWriter, r *http.Request) {
		if conn, err := websocket.Accept(w, r, nil); err == nil {
			_ = conn.Write(r.Context(), websocket.MessageText, []byte("hello "+r.Header.Get("X-User")))
			_ = conn.Close(websocket.StatusNormalClosure, "")
		}
	})
	c.Route(`
		local route = require("luaroute")
		route:pool("auth", { "$auth" })
		route:pool("app", { "$app" })
		route:pool("chat", { "$chat" })
		route:pool("down", { "127.0.0.1:1" })
		route:any("/oauth2/*", "auth")
		local app = route:with(route.forward_auth{ pool = "auth", path = "/", copy_headers = { ["X-Auth-Request-User"] = "X-User" } })
		app:get("/chat", "chat")
		app:any("/*", "app")
		local down = { pool = "down", path = "/", copy_headers = { "X-User" } }
		route:with(route.forward_auth(down)):get("/closed", "app")
		down.on_error = "open"
		route:with(route.forward_auth(down)):get("/open", "app")
	`)
	c.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	first := c.Get("/a?b=c", "X-User: eve")
	if first.Status != 302 || first.Header.Get("Location") != "/oauth2/start?rd=%2Fa%3Fb%3Dc" {
		t.Fatal(first.Status, first.Header)
	}
	login := c.Get(first.Header.Get("Location"))
	if login.Status != 302 || login.Header.Get("Location") != "/a?b=c" {
		t.Fatal(login.Status, login.Header)
	}
	cookie, _, _ := strings.Cut(login.Header.Get("Set-Cookie"), ";")
	in := c.Send(http.MethodPost, "/a?b=c", strings.NewReader("body"), "Cookie: "+cookie, "X-User: eve", "X_User: eve")
	if got := in.From("app"); got.Header.Get("X-User") != "ann" || got.Header["X_user"] != nil || got.Body != "body" || in.Header.Get("Set-Cookie") != "refreshed=1" {
		t.Error(got, in.Header)
	}
	conn, _, err := websocket.Dial(e2e.Context(t), c.Expand("ws://127.0.0.1:$port/chat"), &websocket.DialOptions{
		HTTPClient: c.Client, HTTPHeader: http.Header{"Cookie": {cookie}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if _, text, err := conn.Read(e2e.Context(t)); err != nil || string(text) != "hello ann" {
		t.Error(string(text), err)
	}
	c.Get("/closed").Want(503, "")
	if got := c.Get("/open", "X-User: eve").From("app"); got.Header.Get("X-User") != "" {
		t.Error(got)
	}
	asked := auth.Requests.Load()
	explained := c.Admin(http.MethodPost, "/luaroute/main/explain?run=true", `{"path":"/a"}`).Body
	if !strings.Contains(explained, "the pool auth is not asked") || auth.Requests.Load() != asked {
		t.Error(explained)
	}
	if text := c.Admin(http.MethodGet, "/metrics", "").Body; !strings.Contains(text, `outcome="refused"`) {
		t.Error("the metrics have no refusal")
	}
}

func TestWrongOptionsOfForwardAuthenticationSayWhatIsAllowed(t *testing.T) {
	c := e2e.New(t)
	for code, want := range map[string]string{
		`route.forward_auth{ pool = "a" }`:                                                               "path is \"\"; expected a path such as \"/verify\"",
		`route.forward_auth{ path = "/" }`:                                                               "pool is nil; expected the name of a pool",
		`route.forward_auth{ pool = "a", path = "/", header = {} }`:                                      "unknown key \"header\"; allowed are",
		`route.forward_auth{ pool = "a", path = "/", copy_headers = { 7 } }`:                             "copy_headers: 1 is 7; expected names of header fields",
		`route.forward_auth{ pool = "a", path = "/", on_error = "no" }`:                                  "on_error is \"no\"; expected \"closed\" or \"open\"",
		`route.forward_auth{ pool = "a", path = "/", cache = { ttl = 1 } }`:                              "cache: key is missing",
		`route.forward_auth{ pool = "a", path = "/", cache = { ttl = 1, key = "cookie:a", per = "x" } }`: "per is \"x\"; expected \"url\" or \"host\"",
		`route:use(route.forward_auth{ pool = "aut", path = "/" }) route:get("/", { body = "x" })`:       "forward_auth: no pool \"aut\"",
	} {
		c.File("main.lua", "local route = require(\"luaroute\")\n"+code)
		if err := c.Load(c.Caddyfile(e2e.Site(""))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", code, err, want)
		}
	}
}
