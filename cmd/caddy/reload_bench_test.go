package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// BenchmarkReload reloads a script of ten thousand routes through the admin API.
func BenchmarkReload(b *testing.B) {
	c := e2e.New(b)
	c.Origin("app")
	c.File("main.lua", bigScript(1))
	c.Start(e2e.Site(""))
	start := time.Now()
	for b.Loop() {
		if answer := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); answer.Status != 200 {
			b.Fatal(answer.Body)
		}
	}
	b.ReportMetric(float64(time.Since(start).Milliseconds())/float64(b.N), "ms/reload")
}

// BenchmarkStreams opens WebSockets and reloads, as plain Caddy does and as scripts do, and says how many are lost. Their pool is
// the same all the time; something else changes. -sockets and -reloads say how many.
func BenchmarkStreams(b *testing.B) {
	b.Run("configuration", func(b *testing.B) {
		benchmarkStreams(b, func(c *e2e.Caddy, version int) {
			c.Start(fmt.Sprintf("http:// {\nrespond /version %d\nreverse_proxy $app\n}", version))
		})
	})
	b.Run("script", func(b *testing.B) {
		benchmarkStreams(b, func(c *e2e.Caddy, version int) {
			c.File("main.lua", fmt.Sprintf(`
				local route = require("luaroute")
				route:pool("app", "$app")
				route:get("/version", { status = %d })
				route:any("/*", "app")`, version))
			if version == 200 {
				c.Start(e2e.Site(""))
			} else if answer := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); answer.Status != 200 {
				b.Fatal(answer.Body)
			}
		})
	})
}

// benchmarkStreams opens WebSockets, loads one version after the other, and counts the WebSockets that were lost. Versions are
// statuses from 200 on.
func benchmarkStreams(b *testing.B, load func(c *e2e.Caddy, version int)) {
	c := e2e.New(b)
	c.Serve("app", streams(nil))
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	lost := 0
	var spent time.Duration
	load(c, 200)
	for b.Loop() {
		conns := make([]*websocket.Conn, *sockets)
		for i := range conns {
			conn, _, err := websocket.Dial(ctx, c.Expand("ws://127.0.0.1:$port/"), &websocket.DialOptions{HTTPClient: c.Client})
			if err != nil {
				b.Fatal(err)
			}
			defer conn.CloseNow()
			conns[i] = conn
		}
		start := time.Now()
		for n := range *reloads {
			load(c, 201+n%100)
		}
		spent += time.Since(start)
		for _, conn := range conns {
			if echo(ctx, conn, "still there") != nil {
				lost++
			}
		}
	}
	b.ReportMetric(float64(lost)/float64(b.N**sockets)*100, "%lost")
	b.ReportMetric(float64(spent.Microseconds())/1000/float64(b.N**reloads), "ms/reload")
}
