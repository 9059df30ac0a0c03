package memory

import (
	"math"
	"math/bits"
	"sync"
)

// shard is a part of a space: a hash table whose entries are in the order of their last use, and those that expire in a heap. Nothing in it
// takes longer the more there is, other than by the logarithm: the table grows and shrinks by one bucket at a time, and the slabs by a chunk.
// They have no holes: what is removed is replaced by what is last. So a shard takes as much memory as its entries need, whatever was there
// before.
type shard struct {
	mu sync.Mutex

	heads   slab[head]
	blocks  slab[block]
	larges  slab[large]
	buckets slab[uint32] // the first head of each
	due     slab[uint32] // heads that expire, as a heap
	newest  uint32
	oldest  uint32
}

// head is an entry.
type head struct {
	due   int64 // when it expires, or never
	used  int64 // when it was used last
	hash  uint32
	newer uint32
	older uint32
	same  uint32 // the next one of the bucket
	data  uint32 // the first block, or the large
	place uint32 // in the heap, or none
	value uint32 // its length
	key   uint16 // its length
	far   bool   // the data is a large
}

// never is when what does not expire does.
const never = math.MaxInt64

const (
	// piece is how many bytes of a key and its value are in a block.
	piece = 28
	// largest is how many bytes of both may be in blocks.
	largest = 512
	// last marks the link of the last block: it is that of the head.
	last = 1 << 31
)

// block is a piece of the key and value of an entry.
type block struct {
	next uint32
	data [piece]byte
}

// large is the key and value of an entry that are not in blocks. The bytes are never changed, so that readers need no copy.
type large struct {
	data []byte
	head uint32
}

func (s *shard) reset() {
	s.heads, s.blocks, s.larges, s.buckets, s.due = slab[head]{}, slab[block]{}, slab[large]{}, slab[uint32]{}, slab[uint32]{}
	s.newest, s.oldest = none, none
}

// bucket returns the bucket of a hash: linear hashing.
func (s *shard) bucket(hash uint32) uint32 {
	mask := uint32(1)<<bits.Len32(s.buckets.n-1) - 1
	if b := hash & mask; b < s.buckets.n {
		return b
	}
	return hash & (mask >> 1)
}

// parent returns the bucket that one was split from.
func parent(bucket uint32) uint32 { return bucket &^ (1 << (bits.Len32(bucket) - 1)) }

// split adds a bucket.
func (s *shard) split() {
	added := s.buckets.push()
	*s.buckets.at(added) = none
	if added == 0 {
		return
	}
	for link := s.buckets.at(parent(added)); *link != none; {
		i := *link
		h := s.heads.at(i)
		if s.bucket(h.hash) != added {
			link = &h.same
			continue
		}
		first := s.buckets.at(added)
		*link, h.same, *first = h.same, *first, i
	}
}

// join removes the last bucket.
func (s *shard) join() {
	gone := s.buckets.n - 1
	link := s.buckets.at(parent(gone))
	for *link != none {
		link = &s.heads.at(*link).same
	}
	*link = *s.buckets.at(gone)
	s.buckets.pop()
}

// find returns the entry of a key, or none.
func (s *shard) find(hash uint32, key string) uint32 {
	if s.heads.n == 0 {
		return none
	}
	for i := *s.buckets.at(s.bucket(hash)); i != none; {
		h := s.heads.at(i)
		if h.hash == hash && int(h.key) == len(key) && s.hasKey(h, key) {
			return i
		}
		i = h.same
	}
	return none
}

// insert makes an entry without a value, as the one used last.
func (s *shard) insert(hash uint32, now int64) uint32 {
	if s.heads.n == 0 {
		s.newest, s.oldest = none, none
	}
	if s.heads.n == s.buckets.n {
		s.split()
	}
	i := s.heads.push()
	first := s.buckets.at(s.bucket(hash))
	*s.heads.at(i) = head{due: never, used: now, hash: hash, same: *first, data: none, place: none, newer: none, older: none}
	*first = i
	s.front(i)
	return i
}

// remove removes an entry, and returns what it took.
func (s *shard) remove(i uint32) (freed int64) {
	h := s.heads.at(i)
	freed = h.cost()
	s.release(i)
	s.expires(i, never)
	s.unlink(i)
	link := s.linkTo(i)
	*link = h.same
	if last := s.heads.n - 1; i != last {
		s.move(last, i)
	}
	s.heads.pop()
	switch {
	case s.heads.n == 0:
		s.reset()
	case s.heads.n < s.buckets.n/2:
		s.join()
		s.join()
	}
	return freed
}

// linkTo returns the link of the table that leads to an entry.
func (s *shard) linkTo(i uint32) *uint32 {
	link := s.buckets.at(s.bucket(s.heads.at(i).hash))
	for *link != i {
		link = &s.heads.at(*link).same
	}
	return link
}

// move moves an entry to a place that is free.
func (s *shard) move(from, to uint32) {
	h := s.heads.at(from)
	*s.linkTo(from) = to
	s.relink(h, to)
	if h.place != none {
		*s.due.at(h.place) = to
	}
	if h.far {
		s.larges.at(h.data).head = to
	} else if h.data != none {
		s.lastBlock(h.data).next = to | last
	}
	*s.heads.at(to) = *h
}

// relink leads those before and after an entry to a place.
func (s *shard) relink(h *head, to uint32) {
	if h.newer == none {
		s.newest = to
	} else {
		s.heads.at(h.newer).older = to
	}
	if h.older == none {
		s.oldest = to
	} else {
		s.heads.at(h.older).newer = to
	}
}

// unlink takes an entry out of the order.
func (s *shard) unlink(i uint32) {
	h := s.heads.at(i)
	if h.newer == none {
		s.newest = h.older
	} else {
		s.heads.at(h.newer).older = h.older
	}
	if h.older == none {
		s.oldest = h.newer
	} else {
		s.heads.at(h.older).newer = h.newer
	}
}

// front puts an entry that is in no order to the front.
func (s *shard) front(i uint32) {
	h := s.heads.at(i)
	h.newer, h.older = none, s.newest
	if s.newest == none {
		s.oldest = i
	} else {
		s.heads.at(s.newest).newer = i
	}
	s.newest = i
}

// use notes that an entry was used.
func (s *shard) use(i uint32, now int64) {
	s.heads.at(i).used = now
	if s.newest != i {
		s.unlink(i)
		s.front(i)
	}
}
