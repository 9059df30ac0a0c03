package limit

import (
	"context"
	"sync"
	"time"
)

// slots are those who are inside, by key.
type slots struct {
	mu    sync.Mutex
	byKey map[string]*slot
	// busy is how many keys have somebody inside. The others are kept for a while, since most come back.
	busy int
}

// slot is how many are inside under a key, and who stands in line for it.
type slot struct {
	inside int
	line   []*waiter // the first one first
}

// waiter stands in line.
type waiter struct {
	most   int
	enters chan struct{} // closed when it is inside
}

// idleKeys is how many keys with nobody inside are kept at least.
const idleKeys = 256

// enter goes inside if fewer than most are, or stands in line for at most wait, if fewer than queue do. It returns what leave gets, nil if
// nobody may enter, and an error if the context has ended. waits is called before it waits.
func (s *slots) enter(ctx context.Context, key []byte, most int, wait time.Duration, queue int, waits func()) (*slot, error) {
	s.mu.Lock()
	at := s.byKey[string(key)]
	if at == nil {
		at = s.begin(key)
	}
	if at.inside < most && len(at.line) == 0 {
		s.add(at)
		s.mu.Unlock()
		return at, nil
	}
	if wait <= 0 || len(at.line) >= queue {
		s.mu.Unlock()
		return nil, nil
	}
	w := &waiter{most, make(chan struct{})}
	at.line = append(at.line, w)
	s.mu.Unlock()

	waits()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.enters:
		return at, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	if s.giveUp(at, w) {
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil { // it was let in as it went away
		s.leave(at)
		return nil, err
	}
	return at, nil
}

// begin makes the slot of a key, and drops those of others if most are idle.
func (s *slots) begin(key []byte) *slot {
	if s.byKey == nil {
		s.byKey = map[string]*slot{}
	}
	if len(s.byKey) >= idleKeys+2*s.busy {
		for k, at := range s.byKey {
			if at.inside == 0 {
				delete(s.byKey, k)
			}
		}
	}
	at := new(slot)
	s.byKey[string(key)] = at
	return at
}

func (s *slots) add(at *slot) {
	if at.inside++; at.inside == 1 {
		s.busy++
	}
}

// giveUp takes a waiter out of the line, and reports whether it still stood there.
func (s *slots) giveUp(at *slot, w *waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range at.line {
		if at.line[i] == w {
			at.line = append(at.line[:i], at.line[i+1:]...)
			s.admit(at) // after a reload, those behind it may have been let in with more inside
			return true
		}
	}
	return false
}

// leave ends what enter has begun.
func (s *slots) leave(at *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.inside--; at.inside == 0 {
		s.busy--
	}
	s.admit(at)
}

// admit lets those in who are first in line, as long as there is a place.
func (s *slots) admit(at *slot) {
	for len(at.line) > 0 && at.inside < at.line[0].most {
		s.add(at)
		close(at.line[0].enters)
		at.line[0] = nil
		at.line = at.line[1:]
	}
	if len(at.line) == 0 {
		at.line = nil
	}
}

// of returns how many are inside under a key, and how many stand in line.
func (s *slots) of(key []byte) (inside, line int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.byKey[string(key)]; at != nil {
		return at.inside, len(at.line)
	}
	return 0, 0
}

// keys returns how many keys have somebody inside.
func (s *slots) keys() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}
