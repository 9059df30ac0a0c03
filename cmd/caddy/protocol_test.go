package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// streamRoutes are the ways on which a stream may come by: it must pass all of them unbuffered.
const streamRoutes = `
	local route = require("luaroute")
	route:pool("app", { "$app" })
	route:any("/data", "app")
	route:any("/decided", function(req) return "app" end)
	route:with(function(req) req.ctx.user = "ada" end):any("/middleware", "app")
	route:with(function(req, res, next)
	  res.headers["X-Wrapped"] = "yes"
	  local answered = next()
	  assert(answered and req.ctx ~= nil, "the wrapper goes on after the stream")
	end):any("/wrapped", "app")
	route:with(route.handler("headers", { response = { set = { ["X-Module"] = { "yes" } } } })):any("/module", "app")
	local function hooked(req, res) res:on_headers(function(res) res.headers["X-Hooked"] = tostring(res.status) end) end
	local function filtered(req, res) res:on_body(function(piece) return piece end) end
	local function around(req, res, next) filtered(req, res); assert(pcall(next)) end
	route:with(hooked):any("/hooked", "app")
	route:with(filtered):any("/filtered", "app")
	route:with(around, filtered, hooked, around):any("/deep", function(req, res) filtered(req, res); return "app" end)
`

var streamPaths = []string{"/data", "/decided", "/middleware", "/wrapped", "/module", "/hooked", "/filtered", "/deep"}

// localCerts are the options for certificates that no one else knows.
const localCerts = "local_certs\nskip_install_trust"

// trustLocalCA makes the client trust the authority that signs the certificates of this Caddy, and no other. It waits
// until localhost has its certificate, since Caddy gets that while it serves already.
func trustLocalCA(t *testing.T, c *e2e.Caddy) {
	t.Helper()
	var ca struct {
		Root string `json:"root_certificate"`
	}
	if err := json.Unmarshal([]byte(c.Admin(http.MethodGet, "/pki/ca/local", "").Body), &ca); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ca.Root)) {
		t.Fatalf("no root certificate in %q", ca.Root)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	c.Client.Transport = transport
	e2e.Until(t, "localhost has a certificate", func() bool {
		conn, err := tls.Dial("tcp", c.Expand("localhost:$tls"), &tls.Config{RootCAs: roots})
		return err == nil && conn.Close() == nil
	})
}

func TestRoutesAnswerOverTLSAndHTTP2(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", `
		local route = require("luaroute")
		route:pool("app", { "$app" })
		route:any("/app", "app")
		route:get("/tls", function(req)
		  return 200, { scheme = req.scheme, proto = req.proto, sni = req.tls.sni, alpn = req.tls.alpn, port = req.port }
		end)
	`)
	c.Options = localCerts
	c.Start(`https://localhost {
		luaroute {
			script $dir/main.lua
		}
	}`)
	trustLocalCA(t, c)

	answer := c.Get("https://localhost:$tls/tls")
	answer.Want(200, c.Expand(`{"alpn":"h2","port":$tls,"proto":"HTTP/2.0","scheme":"https","sni":"localhost"}`))
	if answer.Proto != "HTTP/2.0" {
		t.Errorf("the client spoke %s", answer.Proto)
	}
	body := random(1 << 20)
	got := c.Send(http.MethodPost, "https://localhost:$tls/app", strings.NewReader(strings.ToValidUTF8(body, "?"))).From("app")
	if got.Body != strings.ToValidUTF8(body, "?") || got.Header.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("the origin got %d bytes and %v", len(got.Body), got.Header)
	}
}

func TestASiteOnHTTPAndHTTPSIsOneInstance(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		require("log").info("the script runs")
		local route = require("luaroute")
		route:get("/", function(req) return 200, req.scheme end)
	`)
	c.Options = localCerts
	c.Start(`http://localhost, https://localhost {
		luaroute {
			script $dir/main.lua
		}
	}`)
	trustLocalCA(t, c)

	c.Get("http://localhost:$port/").Want(200, "http")
	c.Get("https://localhost:$tls/").Want(200, "https")
	if n := c.Logged("the script runs"); n != 1 {
		t.Errorf("the script ran %d times; want once for both servers", n)
	}
}

func TestAWebSocketPassesThroughAPool(t *testing.T) {
	c := e2e.New(t)
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for {
			kind, text, err := conn.Read(r.Context())
			if err != nil || conn.Write(r.Context(), kind, append([]byte("echo "), text...)) != nil {
				return
			}
		}
	})
	c.Route(streamRoutes)

	for _, path := range streamPaths {
		t.Run(path, func(t *testing.T) {
			ctx := e2e.Context(t)
			conn, _, err := websocket.Dial(ctx, c.Expand("ws://127.0.0.1:$port"+path), &websocket.DialOptions{HTTPClient: c.Client})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.CloseNow()
			for i := range 3 {
				if err := conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, "%d", i)); err != nil {
					t.Fatal(err)
				}
				if _, text, err := conn.Read(ctx); err != nil || string(text) != fmt.Sprintf("echo %d", i) {
					t.Fatalf("message %d came back as %q, %v", i, text, err)
				}
			}
			if err := conn.Close(websocket.StatusNormalClosure, "done"); err != nil {
				t.Errorf("closing: %s", err)
			}
		})
	}
	if n := c.Logged("script failed"); n != 0 {
		t.Errorf("%d functions failed", n)
	}
}

func TestTheFirstEventArrivesBeforeTheOriginEnds(t *testing.T) {
	c := e2e.New(t)
	proceed := events(c)
	c.Route(streamRoutes)
	readEvents(t, c, "http://127.0.0.1:$port", "HTTP/1.1", proceed)
}

func TestTheFirstEventArrivesOverHTTP2(t *testing.T) {
	c := e2e.New(t)
	proceed := events(c)
	c.File("main.lua", streamRoutes)
	c.Options = localCerts
	c.Start("https://localhost {\nluaroute {\nscript $dir/main.lua\n}\n}")
	trustLocalCA(t, c)
	readEvents(t, c, "https://localhost:$tls", "HTTP/2.0", proceed)
}

// events starts an origin that sends its last event when it gets leave to proceed.
func events(c *e2e.Caddy) (proceed chan struct{}) {
	proceed = make(chan struct{})
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: first\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-proceed:
		case <-r.Context().Done():
		}
		fmt.Fprint(w, "data: last\n\n")
	})
	return proceed
}

// readEvents reads the events on all ways.
func readEvents(t *testing.T, c *e2e.Caddy, site, proto string, proceed chan<- struct{}) {
	for _, path := range streamPaths {
		t.Run(path, func(t *testing.T) {
			res, err := c.Open(http.MethodGet, site+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.Proto != proto {
				t.Errorf("the response came over %s", res.Proto)
			}
			for name, where := range map[string]string{"X-Wrapped": "/wrapped", "X-Module": "/module"} {
				if got := res.Header.Get(name) != ""; got != (path == where) {
					t.Errorf("header %s is there: %t", name, got)
				}
			}
			events := bufio.NewScanner(res.Body)
			if !events.Scan() || events.Text() != "data: first" {
				t.Fatalf("the first line is %q, %v", events.Text(), events.Err())
			}
			proceed <- struct{}{} // the origin has waited until here
			var rest []string
			for events.Scan() {
				rest = append(rest, events.Text())
			}
			if got := strings.Join(rest, "|"); got != "|data: last|" {
				t.Errorf("the rest is %q, %v", got, events.Err())
			}
		})
	}
}

func TestAClientThatLeavesEndsTheRequestOfItsOrigin(t *testing.T) {
	c := e2e.New(t)
	entered, left := make(chan struct{}), make(chan struct{})
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(left)
	})
	c.Route(streamRoutes)

	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Expand("http://127.0.0.1:$port/wrapped"), nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-entered
		cancel()
	}()
	if res, err := c.Client.Do(r); err == nil {
		res.Body.Close()
		t.Errorf("a cancelled request was answered with %d", res.StatusCode)
	}
	select {
	case <-left:
	case <-e2e.Context(t).Done():
		t.Error("the origin still works for a client that has left")
	}
}
