package memory

import (
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// store holds the spaces of all tenants of an instance. It outlives configurations.
type store struct {
	seed  maphash.Seed
	start time.Time        // of its clock, which is monotonic
	clock func() time.Time // another one, or nil
	sizes atomic.Pointer[sizes]
	used  atomic.Int64 // by all spaces

	spaces  sync.Map // of *space, by spaceKey: there are those that are not empty
	evicted sync.Map // of *atomic.Int64, by spaceKey: what the spaces had to give up, whether they are there or not

	mu     sync.Mutex // guards what follows, and that spaces are made
	count  int        // of the spaces
	timer  *time.Timer
	closed bool
}

// sizes are the limits, in bytes.
type sizes struct{ space, total, value int64 }

// spaceKey is whose space it is. Limits have their own, since scripts must not see their keys, nor values of scripts push them out.
type spaceKey struct {
	kv.Scope
	limits bool
}

func newStore(s sizes) *store {
	st := &store{seed: maphash.MakeSeed(), start: time.Now()}
	st.sizes.Store(&s)
	return st
}

// now returns the time of the store's clock, which nobody can set unless it has another one.
func (st *store) now() int64 {
	if st.clock != nil {
		return int64(st.clock().Sub(st.start)) // negative before the start
	}
	return int64(time.Since(st.start))
}

// space returns that of a key, or nil if there is none and none is to be made.
func (st *store) space(key spaceKey, make bool) *space {
	if p, ok := st.spaces.Load(key); ok {
		return p.(*space)
	}
	if !make {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if p, ok := st.spaces.Load(key); ok {
		return p.(*space)
	}
	evicted, _ := st.evicted.LoadOrStore(key, new(atomic.Int64))
	p := &space{store: st, key: key, evicted: evicted.(*atomic.Int64)}
	st.spaces.Store(key, p)
	if st.count++; st.timer == nil && !st.closed {
		st.timer = time.AfterFunc(sweepEvery, st.sweep)
	}
	return p
}

// noted is space for callers that keep a note of what was found. The note is a weak one: a tenant that has become idle costs nothing.
func (st *store) noted(key spaceKey, note *kv.Note, make bool) *space {
	if at, ok := note.Load().(weak.Pointer[space]); ok {
		if p := at.Value(); p != nil && p.store == st && p.key == key && !p.released.Load() {
			return p
		}
	}
	p := st.space(key, make)
	if p != nil && note != nil {
		note.Store(weak.Make(p))
	}
	return p
}

// sweepEvery is how often what has expired is removed, if nobody asks for it.
const sweepEvery = time.Second

// sweep removes what has expired, and spaces that are empty. It goes on as long as there is one.
func (st *store) sweep() {
	now := st.now()
	st.spaces.Range(func(key, p any) bool {
		p.(*space).sweep(now)
		if p.(*space).used.Load() == 0 {
			st.drop(key.(spaceKey), p.(*space))
		}
		return true
	})
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.timer = nil; st.count > 0 && !st.closed {
		st.timer = time.AfterFunc(sweepEvery, st.sweep)
	}
}

// drop releases a space if it is empty, and was not released before: then another one may have its key.
func (st *store) drop(key spaceKey, p *space) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !p.released.Load() && p.die() {
		st.spaces.Delete(key)
		st.count--
	}
}

// close ends the sweeps.
func (st *store) close() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.closed = true
	if st.timer != nil {
		st.timer.Stop()
	}
}

// writes reports whether an operation may write where there is nothing.
func writes(kind kv.Kind) bool {
	return kind == kv.Set || kind == kv.Add || kind == kv.CompareAndSwap || kind == kv.Increment
}

// do performs an operation.
func (st *store) do(op *kv.Op) (kv.Result, error) {
	if op.Kind == kv.Get && len(op.Key) <= kv.MaxKey {
		return st.get(op), nil
	}
	if err := st.fits(op); err != nil {
		return kv.Result{}, err
	}
	if op.Kind == kv.Keys {
		if p := st.space(spaceKey{Scope: op.Scope}, false); p != nil {
			return p.keys(op, st.now()), nil
		}
		return kv.Result{}, nil
	}
	r := request{Op: op}
	far := r.piece(op.Value)
	var result kv.Result
	err := st.with(spaceKey{Scope: op.Scope}, op.Note, op.Key, writes(op.Kind), func(s *shard, hash uint32, now int64) (grown int64, err error) {
		r.hash, r.now = hash, now
		result, grown, err = s.operate(&r, far)
		return grown, err
	})
	return result, err
}

// get reads a value. It is what scripts do most, so it does no more than that: what has expired is left to others.
func (st *store) get(op *kv.Op) (result kv.Result) {
	p := st.noted(spaceKey{Scope: op.Scope}, op.Note, false)
	if p == nil {
		return result
	}
	now := st.now()
	s, hash := p.of(maphash.String(st.seed, op.Key))
	s.mu.Lock() // one that was released in between is empty
	defer s.mu.Unlock()
	i := s.find(hash, op.Key)
	if i == none {
		return result
	}
	h := s.heads.at(i)
	if h.due <= now {
		return result
	}
	result.OK, result.Value = true, s.value(h, op.Room[:0])
	if op.WithTTL {
		result.TTL = left(h, now)
	}
	s.use(i, now)
	return result
}

// with calls a function with the shard of a key, locked, and makes room afterwards if its cost has grown too much. The function is not called
// if there is no space and none is to be made.
func (st *store) with(key spaceKey, note *kv.Note, name string, make bool, call func(s *shard, hash uint32, now int64) (grown int64, err error)) error {
	hash, now := maphash.String(st.seed, name), st.now()
	for {
		p := st.noted(key, note, make)
		if p == nil {
			return nil
		}
		s, hash := p.of(hash)
		s.mu.Lock()
		if p.released.Load() { // in between
			s.mu.Unlock()
			continue
		}
		grown, err := call(s, hash, now)
		p.account(grown)
		s.mu.Unlock()
		if grown > 0 {
			st.makeRoom(p, now)
		}
		return err
	}
}

// makeRoom removes what is beyond the limits.
func (st *store) makeRoom(p *space, now int64) {
	limits := st.sizes.Load()
	if p.used.Load() > limits.space {
		p.evict(now, func() bool { return p.used.Load() > limits.space })
	}
	if st.used.Load() <= limits.total {
		return
	}
	enough := limits.total - limits.total/spare // so that not each write has to look for the largest
	for st.used.Load() > limits.total {
		p := st.largest()
		if p == nil {
			return
		}
		p.evict(now, func() bool { return st.used.Load() > enough })
	}
}

// usage returns what a tenant keeps.
func (st *store) usage(s kv.Scope) (u kv.Usage) {
	key := spaceKey{Scope: s}
	if n, ok := st.evicted.Load(key); ok {
		u.Evicted = n.(*atomic.Int64).Load()
	}
	p := st.space(key, false)
	if p == nil {
		return u
	}
	for i := range p.shards {
		p.shards[i].mu.Lock()
		u.Keys += int64(p.shards[i].heads.n)
		p.shards[i].mu.Unlock()
	}
	u.Bytes = p.used.Load()
	return u
}

// shrink removes what is beyond new limits.
func (st *store) shrink() {
	st.spaces.Range(func(_, p any) bool {
		st.makeRoom(p.(*space), st.now())
		return true
	})
}

// spare is the part of the total that is freed at once.
const spare = 1 << 12

// largest returns the space that takes most: at the limit for all, those who take most give.
func (st *store) largest() (found *space) {
	var most int64
	st.spaces.Range(func(_, p any) bool {
		if used := p.(*space).used.Load(); used > most {
			found, most = p.(*space), used
		}
		return true
	})
	return found
}

// fits reports what no limit leaves room for.
func (st *store) fits(op *kv.Op) error {
	limits := st.sizes.Load()
	n, most := int64(len(op.Value)), min(limits.space, limits.total)-overhead-int64(len(op.Key))
	switch {
	case len(op.Key) > kv.MaxKey:
		return tooLarge("the key has %d bytes; allowed are %d", len(op.Key), kv.MaxKey)
	case n > limits.value:
		return tooLarge("the value has %d bytes; allowed are %d", n, limits.value)
	case n > most && writes(op.Kind):
		return tooLarge("the value has %d bytes; there is room for %d", n, max(most, 0))
	}
	return nil
}

func tooLarge(format string, args ...any) error {
	return &kv.Error{Reason: kv.TooLarge, Detail: fmt.Sprintf(format, args...)}
}
