package main

import (
	"net/http"
	"testing"
	"time"

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
