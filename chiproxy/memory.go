package chiproxy

// Memory counts what requests keep in memory, such as their bodies.
type Memory interface {
	// Reserve adds bytes; a negative number releases them. It reports whether there is room for more.
	Reserve(bytes int64) bool
}

// reservation is how many bytes of a request a memory counts.
type reservation struct {
	memory Memory
	bytes  int64
}

// Keep has a memory count so many bytes until the request has ended, instead of those that it counted for it before. It reports whether there is
// room for more.
func (ex *Exchange) Keep(m Memory, bytes int64) bool {
	for i := range ex.reserved {
		if r := &ex.reserved[i]; r.memory == m {
			more := bytes - r.bytes
			r.bytes = bytes
			return m.Reserve(more)
		}
	}
	ex.reserved = append(ex.reserved, reservation{m, bytes})
	return m.Reserve(bytes)
}

// Kept returns how many bytes a memory counts for the request.
func (ex *Exchange) Kept(m Memory) int64 {
	for _, r := range ex.reserved {
		if r.memory == m {
			return r.bytes
		}
	}
	return 0
}

// forgetMemory releases all that is counted for the request.
func (k *kept) forgetMemory() {
	for _, r := range k.reserved {
		r.memory.Reserve(-r.bytes)
	}
	clear(k.reserved)
	k.reserved = k.reserved[:0]
}
