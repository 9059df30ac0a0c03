package memory

import (
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// TestNoOperationDoesMoreTheMoreKeysThereAre counts instead of measuring times: what an operation allocates at most while a store grows and
// shrinks, for nothing is copied that grows with it; how long the longest way to a key is; and how deep the heap of what expires.
func TestNoOperationDoesMoreTheMoreKeysThereAre(t *testing.T) {
	n := million / 2
	if testing.Short() { // with the race detector, which has nothing to see here
		n = million / 20
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection has what was allocated before counted
	st := newStore(sizes{1 << 30, 1 << 30, 1 << 20})
	defer st.close()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	allocated := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	most := func(kind kv.Kind, from, to int) (most uint64) {
		for i := from; i < to; i++ {
			op := kv.Op{Kind: kind, Scope: acme, Key: fmt.Sprint("visits:", i), Value: []byte("12345"), HasValue: true, TTL: time.Hour}
			before := allocated()
			if r, err := st.do(&op); err != nil || !r.OK {
				t.Fatal(r, err)
			}
			most = max(most, allocated()-before)
		}
		return most
	}
	// A chunk of each slab, and lists of chunks.
	const bound = 96 << 10
	if got := most(kv.Add, 0, n); got > bound {
		t.Errorf("a write allocated %d bytes, expected at most %d", got, bound)
	}
	p := st.space(spaceKey{Scope: acme}, false)
	for i := range p.shards {
		s := &p.shards[i]
		for b := range s.buckets.n {
			length := 0
			for at := *s.buckets.at(b); at != none; at = s.heads.at(at).same {
				length++
			}
			if length > 25 {
				t.Errorf("a bucket has %d keys", length)
			}
		}
	}
	if got := most(kv.Delete, 0, n-n/100); got > bound {
		t.Errorf("a deletion allocated %d bytes, expected at most %d", got, bound)
	}
}
