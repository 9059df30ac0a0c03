package memory

import (
	"math"
	"strings"
	"sync/atomic"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// shards is how many parts a space has, of which each has a lock.
const shards = 16

// space is what one tenant has.
type space struct {
	store    *store
	key      spaceKey
	used     atomic.Int64 // what its entries cost
	evicted  *atomic.Int64
	released atomic.Bool // whoever writes needs another one; it changes while all shards are locked
	shards   [shards]shard
}

// of returns the shard of a key, and its hash there.
func (p *space) of(hash uint64) (*shard, uint32) { return &p.shards[hash>>60], uint32(hash) }

// account notes by how much the cost has grown.
func (p *space) account(grown int64) {
	if grown != 0 {
		p.used.Add(grown)
		p.store.used.Add(grown)
	}
}

// candidate says what a shard would give up first: MinInt64 for what has expired, else when the oldest was used last, MaxInt64 for nothing.
func (s *shard) candidate(now int64) int64 {
	switch {
	case s.heads.n == 0:
		return math.MaxInt64
	case s.expired(now) != none:
		return math.MinInt64
	}
	return s.heads.at(s.oldest).used
}

// give removes that, and returns what it took, whether it had not expired, and what would be next.
func (s *shard) give(now int64) (freed int64, evicted bool, next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heads.n > 0 {
		i := s.expired(now)
		if evicted = i == none; evicted {
			i = s.oldest
		}
		freed = s.remove(i)
	}
	return freed, evicted, s.candidate(now)
}

// evict removes what has expired, and then what was used least recently, while there is more than there may be. No two locks are held at once.
func (p *space) evict(now int64, over func() bool) {
	var oldest [shards]int64
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		oldest[i] = s.candidate(now)
		s.mu.Unlock()
	}
	for over() {
		i := 0
		for n := range oldest {
			if oldest[n] < oldest[i] {
				i = n
			}
		}
		if oldest[i] == math.MaxInt64 {
			return
		}
		var freed int64
		var evicted bool
		freed, evicted, oldest[i] = p.shards[i].give(now)
		p.account(-freed)
		if evicted {
			p.evicted.Add(1)
		}
	}
}

// batch is how many entries are looked at, or removed, while a shard is locked.
const batch = 64

// sweep removes what has expired.
func (p *space) sweep(now int64) {
	for i := range p.shards {
		for more := true; more; {
			more = p.sweepShard(&p.shards[i], now)
		}
	}
}

func (p *space) sweepShard(s *shard, now int64) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var freed int64
	for range batch {
		i := s.expired(now)
		if i == none {
			p.account(-freed)
			return false
		}
		freed += s.remove(i)
	}
	p.account(-freed)
	return true
}

// die marks a space that is empty as released, and reports whether it is.
func (p *space) die() bool {
	empty := true
	for i := range p.shards {
		p.shards[i].mu.Lock()
		empty = empty && p.shards[i].heads.n == 0
	}
	p.released.Store(empty)
	for i := range p.shards {
		p.shards[i].mu.Unlock()
	}
	return empty
}

// keys lists keys. It goes down through each shard, a batch at a time: what moves in between moves down, so that no key is missed that stays.
func (p *space) keys(op *kv.Op, now int64) (result kv.Result) {
	seen := map[string]bool{}
	for i := range p.shards {
		s := &p.shards[i]
		for from := uint32(none); from > 0; {
			from = s.list(from, now, func(key []byte) bool {
				result.Looked++
				if !strings.HasPrefix(string(key), op.Key) || seen[string(key)] {
					return true
				}
				if len(result.Keys) == op.Limit {
					result.OK = true
					return false
				}
				seen[string(key)] = true
				result.Keys = append(result.Keys, string(key))
				return true
			})
			if result.OK {
				return result
			}
		}
	}
	return result
}

// list calls each with the keys of a batch below an index, until it returns false. It returns where the next batch begins.
func (s *shard) list(from uint32, now int64, each func([]byte) bool) (next uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var room [kv.MaxKey]byte
	next = min(from, s.heads.n)
	for range batch {
		if next == 0 {
			return 0
		}
		next--
		if h := s.heads.at(next); h.due > now && !each(s.key(h, room[:0])) {
			return 0
		}
	}
	return next
}
