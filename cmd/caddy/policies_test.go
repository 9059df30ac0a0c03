package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// policyRoutes have each policy, and all of them together, around an origin and around a pool that is down.
const policyRoutes = `
	local route = require("luaroute")
	route:pool("app", { "$app" })
	route:pool("down", { "127.0.0.1:1" })
	local policies = {
	  cors = route.cors{ origins = "https://app.example", expose = "X-Id" },
	  headers = route.headers{ request = { set = { ["X-Asked"] = "yes" } }, response = { set = { ["X-Policy"] = "{*}" }, remove = "Server" } },
	  max_body = route.max_body("1MiB"),
	  timeout = route.timeout(60),
	  fault = route.fault{ delay = "1ms" },
	}
	local all = {}
	for name, policy in pairs(policies) do
	  all[#all + 1] = policy
	  route:with(policy):any("/" .. name .. "/*", route.proxy("app", { strip_prefix = "/" .. name }))
	  route:with(policy):any("/down/" .. name .. "/*", "down")
	end
	route:with(unpack(all)):any("/all/*", route.proxy("app", { strip_prefix = "/all" }))
	route:with(unpack(all)):any("/down/all/*", "down")
	route:get("/late", { timeout = "30ms" }, "app")
	route:get("/late/proxy", route.proxy("app", { path = "/late", timeout = "30ms", on_error = "decline" }))
	route:get("/late/*", function() return 200, "instead" end)
	route:with(route.timeout("5s")):get("/long", "app")
	route:with(route.timeout("5s", { body = true })):get("/cut", route.proxy("app", { path = "/endless" }))
	route:with(route.timeout("5s", { body = true })):get("/cut/chat", route.proxy("app", { path = "/chat" }))
	route:on_error(function(req, res, err) return err.status, err.kind .. " " .. tostring(err.reason) end)
`

// policyOrigin answers all that policies must not disturb.
func policyOrigin(w http.ResponseWriter, r *http.Request) {
	flush := http.NewResponseController(w).Flush
	switch r.URL.Path {
	case "/chat":
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // of any origin
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for {
			kind, text, err := conn.Read(r.Context())
			if err != nil || conn.Write(r.Context(), kind, text) != nil {
				return
			}
		}
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: first\n\n")
		_ = flush()
		fmt.Fprint(w, "data: second\n\n")
	case "/late":
		<-r.Context().Done()
	case "/endless":
		fmt.Fprint(w, "begin ")
		_ = flush()
		<-r.Context().Done()
	case "/long":
		fmt.Fprint(w, "begin ")
		_ = flush()
		select {
		case <-time.After(6 * time.Second): // longer than the timeout
		case <-r.Context().Done():
		}
		fmt.Fprint(w, "end")
	default:
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d %s", r.Method, r.URL.Path, len(body), r.Header.Get("X-Asked"))
	}
}

func TestPoliciesDisturbNeitherStreamsNorUpgradesNorErrors(t *testing.T) {
	c := e2e.New(t)
	c.Serve("app", policyOrigin)
	c.File("main.lua", policyRoutes)
	c.Options = localCerts
	c.Start(`http://127.0.0.1, https://localhost {
		luaroute {
			script $dir/main.lua
		}
	}`)
	trustLocalCA(t, c)
	const site = "Origin: https://app.example"
	var late sync.WaitGroup
	defer late.Wait()
	late.Go(func() { chatsTooLong(t, c) })
	for _, base := range []string{"http://127.0.0.1:$port", "https://localhost:$tls"} {
		for _, name := range []string{"cors", "headers", "max_body", "timeout", "fault", "all"} {
			asked := ""
			if name == "headers" || name == "all" {
				asked = "yes"
			}
			check := func(a e2e.Answer, path string) {
				t.Helper()
				if name == "cors" || name == "all" {
					if a.Header.Get("Access-Control-Allow-Origin") != "https://app.example" || a.Header.Get("Vary") != "Origin" {
						t.Errorf("%s: %v", path, a.Header)
					}
				}
				if name == "headers" || name == "all" {
					if a.Header.Get("X-Policy") == "" || a.Header.Get("Server") != "" {
						t.Errorf("%s: %v", path, a.Header)
					}
				}
			}
			get := c.Get(base+"/"+name+"/x", site)
			get.Want(200, "GET /x 0 "+asked)
			check(get, name)
			head := c.Send(http.MethodHead, base+"/"+name+"/x", nil, site)
			head.Want(200, "")
			check(head, name+" HEAD")
			post := c.Send(http.MethodPost, base+"/"+name+"/x", strings.NewReader(strings.Repeat("x", 1<<20)), site)
			post.Want(200, fmt.Sprintf("POST /x %d %s", 1<<20, asked))
			check(post, name+" POST")
			down := c.Get(base+"/down/"+name+"/x", site)
			down.Want(502, "upstream refused")
			check(down, name+" down")
			events := c.Get(base+"/"+name+"/events", site)
			events.Want(200, "data: first\n\ndata: second\n\n")
			check(events, name+" events")
		}
		if a := c.Get(base + "/late"); a.Status != 504 || a.Body != "upstream timeout" {
			t.Errorf("%s: too late: %d %q", base, a.Status, a.Body)
		}
		c.Get(base+"/late/proxy").Want(200, "instead")
		late.Go(func() {
			if a, err := c.Try(http.MethodGet, base+"/long", nil); err != nil || a.Status != 200 || a.Body != "begin end" {
				t.Errorf("%s: a long body came as %d %q, %v", base, a.Status, a.Body, err)
			}
		})
		late.Go(func() {
			r, err := c.Open(http.MethodGet, base+"/cut", nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if body, err := io.ReadAll(r.Body); err == nil || string(body) != "begin " {
				t.Errorf("%s: a body that is too late came as %q, %v", base, body, err)
			}
		})
	}
	for _, name := range []string{"cors", "headers", "max_body", "timeout", "fault", "all"} {
		if text, err := echoed(t, c, "/"+name+"/chat"); err != nil || text != "hello" {
			t.Errorf("a WebSocket through %s: %q, %v", name, text, err)
		}
	}
}

// chatsTooLong opens a WebSocket that is cut.
func chatsTooLong(t *testing.T, c *e2e.Caddy) {
	ctx := e2e.Context(t)
	conn, _, err := websocket.Dial(ctx, c.Expand("ws://127.0.0.1:$port/cut/chat"), &websocket.DialOptions{HTTPClient: c.Client})
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.CloseNow()
	if _, _, err := conn.Read(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("a WebSocket that is too late goes on: %v", err)
	}
}

// echoed sends a message through a WebSocket, and returns what came back.
func echoed(t *testing.T, c *e2e.Caddy, path string) (string, error) {
	t.Helper()
	ctx := e2e.Context(t)
	conn, _, err := websocket.Dial(ctx, c.Expand("ws://127.0.0.1:$port"+path), &websocket.DialOptions{HTTPClient: c.Client, HTTPHeader: http.Header{"Origin": {"https://app.example"}}})
	if err != nil {
		return "", err
	}
	defer conn.CloseNow()
	if err := conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		return "", err
	}
	_, text, err := conn.Read(ctx)
	return string(text), err
}
