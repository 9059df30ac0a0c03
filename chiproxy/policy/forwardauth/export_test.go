package forwardauth

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
)

// MaxBody is the size of the largest body that is passed on.
const MaxBody = maxBody

// Remembered puts verdicts with a body into the cache of a tenant, and returns how many of them it still has, what they take, and
// which is the oldest.
func Remembered(instance string, most int64, verdicts, body int) (left int, bytes int64, oldest int) {
	c := cacheOf(owner{instance, ""}, most)
	now := time.Now()
	for i := range verdicts {
		c.put(numbered(i), &verdict{status: 403, body: fmt.Sprintf("%*d", body, i)}, now.Add(time.Hour))
	}
	oldest = -1
	for i := range verdicts {
		if c.get(numbered(i), now) != nil && oldest < 0 {
			oldest = i
		}
	}
	return len(c.known), c.held, oldest
}

func numbered(i int) (id [sha256.Size]byte) {
	binary.BigEndian.PutUint64(id[:], uint64(i))
	return id
}

// EndOf returns whether a verdict that ends after a time is known at another.
func EndOf(ends, at time.Duration) bool {
	c := cacheOf(owner{"ends", fmt.Sprint(ends, at)}, 1<<20)
	start := time.Now()
	c.put(numbered(1), &verdict{status: 200}, start.Add(ends))
	return c.get(numbered(1), start.Add(at)) != nil
}

// Owners returns how many caches the process has.
func Owners() int {
	caches.Lock()
	defer caches.Unlock()
	return len(caches.of)
}
