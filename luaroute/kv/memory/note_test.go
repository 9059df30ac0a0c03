package memory

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"weak"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// TestANoteOfOneTenantOrStoreIsNothingToAnother hands the note of one to another, as a wrapper of a plugin may.
func TestANoteOfOneTenantOrStoreIsNothingToAnother(t *testing.T) {
	t.Parallel()
	var note kv.Note
	a, b := newStore(defaults), newStore(defaults)
	for i, st := range []*store{a, b, a, b} {
		for _, tenant := range []string{"acme", "other"} {
			op := kv.Op{Scope: kv.Scope{Tenant: tenant}, Key: "k", Note: &note}
			if r, err := st.do(&op); err != nil || r.OK != (i > 1) {
				t.Fatalf("%s, %d: %+v, %v", tenant, i, r, err)
			}
			if want := fmt.Sprint(tenant, i%2); i > 1 {
				if r, _ := st.do(&op); string(r.Value) != want {
					t.Errorf("read %q, want %q", r.Value, want)
				}
			} else {
				op.Kind, op.Value, op.HasValue = kv.Set, []byte(want), true
				_, _ = st.do(&op)
			}
		}
	}
}

// TestANoteKeepsNoSpaceAndFindsTheNextOne writes and deletes with a note while the space is released over and over.
func TestANoteKeepsNoSpaceAndFindsTheNextOne(t *testing.T) {
	t.Parallel()
	st, key := newStore(defaults), spaceKey{Scope: acme}
	var note kv.Note
	ask := func(kind kv.Kind, key string) kv.Result {
		r, err := st.do(&kv.Op{Kind: kind, Scope: acme, Key: key, Value: []byte("v"), HasValue: true, By: 1, Note: &note})
		if err != nil {
			t.Error(err)
		}
		return r
	}
	var all sync.WaitGroup
	var done atomic.Bool
	for g := range 4 {
		all.Go(func() {
			defer done.Store(true)
			key := fmt.Sprint("k", g)
			for range 10_000 {
				ask(kv.Set, key)
				if !ask(kv.Get, key).OK || !ask(kv.Delete, key).OK || ask(kv.Get, key).OK {
					t.Error("what was written is not there, or what was deleted is")
					return
				}
			}
		})
	}
	for !done.Load() {
		if p := st.space(key, false); p != nil {
			st.drop(key, p)
		}
		runtime.Gosched()
	}
	all.Wait()
	if p := st.space(key, false); p != nil {
		st.drop(key, p)
	}
	testkit.Until(t, "the space of a tenant that is idle is not kept by its note", func() bool {
		runtime.GC()
		return note.Load().(weak.Pointer[space]).Value() == nil
	})
}
