package memory

import (
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// request is an operation on its way to a shard.
type request struct {
	*kv.Op
	hash uint32
	now  int64
}

// due returns when something expires that lasts for a time; 0 is forever.
func (r *request) due(ttl time.Duration) int64 {
	due := r.now + int64(ttl)
	if ttl <= 0 || due < r.now { // beyond what a number can say
		return never
	}
	return due
}

// left returns how long an entry lasts from now; 0 is forever.
func left(h *head, now int64) time.Duration {
	if h.due == never {
		return 0
	}
	return time.Duration(h.due - now)
}

// operate performs an operation, and returns by how much the cost of the shard has grown. far is what r.piece returns for its value: were it in
// the request, each request would be an object for the garbage collector.
func (s *shard) operate(r *request, far []byte) (result kv.Result, grown int64, err error) {
	i := s.find(r.hash, r.Key)
	if i != none && s.heads.at(i).due <= r.now {
		grown -= s.remove(i)
		i = none
	}
	found := i != none
	write := false
	switch r.Kind {
	case kv.Set:
		write = true
	case kv.Add:
		write = !found
	case kv.Replace:
		write = found
	case kv.CompareAndSwap:
		write = found == r.HasOld && (!found || s.holds(s.heads.at(i), r.Old))
		if write && !r.HasValue {
			if found {
				grown -= s.remove(i)
			}
			return kv.Result{OK: true}, grown, nil
		}
	case kv.Increment:
		return s.increment(r, i, grown)
	default:
		if found {
			result, grown = s.touch(r, i, grown)
		}
		return result, grown, nil
	}
	if write {
		grown += s.put(r, i, r.Value, far, r.due(r.TTL))
	}
	return kv.Result{OK: write}, grown, nil
}

// touch performs an operation that needs an entry.
func (s *shard) touch(r *request, i uint32, grown int64) (kv.Result, int64) {
	result := kv.Result{OK: true}
	h := s.heads.at(i)
	switch r.Kind {
	case kv.TTL:
		result.TTL = left(h, r.now)
		return result, grown // to ask is not to use
	case kv.Expire:
		s.expires(i, r.due(r.TTL))
	case kv.Delete:
		return result, grown - s.remove(i)
	}
	s.use(i, r.now)
	return result, grown
}

// put writes a value to an entry, or to a new one.
func (s *shard) put(r *request, i uint32, value, far []byte, due int64) (grown int64) {
	if i == none {
		i = s.insert(r.hash, r.now)
	} else {
		s.use(i, r.now)
	}
	s.expires(i, due)
	return s.write(i, r.Key, value, far)
}

// increment adds to a number.
func (s *shard) increment(r *request, i uint32, grown int64) (kv.Result, int64, error) {
	var room, sum [largest]byte
	var before []byte
	due := r.due(r.TTL)
	if i != none {
		h := s.heads.at(i)
		before, due = s.value(h, room[:0]), h.due
		if before == nil {
			before = room[:0]
		}
	}
	value, n, err := kv.Sum(sum[:0], before, r.Op)
	if err != nil {
		return kv.Result{}, grown, err
	}
	far := r.piece(value)
	return kv.Result{OK: true, Number: n}, grown + s.put(r, i, value, far, due), nil
}

// piece returns the key and a value in one piece if they are too large for blocks, else nil.
func (r *request) piece(value []byte) []byte {
	if len(r.Key)+len(value) <= largest {
		return nil
	}
	return append(append(make([]byte, 0, len(r.Key)+len(value)), r.Key...), value...)
}
