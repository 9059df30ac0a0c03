package memory

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

var acme = kv.Scope{Instance: "main", Tenant: "acme"}

func do(t testing.TB, st *store, op kv.Op) kv.Result {
	t.Helper()
	op.Scope = acme
	r, err := st.do(&op)
	if err != nil {
		t.Fatalf("%+v: %v", op, err)
	}
	return r
}

func set(t testing.TB, st *store, key, value string, ttl time.Duration) {
	t.Helper()
	do(t, st, kv.Op{Kind: kv.Set, Key: key, Value: []byte(value), HasValue: true, TTL: ttl})
}

func get(t testing.TB, st *store, key string) string {
	t.Helper()
	r := do(t, st, kv.Op{Kind: kv.Get, Key: key})
	if !r.OK {
		return "none"
	}
	return string(r.Value)
}

// model is what a store is, in the plainest way.
type model map[string]*modelEntry

type modelEntry struct {
	value []byte
	due   time.Time // zero is never
}

func (m model) live(key string) *modelEntry {
	if e := m[key]; e != nil && !e.due.IsZero() && !time.Now().Before(e.due) {
		delete(m, key)
	}
	return m[key]
}

func (m model) put(op *kv.Op, value []byte) {
	e := &modelEntry{value: bytes.Clone(value)}
	if op.TTL > 0 {
		e.due = time.Now().Add(op.TTL)
	}
	m[op.Key] = e
}

func (m model) do(op *kv.Op) (r kv.Result, err error) {
	e := m.live(op.Key)
	found := e != nil
	switch op.Kind {
	case kv.Get:
		if r.OK = found; found {
			r.Value = e.value
		}
	case kv.TTL:
		if r.OK = found; found && !e.due.IsZero() {
			r.TTL = time.Until(e.due)
		}
	case kv.Set:
		r.OK = true
		m.put(op, op.Value)
	case kv.Add:
		if r.OK = !found; r.OK {
			m.put(op, op.Value)
		}
	case kv.Replace:
		if r.OK = found; r.OK {
			m.put(op, op.Value)
		}
	case kv.CompareAndSwap:
		r.OK = found == op.HasOld && (!found || bytes.Equal(e.value, op.Old))
		if r.OK && op.HasValue {
			m.put(op, op.Value)
		} else if r.OK {
			delete(m, op.Key)
		}
	case kv.Increment:
		var before []byte
		if found {
			before = append([]byte{}, e.value...)
		}
		var value []byte
		if value, r.Number, err = kv.Sum(nil, before, op); err != nil {
			return kv.Result{}, err
		}
		r.OK = true
		if found {
			e.value = value
		} else {
			m.put(op, value)
		}
	case kv.Delete:
		r.OK = found
		delete(m, op.Key)
	case kv.Expire:
		if r.OK = found; found {
			e.due = time.Time{}
			if op.TTL > 0 {
				e.due = time.Now().Add(op.TTL)
			}
		}
	}
	return r, err
}

// TestAStoreIsWhatAPlainMapWouldBe compares long runs of random operations with a model, and looks at the layout in between.
func TestAStoreIsWhatAPlainMapWouldBe(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			st, m := newStore(sizes{1 << 30, 1 << 30, 1 << 20}), model{}
			defer st.close()
			keys := 1 + int(seed*seed*60)
			for step := range 15_000 {
				op := randomOp(random, keys)
				want, wantErr := m.do(&op)
				found, err := st.do(&op)
				if fmt.Sprint(err) != fmt.Sprint(wantErr) || found.OK != want.OK || found.Number != want.Number || found.TTL != want.TTL || !bytes.Equal(found.Value, want.Value) {
					t.Fatalf("seed %d, step %d: %+v\nreturned %+v, %v\nexpected %+v, %v", seed, step, op, found, err, want, wantErr)
				}
				if random.IntN(20) == 0 {
					time.Sleep(time.Duration(random.IntN(int(30 * time.Millisecond))))
				}
				if step%5000 == 4999 {
					check(t, st, m)
				}
			}
			time.Sleep(time.Hour)
			check(t, st, m)
		})
	}
}

func randomOp(random *rand.Rand, keys int) kv.Op {
	value := func() []byte {
		switch random.IntN(8) {
		case 0:
			return kv.AppendJSON(nil, kv.AppendNumber(nil, float64(random.IntN(1000))))
		case 1:
			return kv.AppendNumber(nil, float64(random.IntN(1000))/8)
		case 2:
			return bytes.Repeat([]byte{'x'}, random.IntN(3000))
		case 3:
			return nil
		}
		return bytes.Repeat([]byte{"ab"[random.IntN(2)]}, random.IntN(80))
	}
	key := fmt.Sprint("k", random.IntN(keys))
	if random.IntN(2) == 0 {
		key = strings.Repeat(key, 1+len(key)*7%40) // of the same length each time
	}
	op := kv.Op{
		Kind: kv.Kind(random.IntN(int(kv.Keys))), Scope: acme, Key: key, Value: value(), HasValue: random.IntN(4) > 0, By: float64(random.IntN(9) - 4),
		Init: float64(random.IntN(3)),
	}
	if random.IntN(2) == 0 {
		op.Old, op.HasOld = value(), true
	}
	if random.IntN(2) == 0 {
		op.TTL = time.Duration(1 + random.IntN(int(5*time.Second)))
	}
	return op
}

// check compares all that is there with a model, and what it costs with what is counted.
func check(t *testing.T, st *store, m model) {
	t.Helper()
	var want []string
	cost := int64(0)
	for key := range m {
		if e := m.live(key); e != nil {
			want = append(want, key)
			cost += overhead + int64(len(key)+len(e.value))
		}
	}
	found := do(t, st, kv.Op{Kind: kv.Keys, Limit: len(want) + 1}).Keys
	slices.Sort(want)
	slices.Sort(found)
	if !slices.Equal(found, want) {
		t.Fatalf("there are %d keys, expected %d", len(found), len(want))
	}
	p := st.space(spaceKey{Scope: acme}, false)
	if p == nil {
		if len(want) > 0 {
			t.Fatal("the space is gone")
		}
		return
	}
	p.sweep(st.now())
	if p.used.Load() != cost || st.used.Load() != cost {
		t.Fatalf("counted are %d and %d bytes, expected %d", p.used.Load(), st.used.Load(), cost)
	}
	for i := range p.shards {
		checkShard(t, &p.shards[i])
	}
}

// checkShard checks that a shard has no holes, and that all its links lead where they should.
func checkShard(t *testing.T, s *shard) {
	t.Helper()
	s.mu.Lock() // the store sweeps, too
	defer s.mu.Unlock()
	blocks, larges, due := 0, 0, 0
	for i := range s.heads.n {
		h := s.heads.at(i)
		if h.far {
			larges++
			if s.larges.at(h.data).head != i {
				t.Fatalf("the large of %d belongs to %d", i, s.larges.at(h.data).head)
			}
		} else {
			n := blocksFor(int(h.key) + int(h.value))
			blocks += n
			if s.lastBlock(h.data).next&^last != i {
				t.Fatalf("the blocks of %d lead to %d", i, s.lastBlock(h.data).next&^last)
			}
		}
		if h.place != none {
			due++
			if *s.due.at(h.place) != i || h.place > 0 && s.dueAt((h.place-1)/2) > h.due {
				t.Fatalf("%d is at a wrong place of the heap", i)
			}
		}
	}
	if blocks != int(s.blocks.n) || larges != int(s.larges.n) || due != int(s.due.n) {
		t.Fatalf("there are %d blocks, %d larges and %d that expire; expected %d, %d and %d", s.blocks.n, s.larges.n, int(s.due.n), blocks, larges, due)
	}
	order, before := 0, uint32(none)
	for i := s.newest; s.heads.n > 0 && i != none; i = s.heads.at(i).older {
		if h := s.heads.at(i); h.newer != before || before != none && h.used > s.heads.at(before).used {
			t.Fatalf("%d is at a wrong place of the order", i)
		}
		before = i
		order++
	}
	if order != int(s.heads.n) {
		t.Fatalf("%d entries are in the order, expected %d", order, s.heads.n)
	}
	if room := len(s.heads.chunks); s.heads.n == 0 && room > 0 {
		t.Fatalf("an empty shard keeps %d chunks", room)
	}
}
