package hostile

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/attacks"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// ourCollector is what cmd/caddy sets for a heap as small as here, as GOGC would.
const ourCollector = 1600

// BenchmarkNeighbour measures how long innocent requests take, one after the other, while their neighbour is quiet and while
// clients of it have it burn its CPU. The p99 of both and their ratio are reported. Lua that runs for long leaves one processor,
// so more clients than processors make little difference; a machine with one, or one that is busy with other programs, has
// none to leave.
//
// The heap is small here, so what Go's collector does, and how often, is most of a p99. That is why all cases run with the
// collector as cmd/caddy sets it and as Go does by itself. And two have no hostile script in them, to compare with: a single
// loop in Go is the least that a neighbour can do who uses one processor, and ordinary requests are what any client does.
func BenchmarkNeighbour(b *testing.B) {
	for _, collector := range []struct {
		name    string
		percent int
	}{{"ours", ourCollector}, {"Go's", 100}} {
		b.Run("collector="+collector.name, func(b *testing.B) {
			defer debug.SetGCPercent(debug.SetGCPercent(collector.percent))
			b.Run("loop in Go", func(b *testing.B) { against(b, spin) })
			b.Run("ordinary requests", func(b *testing.B) { against(b, clients(1, setup().Serve(b, site("return 204")))) })
			for _, attackers := range []int{1, 2, 8} {
				b.Run(fmt.Sprintf("attackers=%d", attackers), func(b *testing.B) {
					attacked := setup().Serve(b, site("while true do pcall(function() while true do end end) end"))
					against(b, clients(attackers, attacked))
				})
			}
		})
	}
}

// BenchmarkNeighbourOfEach measures the same for each of the hostile scripts, with a client that has it run in a handler. It
// reports how many of the ratios are below 2, some quantiles, and the p99 of the worst; the log names the worst ones.
func BenchmarkNeighbourOfEach(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(ourCollector))
	innocent := setup().Serve(b, "local route = require('luaroute')\n"+innocent)
	all := attacks.All()
	starts, found := make([]func() func(), len(all)), make([]comparison, len(all))
	for i, s := range all {
		starts[i], found[i].name = clients(1, setup().Serve(b, site(s.Body))), s.Name
	}
	for b.Loop() {
		for i := range all {
			found[i].round(b, innocent, starts[i])
		}
	}
	slices.SortFunc(found, func(x, y comparison) int { return cmp.Compare(x.ratio(), y.ratio()) })
	within := slices.IndexFunc(append(found, comparison{}), func(c comparison) bool { return c.quiet == nil || c.ratio() > 2 })
	b.ReportMetric(float64(100*within)/float64(len(found)), "%-within-2")
	b.ReportMetric(found[len(found)/2].ratio(), "median-ratio")
	b.ReportMetric(found[len(found)*9/10].ratio(), "p90-ratio")
	worst := &found[len(found)-1]
	b.ReportMetric(worst.ratio(), "worst-ratio")
	b.ReportMetric(float64(p99(worst.busy).Microseconds()), "µs/worst-p99")
	for _, c := range found[len(found)-10:] {
		b.Logf("%.1f %v %s", c.ratio(), p99(c.busy), c.name)
	}
}

// against reports the latencies of innocent requests alone and while something else runs.
func against(b *testing.B, start func() (stop func())) {
	innocent := setup().Serve(b, "local route = require('luaroute')\n"+innocent)
	var c comparison
	for b.Loop() {
		c.round(b, innocent, start)
	}
	b.ReportMetric(float64(p99(c.quiet).Microseconds()), "µs/quiet-p99")
	b.ReportMetric(float64(p99(c.busy).Microseconds()), "µs/busy-p99")
	b.ReportMetric(c.ratio(), "ratio")
}

// comparison is how long innocent requests took alone and while something else ran.
type comparison struct {
	name        string
	quiet, busy []time.Duration
}

func (c *comparison) round(b *testing.B, innocent *luatest.Site, start func() (stop func())) {
	c.quiet = append(c.quiet, latencies(b, innocent)...)
	stop := start()
	c.busy = append(c.busy, latencies(b, innocent)...)
	stop()
}

func (c *comparison) ratio() float64 { return float64(p99(c.busy)) / float64(p99(c.quiet)) }

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

// clients returns what starts clients that request the handler of a site, one request after the other, until they are stopped.
func clients(count int, site *luatest.Site) func() (stop func()) {
	return func() (stop func()) {
		var over atomic.Bool
		var running sync.WaitGroup
		for range count {
			running.Go(func() {
				for !over.Load() {
					_, _ = site.Try("GET /0", "")
				}
			})
		}
		return func() {
			over.Store(true)
			running.Wait()
		}
	}
}

// spin uses one processor until it is stopped.
func spin() (stop func()) {
	var over atomic.Bool
	var running sync.WaitGroup
	running.Go(func() {
		for !over.Load() {
		}
	})
	return func() {
		over.Store(true)
		running.Wait()
	}
}

func p99(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)*99/100]
}
