package hostile

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// BenchmarkNeighbour measures how long innocent requests take, one after the other, while their neighbour is quiet and while
// clients of it have it burn its CPU. The p99 of both and their ratio are reported. Lua that runs for long leaves one processor,
// so more clients than processors make little difference; a machine with one, or one that is busy with other programs, has
// none to leave.
func BenchmarkNeighbour(b *testing.B) {
	for _, attackers := range []int{1, 2, 8} {
		b.Run(fmt.Sprintf("attackers=%d", attackers), func(b *testing.B) {
			innocentSite := setup().Serve(b, "local route = require('luaroute')\n"+innocent)
			attacked := setup().Serve(b, site("while true do pcall(function() while true do end end) end"))
			var quiet, busy []time.Duration
			for b.Loop() {
				quiet = append(quiet, latencies(b, innocentSite)...)
				stop := burn(attacked, attackers)
				busy = append(busy, latencies(b, innocentSite)...)
				stop()
			}
			before, during := p99(quiet), p99(busy)
			b.ReportMetric(float64(before.Microseconds()), "µs/quiet-p99")
			b.ReportMetric(float64(during.Microseconds()), "µs/busy-p99")
			b.ReportMetric(float64(during)/float64(before), "ratio")
		})
	}
}

// latencies are those of some requests.
func latencies(b *testing.B, site *luatest.Site) []time.Duration {
	all := make([]time.Duration, 300)
	for i := range all {
		start := time.Now()
		if answer, err := site.Try("GET /innocent/7", ""); err != nil || answer.Status != 200 {
			b.Fatalf("an innocent request got %v, %v", answer, err)
		}
		all[i] = time.Since(start)
	}
	return all
}

// burn sends requests that end with their budget, until it is stopped.
func burn(site *luatest.Site, clients int) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					_, _ = site.Try("GET /0", "")
				}
			}
		})
	}
	return func() {
		close(done)
		running.Wait()
	}
}

func p99(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)*99/100]
}
