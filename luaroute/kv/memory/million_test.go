package memory

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

const million = 1_000_000

// filled returns a store with so many keys, and how long each write has taken by a clock.
func filled(tb testing.TB, n int, ttl time.Duration, clock func() time.Duration) (*store, []time.Duration) {
	st := newStore(sizes{1 << 30, 1 << 30, 1 << 20})
	took := make([]time.Duration, 0, n)
	for i := range n {
		op := kv.Op{Kind: kv.Set, Scope: acme, Key: fmt.Sprintf("visits:192.0.%d.%d", i>>8, i&0xff), Value: []byte("\x0112345"), HasValue: true, TTL: ttl}
		start := clock()
		_, err := st.do(&op)
		took = append(took, clock()-start)
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
	st, _ := filled(t, n, time.Hour, func() time.Duration { return 0 })
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
