package memory

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// plainly allocates as much as filled does, in pieces of the same size, and does nothing else.
func plainly(n int) (slowest time.Duration) {
	const bytes, chunk = 90, fullChunk * 48
	var kept [][]byte
	for i := range n {
		key := fmt.Sprintf("visits:192.0.%d.%d", i>>8, i&0xff)
		start := time.Now()
		if i%(chunk/bytes) == 0 {
			kept = append(kept, make([]byte, chunk))
		}
		runtime.KeepAlive(key)
		slowest = max(slowest, time.Since(start))
	}
	runtime.KeepAlive(kept)
	return slowest
}

// BenchmarkAMillionKeys reports how long the slowest operations on a million keys have taken while the garbage collector ran all the time, and
// how long that has stopped the world; and the slowest of as many that do nothing, and that only allocate as much: what those take is the
// machine's and the collector's, and not ours. The slowest of as many by the time that the thread itself has worked is ours, with what it
// does for the collector.
func BenchmarkAMillionKeys(b *testing.B) {
	for b.Loop() {
		var before debug.GCStats
		debug.ReadGCStats(&before)
		done := make(chan struct{})
		go func() {
			for {
				select {
				case <-done:
					return
				default:
					runtime.GC()
				}
			}
		}()
		runtime.LockOSThread()
		worked, works := filled(b, million, time.Hour, testkit.ThreadTime)
		worked.close()
		runtime.UnlockOSThread()
		base := time.Now()
		st, took := filled(b, million, time.Hour, func() time.Duration { return time.Since(base) })
		nothing := time.Duration(0)
		for i := range million {
			key := fmt.Sprintf("visits:192.0.%d.%d", i>>8, i&0xff)
			start := time.Now()
			runtime.KeepAlive(key)
			nothing = max(nothing, time.Since(start))
		}
		allocating := plainly(million)
		close(done)
		var after debug.GCStats
		debug.ReadGCStats(&after)
		slices.Sort(took)
		pauses := slices.Sorted(slices.Values(after.Pause[:min(after.NumGC-before.NumGC, int64(len(after.Pause)))]))
		b.ReportMetric(float64(took[len(took)-1].Microseconds()), "µs-longest")
		b.ReportMetric(float64(slices.Max(works).Microseconds()), "µs-longest-worked")
		b.ReportMetric(float64(nothing.Microseconds()), "µs-nothing")
		b.ReportMetric(float64(allocating.Microseconds()), "µs-allocating")
		b.ReportMetric(float64(took[len(took)-len(took)/10_000].Microseconds()), "µs-p99.99")
		b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "ns-p50")
		b.ReportMetric(float64(pauses[len(pauses)-1].Microseconds()), "µs-stopped")
		b.ReportMetric(float64(len(pauses)), "collections")
		start := time.Now()
		runtime.GC()
		b.ReportMetric(float64(time.Since(start).Microseconds()), "µs-collection")
		runtime.KeepAlive(st)
		st.close()
	}
}
