package memory

import "bytes"

// overhead is what an entry counts for besides its key and value, in bytes.
const overhead = 64

// cost is what an entry counts for.
func (h *head) cost() int64 { return overhead + int64(h.key) + int64(h.value) }

// blocksFor returns how many blocks hold so many bytes.
func blocksFor(n int) int { return (n + piece - 1) / piece }

// lastBlock returns the last one of a chain.
func (s *shard) lastBlock(i uint32) *block {
	b := s.blocks.at(i)
	for b.next&last == 0 {
		b = s.blocks.at(b.next)
	}
	return b
}

// hasKey reports whether an entry has a key, which is as long as its own.
func (s *shard) hasKey(h *head, key string) bool {
	if h.far {
		return string(s.larges.at(h.data).data[:h.key]) == key
	}
	for i := h.data; ; {
		b := s.blocks.at(i)
		if len(key) <= piece {
			return string(b.data[:len(key)]) == key
		}
		if string(b.data[:]) != key[:piece] {
			return false
		}
		key, i = key[piece:], b.next
	}
}

// value returns the value of an entry. It is appended to room if it has to be copied.
func (s *shard) value(h *head, room []byte) []byte {
	if h.far {
		return s.larges.at(h.data).data[h.key:]
	}
	return s.read(h, int(h.key), int(h.value), room)
}

// key returns the key of an entry.
func (s *shard) key(h *head, room []byte) []byte {
	if h.far {
		return append(room, s.larges.at(h.data).data[:h.key]...)
	}
	return s.read(h, 0, int(h.key), room)
}

// read appends n bytes of a chain, after some that are skipped.
func (s *shard) read(h *head, skip, n int, room []byte) []byte {
	if n == 0 {
		return room
	}
	b := s.blocks.at(h.data)
	for ; skip >= piece; skip -= piece {
		b = s.blocks.at(b.next)
	}
	for {
		part := b.data[skip:min(skip+n, piece)]
		room = append(room, part...)
		if n -= len(part); n == 0 {
			return room
		}
		skip, b = 0, s.blocks.at(b.next)
	}
}

// holds reports whether the value of an entry is the one given.
func (s *shard) holds(h *head, value []byte) bool {
	if int(h.value) != len(value) {
		return false
	}
	var room [largest]byte
	return bytes.Equal(s.value(h, room[:0]), value)
}

// write gives an entry its key and a value, and returns by how much its cost has grown. far is both in one piece if they belong into a large,
// else nil; the entry keeps it.
func (s *shard) write(i uint32, key string, value, far []byte) (grown int64) {
	h := s.heads.at(i)
	before := h.cost()
	if h.data == none {
		before = 0
	}
	need := blocksFor(len(key) + len(value))
	switch {
	case far != nil:
		s.release(i)
		h.data, h.far = s.larges.push(), true
		*s.larges.at(h.data) = large{far, i}
	case h.data == none || h.far || blocksFor(int(h.key)+int(h.value)) != need:
		s.release(i)
		s.chain(i, need)
		fill(s, h, 0, key)
		fallthrough
	default:
		fill(s, h, len(key), value)
	}
	h.key, h.value = uint16(len(key)), uint32(len(value))
	return h.cost() - before
}

// chain gives an entry without data so many blocks.
func (s *shard) chain(i uint32, n int) {
	next := i | last
	for range n {
		b := s.blocks.push()
		s.blocks.at(b).next = next
		next = b
	}
	h := s.heads.at(i)
	h.data, h.far = next, false
}

// fill writes bytes into the blocks of an entry, after some that are skipped.
func fill[T string | []byte](s *shard, h *head, skip int, from T) {
	if len(from) == 0 {
		return
	}
	b := s.blocks.at(h.data)
	for ; skip >= piece; skip -= piece {
		b = s.blocks.at(b.next)
	}
	for {
		n := copy(b.data[skip:], from)
		if from = from[n:]; len(from) == 0 {
			return
		}
		skip, b = 0, s.blocks.at(b.next)
	}
}

// release frees the data of an entry.
func (s *shard) release(i uint32) {
	h := s.heads.at(i)
	if h.data == none {
		return
	}
	if h.far {
		free := h.data
		if end := s.larges.n - 1; free != end {
			moved := s.larges.at(end)
			*s.larges.at(free) = *moved
			s.heads.at(moved.head).data = free
		}
		s.larges.pop()
	} else {
		for h.data != none {
			free := h.data
			if h.data = s.blocks.at(free).next; h.data&last != 0 {
				h.data = none
			}
			s.freeBlock(free)
		}
	}
	h.data, h.far = none, false
}

// freeBlock removes a block that is in no chain. The last one takes its place.
func (s *shard) freeBlock(free uint32) {
	end := s.blocks.n - 1
	if free != end {
		moved := s.blocks.at(end)
		owner := s.heads.at(s.lastBlock(end).next &^ last)
		link := &owner.data
		for *link != end {
			link = &s.blocks.at(*link).next
		}
		*link = free
		*s.blocks.at(free) = *moved
	}
	s.blocks.pop()
}
