package limit

import (
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// buckets are the budgets of many keys. A take is a lookup among the readers of a shard and one compare-and-swap; only new keys, and what is
// dropped, have a shard for themselves. There is no timer: takes look at a few keys from time to time, and drop those that mean nothing.
type buckets struct {
	seed   maphash.Seed
	shards []shard
	most   atomic.Int64 // keys, of all shards
	count  atomic.Int64
	// evicted is how many keys were dropped that still meant something.
	evicted atomic.Int64
	turn    atomic.Uint32 // of the shard that was swept last
}

type shard struct {
	mu    sync.RWMutex
	byKey map[string]*bucket
	all   []*bucket // in any order
	// takes is how many there were, and swept the place that is looked at next.
	takes atomic.Uint32
	swept int
	_     [48]byte // shards share no line of the cache
}

// bucket is the budget of one key.
type bucket struct {
	whole atomic.Int64 // when it is, see pace.take
	key   string
	at    int // in shard.all
}

const (
	manyShards = 16
	// fewKeys are so few that one shard does.
	fewKeys = 4096
	// sweepEvery is how many takes there are between two sweeps, which look at a hundredth of the keys.
	sweepEvery = 1000
	// minSweep is how many keys a sweep looks at where a hundredth is less.
	minSweep = 16
	// candidates are the keys of which the one goes that is the least used.
	candidates = 8
	// bytesPerKey is the memory of a key, besides its own bytes.
	bytesPerKey = 100
)

func newBuckets(most int) *buckets {
	b := &buckets{seed: maphash.MakeSeed(), shards: make([]shard, 1)}
	if most >= fewKeys {
		b.shards = make([]shard, manyShards)
	}
	for i := range b.shards {
		b.shards[i].byKey = map[string]*bucket{}
	}
	b.resize(most)
	return b
}

// resize sets how many keys there may be. A shard that is empty takes one more than there may be, since it has none to drop.
func (b *buckets) resize(most int) { b.most.Store(max(1, int64(most-len(b.shards)+1))) }

func (b *buckets) hash(key []byte) uint64 { return maphash.Bytes(b.seed, key) }

// take takes cost, at most the burst, from the budget of a key with a hash, as pace.take does.
func (b *buckets) take(key []byte, hash uint64, p pace, cost int64, now time.Duration) Budget {
	s := &b.shards[hash%uint64(len(b.shards))]
	if s.takes.Add(1)%uint32(sweepEvery/len(b.shards)) == 0 {
		b.sweepNext(now)
	}
	s.mu.RLock()
	if known := s.byKey[string(key)]; known != nil {
		taken := known.take(p, cost, now)
		s.mu.RUnlock() // until here nobody drops it
		return taken
	}
	s.mu.RUnlock()
	if cost == 0 {
		_, taken := p.take(0, now, 0)
		return taken
	}
	return b.begin(s, key, p, cost, now)
}

func (k *bucket) take(p pace, cost int64, now time.Duration) Budget {
	for {
		whole := k.whole.Load()
		then, taken := p.take(time.Duration(whole), now, cost)
		if !taken.OK || cost == 0 || k.whole.CompareAndSwap(whole, int64(then)) {
			return taken
		}
	}
}

// begin takes from the budget of a key that was not known.
func (b *buckets) begin(s *shard, key []byte, p pace, cost int64, now time.Duration) Budget {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.byKey[string(key)]; known != nil {
		return known.take(p, cost, now)
	}
	then, taken := p.take(0, now, cost)
	b.count.Add(1)
	for range 2 { // more than one, since there may be fewer than before
		if b.count.Load() > b.most.Load() && len(s.all) > 0 {
			b.makeRoom(s, now)
		}
	}
	k := &bucket{key: string(key), at: len(s.all)}
	k.whole.Store(int64(then))
	s.byKey[k.key] = k
	s.all = append(s.all, k)
	return taken
}

// makeRoom drops a key of a shard: those that mean nothing first, and else of a few the one that is whole the soonest. Who sends many keys to
// have others dropped gives them back what they had left, and no more.
func (b *buckets) makeRoom(s *shard, now time.Duration) {
	if b.sweep(s, minSweep, now) > 0 {
		return
	}
	out := s.all[rand.IntN(len(s.all))]
	for range candidates - 1 {
		if k := s.all[rand.IntN(len(s.all))]; k.whole.Load() < out.whole.Load() {
			out = k
		}
	}
	b.drop(s, out)
	b.evicted.Add(1)
}

// sweepNext sweeps a hundredth of the shard whose turn it is, unless others use it.
func (b *buckets) sweepNext(now time.Duration) {
	s := &b.shards[b.turn.Add(1)%uint32(len(b.shards))]
	if s.mu.TryLock() {
		b.sweep(s, max(minSweep, len(s.all)/100), now)
		s.mu.Unlock()
	}
}

// sweep looks at the next n keys of a shard, and drops those whose budget is whole. It returns how many.
func (b *buckets) sweep(s *shard, n int, now time.Duration) (dropped int) {
	for range n {
		if len(s.all) == 0 {
			break
		}
		if s.swept >= len(s.all) {
			s.swept = 0
		}
		if k := s.all[s.swept]; time.Duration(k.whole.Load()) <= now {
			b.drop(s, k)
			dropped++
		} else {
			s.swept++
		}
	}
	return dropped
}

func (b *buckets) drop(s *shard, k *bucket) {
	last := len(s.all) - 1
	s.all[k.at] = s.all[last]
	s.all[k.at].at = k.at
	s.all[last] = nil
	s.all = s.all[:last]
	delete(s.byKey, k.key)
	b.count.Add(-1)
}

// reset makes the budget of a key whole.
func (b *buckets) reset(key []byte) {
	s := &b.shards[b.hash(key)%uint64(len(b.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.byKey[string(key)]; k != nil {
		b.drop(s, k)
	}
}
