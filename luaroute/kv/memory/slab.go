package memory

import "math/bits"

// none is the link to nothing.
const none = 1<<32 - 1

const (
	// firstChunk is how many elements the first chunk of a slab has; each has as many as all before it, up to fullChunk, which are below 32 KiB:
	// larger pieces of memory have who asks for them help the garbage collector first.
	firstBits, fullBits   = 3, 9
	firstChunk, fullChunk = 1 << firstBits, 1 << fullBits
	// smallChunks is how many chunks there are before the full ones.
	smallChunks = fullBits - firstBits + 1
)

// slab is a list that grows and shrinks at its end, in chunks, so that growing never moves what is there. One of structs without pointers is
// nothing that the garbage collector has to look at.
type slab[T any] struct {
	chunks [][]T
	n      uint32
}

// place returns the chunk of an element, and its place there.
func place(i uint32) (chunk int, at uint32) {
	switch {
	case i < firstChunk:
		return 0, i
	case i < fullChunk:
		size := bits.Len32(i) - 1
		return size - firstBits + 1, i - 1<<size
	}
	return smallChunks + int(i>>fullBits) - 1, i & (fullChunk - 1)
}

func (s *slab[T]) at(i uint32) *T {
	chunk, at := place(i)
	return &s.chunks[chunk][at]
}

// push adds an element, which the caller sets, and returns its index.
func (s *slab[T]) push() uint32 {
	if chunk, _ := place(s.n); chunk == len(s.chunks) {
		s.chunks = append(s.chunks, make([]T, min(max(firstChunk, s.n), fullChunk)))
	}
	s.n++
	return s.n - 1
}

// pop removes the last element. An empty chunk stays for the next push, a second one goes.
func (s *slab[T]) pop() {
	s.n--
	var zero T
	*s.at(s.n) = zero
	if last := len(s.chunks) - 1; last > 0 {
		if chunk, at := place(s.n); chunk == last-1 && at == 0 || chunk < last-1 {
			s.chunks[last] = nil
			s.chunks = s.chunks[:last]
		}
	}
}
