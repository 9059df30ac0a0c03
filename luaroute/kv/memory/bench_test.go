package memory

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

var defaults = New().sizes()

func BenchmarkGet(b *testing.B) {
	st := newStore(defaults)
	set(b, st, "feature:dark-mode", "on for all of them", 0)
	op := kv.Op{Kind: kv.Get, Scope: acme, Key: "feature:dark-mode", Room: make([]byte, 0, 64)}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = st.do(&op)
	}
}

func BenchmarkSet(b *testing.B) {
	st := newStore(defaults)
	op := kv.Op{Kind: kv.Set, Scope: acme, Key: "feature:dark-mode", Value: []byte("on for all of them"), HasValue: true, TTL: time.Minute}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = st.do(&op)
	}
}

func BenchmarkIncrement(b *testing.B) {
	st := newStore(defaults)
	op := kv.Op{Kind: kv.Increment, Scope: acme, Key: "visits:192.0.2.1", By: 1, TTL: time.Minute}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = st.do(&op)
	}
}

// BenchmarkIncrementInParallel is that of many goroutines, on keys of their own.
func BenchmarkIncrementInParallel(b *testing.B) {
	st := newStore(defaults)
	var goroutines atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		op := kv.Op{Kind: kv.Increment, Scope: acme, Key: fmt.Sprint("visits:", goroutines.Add(1)), By: 1, TTL: time.Minute}
		for pb.Next() {
			_, _ = st.do(&op)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	st := newStore(defaults)
	take := kv.Take{Scope: acme, Key: "api:192.0.2.1", Interval: time.Nanosecond, Burst: 1000, Cost: 1}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = st.take(&take)
	}
}

// BenchmarkSetWhenFull writes new keys where each pushes out the one used least recently.
func BenchmarkSetWhenFull(b *testing.B) {
	st := newStore(defaults)
	op := kv.Op{Kind: kv.Set, Scope: acme, Value: []byte("a session of somebody"), HasValue: true}
	n := 0
	next := func() {
		op.Key = fmt.Sprint("session:", n)
		_, _ = st.do(&op)
		n++
	}
	for range 300_000 {
		next()
	}
	b.ReportAllocs()
	for b.Loop() {
		next()
	}
}
