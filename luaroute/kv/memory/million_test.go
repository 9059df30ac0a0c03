package memory

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

const million = 1_000_000

// filled returns a store with so many keys, and how long each write has taken.
func filled(tb testing.TB, n int, ttl time.Duration) (*store, []time.Duration) {
	st := newStore(sizes{1 << 30, 1 << 30, 1 << 20})
	took := make([]time.Duration, 0, n)
	for i := range n {
		op := kv.Op{Kind: kv.Set, Scope: acme, Key: fmt.Sprintf("visits:192.0.%d.%d", i>>8, i&0xff), Value: []byte("\x0112345"), HasValue: true, TTL: ttl}
		start := time.Now()
		_, err := st.do(&op)
		took = append(took, time.Since(start))
		if err != nil {
			tb.Fatal(err)
		}
	}
	return st, took
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestManyKeysTakeWhatTheyCountFor measures memory, so nothing runs beside it.
func TestManyKeysTakeWhatTheyCountFor(t *testing.T) {
	n := million / 5
	if testing.Short() {
		n = million / 10
	}
	before := heap()
	st, _ := filled(t, n, time.Hour)
	counted, taken := st.used.Load(), heap()-before
	t.Logf("a key counts for %d bytes, and takes %d", counted/int64(n), taken/int64(n))
	if taken > counted*11/10 {
		t.Errorf("%d bytes are counted, and %d are taken", counted, taken)
	}
	p := st.space(spaceKey{Scope: acme}, false)
	for i := range p.shards {
		if l := p.shards[i].larges.n; l > 0 {
			t.Errorf("%d entries are objects for the garbage collector", l)
		}
	}
	for i := range n - n/100 {
		do(t, st, kv.Op{Kind: kv.Delete, Key: fmt.Sprintf("visits:192.0.%d.%d", i>>8, i&0xff)})
	}
	if left, most := heap()-before, st.used.Load()*4+1<<20; left > most {
		t.Errorf("%d bytes are counted after most keys were deleted, and %d are taken", st.used.Load(), left)
	}
	st.close()
}

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
// machine's and the collector's, and not ours.
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
		st, took := filled(b, million, time.Hour)
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
