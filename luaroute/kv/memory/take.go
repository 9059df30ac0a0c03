package memory

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// take takes from a budget. What is kept of it is the time at which it will be whole again: an entry that has expired says nothing, so that
// none is lost that matters.
func (st *store) take(t *kv.Take) (taken kv.Taken, err error) {
	if len(t.Key) > kv.MaxKey {
		return taken, &kv.Error{Reason: kv.TooLarge, Detail: "the key"}
	}
	full := times(t.Interval.Nanoseconds(), t.Burst)
	answered := false
	err = st.with(spaceKey{t.Scope, true}, nil, t.Key, t.Cost > 0, func(s *shard, hash uint32, now int64) (grown int64, err error) {
		answered = true
		grown, taken = s.take(t, hash, now, full)
		return grown, nil
	})
	if !answered { // nothing was ever taken, nor is it now
		taken = kv.Taken{OK: true, Remaining: t.Burst}
	}
	return taken, err
}

// times multiplies, up to what there is room for in a time.
func times(interval, n int64) int64 {
	high, low := bits.Mul64(uint64(max(interval, 0)), uint64(max(n, 0)))
	if high > 0 || low > math.MaxInt64/4 {
		return math.MaxInt64 / 4 // 73 years
	}
	return int64(low)
}

// take takes from a budget or gives back to it, by the generic cell rate algorithm. A time further away than a whole budget takes is of a limit
// that had a larger one, and counts as that.
func (s *shard) take(t *kv.Take, hash uint32, now, full int64) (grown int64, taken kv.Taken) {
	i := s.find(hash, t.Key)
	whole := now
	if i != none {
		var room [8]byte
		if value := s.value(s.heads.at(i), room[:0]); len(value) == len(room) {
			whole = min(max(now, int64(binary.LittleEndian.Uint64(value))), now+full)
		}
	}
	after := whole + times(t.Interval.Nanoseconds(), t.Cost)
	if t.Cost < 0 {
		after = max(now, whole-times(t.Interval.Nanoseconds(), -max(t.Cost, -math.MaxInt64)))
	}
	taken.OK = after <= now+full
	switch {
	case !taken.OK:
		taken.RetryAfter = time.Duration(after - now - full)
		after = whole
	case t.Cost == 0:
	case after > now:
		var value [8]byte
		binary.LittleEndian.PutUint64(value[:], uint64(after))
		op := kv.Op{Key: t.Key}
		grown = s.put(&request{Op: &op, hash: hash, now: now}, i, value[:], nil, after)
	case i != none:
		grown = -s.remove(i)
	}
	taken.Reset = time.Duration(after - now)
	if interval := t.Interval.Nanoseconds(); interval > 0 {
		taken.Remaining = (full - (after - now)) / interval
	}
	return grown, taken
}
