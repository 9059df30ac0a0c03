package hostile

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// pace is how long a client waits after each 32 KiB: some 50 Mbit/s.
const pace = 5 * time.Millisecond

// BenchmarkNeighbourOfAStream measures the same while clients read streams that never end: one in which there is no Lua, to compare
// with, two of which each piece goes through a function, and one that a script writes. A stream runs as fast as its client reads:
// without a pace this would measure how much of the network's work the machine has room for, which takes a hundred times as much
// from neighbours without Lua as with it.
func BenchmarkNeighbourOfAStream(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(ourCollector))
	endless := luatest.Origin(b, func(w http.ResponseWriter, _ *http.Request) {
		for piece := make([]byte, 32<<10); ; {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	site := setup().Serve(b, fmt.Sprintf(`local route = require("luaroute")
		route:pool("endless", %q)
		route:get("/data", "endless")
		route:with(function(req, res) res:on_body(function(chunk) return chunk:upper() end) end):get("/on_body", "endless")
		route:with(function(req, res) res:on_body(function(chunk) for i = 1, 20000 do end return chunk end) end):get("/slow", "endless")
		route:get("/writes", function(req, res) local piece = ("x"):rep(32768) while true do res:write(piece) end end)`, endless))
	for _, path := range []string{"/data", "/on_body", "/slow", "/writes"} {
		for _, count := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s clients=%d", path[1:], count), func(b *testing.B) { against(b, readers(b, count, site.URL+path)) })
		}
	}
}

// readers returns what starts clients that read a stream until they are stopped.
func readers(b *testing.B, count int, url string) func() (stop func()) {
	return func() (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		for range count {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				b.Fatal(err)
			}
			res, err := (&http.Client{Transport: luatest.Client.Transport}).Do(r) // luatest.Client has a timeout
			if err != nil {
				b.Fatal(err)
			}
			running.Go(func() {
				defer res.Body.Close()
				for tick := time.NewTicker(pace); ; <-tick.C {
					if _, err := io.CopyN(io.Discard, res.Body, 32<<10); err != nil {
						tick.Stop()
						return
					}
				}
			})
		}
		return func() {
			cancel()
			running.Wait()
		}
	}
}
