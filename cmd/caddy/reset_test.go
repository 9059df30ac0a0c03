package main

import (
	"crypto/tls"
	"net/http"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// TestRequestsThatAreResetAtOnceLeaveNothingBehind opens streams of HTTP/2 to a function that waits, and resets each before it is answered.
func TestRequestsThatAreResetAtOnceLeaveNothingBehind(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	const connections, streams = 4, 5000
	c := e2e.New(t)
	c.Options = localCerts
	c.File("main.lua", `
		local route, time = require("luaroute"), require("time")
		route:get("/wait", function() time.sleep(600) end)
		route:get("/body", function(req, res) res:on_done(function() end) res:write("x") res:flush() time.sleep(600) end)
		route:get("/loop", function() while true do end end)
		route:get("/", function() return 200, "here" end)`)
	c.Start("https://localhost {\nluaroute {\nscript $dir/main.lua\nlimits {\nvms 5\nqueue 1s\n}\n}\n}")
	trustLocalCA(t, c)
	c.Get("https://localhost:$tls/").Want(http.StatusOK, "here")
	c.Client.CloseIdleConnections()
	before := runtime.NumGoroutine()

	sent := make(chan int, connections)
	for range connections {
		go func() { sent <- resets(c, streams) }()
	}
	total, slowest := 0, time.Duration(0)
	for waiting := connections; waiting > 0; {
		select {
		case n := <-sent:
			total, waiting = total+n, waiting-1
		default: // others are served meanwhile, or told that there is no room
			start := time.Now()
			if got := c.Get("https://localhost:$tls/"); got.Status != http.StatusOK && got.Status != http.StatusServiceUnavailable {
				t.Errorf("the answer is %d %q", got.Status, got.Body)
			}
			slowest = max(slowest, time.Since(start))
		}
	}
	start := time.Now()
	e2e.Until(t, "the machines are free", func() bool { return c.Get("https://localhost:$tls/").Status == http.StatusOK })
	free := time.Since(start)
	c.Client.CloseIdleConnections()
	e2e.Until(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before+5 })
	t.Logf("%d streams were reset; the slowest answer meanwhile took %v, and the machines were free after %v", total, slowest, free)
	if total < 1000 {
		t.Errorf("only %d streams were reset", total)
	}
}

// resets opens and resets streams, until the server has enough of it, and returns how many.
func resets(c *e2e.Caddy, streams int) (n int) {
	conn, err := handshaken(c, "localhost", "h2")
	if err != nil {
		return 0
	}
	defer conn.Close()
	f, err := newFramer(conn)
	if err != nil {
		return 0
	}
	go func() { // what is not read would fill the connection
		for {
			if _, err := f.ReadFrame(); err != nil {
				return
			}
		}
	}()
	paths := []string{"/wait", "/body", "/loop"}
	for n < streams {
		stream := uint32(2*n + 1)
		if f.get(stream, paths[n%len(paths)], ":authority", "localhost") != nil || f.WriteRSTStream(stream, http2.ErrCodeCancel) != nil {
			return n
		}
		n++
	}
	return n
}

// handshaken opens a connection by TLS for a name and a protocol.
func handshaken(c *e2e.Caddy, sni, protocol string, pairs ...tls.Certificate) (*tls.Conn, error) {
	//nolint:gosec // who answers is known
	return tls.Dial("tcp", c.Expand("127.0.0.1:$tls"), &tls.Config{ServerName: sni, InsecureSkipVerify: true, Certificates: pairs, NextProtos: []string{protocol}})
}
