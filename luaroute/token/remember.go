package token

import (
	"crypto/sha256"
	"sync"
	"time"
)

// remembered is for how long a token that was verified is at most.
const remembered = time.Minute

// memory remembers tokens that were verified, in two generations: when the younger one is full, the older one is forgotten.
type memory struct {
	mu         sync.Mutex
	size       int // of a generation
	young, old map[[sha256.Size]byte]memo
}

type memo struct {
	claims *Claims
	since  time.Time
}

func newMemory(size int) *memory {
	if size == 0 {
		return nil
	}
	return &memory{size: (size + 1) / 2, young: map[[sha256.Size]byte]memo{}}
}

// get returns the claims of a token that was verified in the last minute.
func (m *memory) get(key *[sha256.Size]byte, now time.Time) *Claims {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.young[*key]
	if !ok {
		if v, ok = m.old[*key]; ok {
			m.put(*key, v)
		}
	}
	if !ok || now.Sub(v.since) >= remembered || now.Before(v.since) {
		return nil
	}
	return v.claims
}

// add remembers a token.
func (m *memory) add(key *[sha256.Size]byte, c *Claims, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(*key, memo{claims: c, since: now})
}

func (m *memory) put(key [sha256.Size]byte, v memo) {
	if len(m.young) >= m.size {
		m.old, m.young = m.young, make(map[[sha256.Size]byte]memo, m.size)
	}
	m.young[key] = v
}
