package memory

// expires sets when an entry expires.
func (s *shard) expires(i uint32, due int64) {
	h := s.heads.at(i)
	h.due = due
	switch {
	case due != never && h.place == none:
		h.place = s.due.push()
		*s.due.at(h.place) = i
		s.rise(h.place)
	case due != never:
		s.rise(h.place)
		s.sink(h.place)
	case h.place != none:
		gone, end := h.place, s.due.n-1
		s.swap(gone, end)
		s.due.pop()
		h.place = none
		if gone < end {
			s.rise(gone)
			s.sink(gone)
		}
	}
}

// dueAt returns when the entry at a place of the heap expires.
func (s *shard) dueAt(place uint32) int64 { return s.heads.at(*s.due.at(place)).due }

func (s *shard) swap(a, b uint32) {
	x, y := s.due.at(a), s.due.at(b)
	*x, *y = *y, *x
	s.heads.at(*x).place, s.heads.at(*y).place = a, b
}

// rise moves what expires sooner than what is above it.
func (s *shard) rise(at uint32) {
	for at > 0 {
		above := (at - 1) / 2
		if s.dueAt(above) <= s.dueAt(at) {
			return
		}
		s.swap(at, above)
		at = above
	}
}

// sink moves what expires later than what is below it.
func (s *shard) sink(at uint32) {
	for {
		below := 2*at + 1
		if below >= s.due.n {
			return
		}
		if below+1 < s.due.n && s.dueAt(below+1) < s.dueAt(below) {
			below++
		}
		if s.dueAt(at) <= s.dueAt(below) {
			return
		}
		s.swap(at, below)
		at = below
	}
}

// expired returns an entry that has expired, or none.
func (s *shard) expired(now int64) uint32 {
	if s.due.n > 0 && s.dueAt(0) <= now {
		return *s.due.at(0)
	}
	return none
}
