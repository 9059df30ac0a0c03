package memory

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// entry is a value with which an entry counts for 100 bytes, if its key has 4.
var entry = strings.Repeat("v", 100-overhead-4)

func TestAtItsSizeATenantLosesWhatItUsedLeastRecently(t *testing.T) {
	t.Parallel()
	st := newStore(sizes{1000, 1 << 20, 1 << 20})
	key := func(i int) string { return fmt.Sprintf("k%03d", i) }
	for i := range 10 {
		set(t, st, key(i), entry, 0)
	}
	for i := range 10 { // what is exactly full stays so, whatever is written again
		set(t, st, key(i), entry, 0)
	}
	for i := range 10 {
		if i%2 == 0 {
			get(t, st, key(i)) // and is newer for it
		}
	}
	for i := 10; i < 15; i++ {
		set(t, st, key(i), entry, 0)
	}
	for i := range 15 {
		want := entry
		if i < 10 && i%2 == 1 {
			want = "none"
		}
		if found := get(t, st, key(i)); found != want {
			t.Errorf("%s is %s, expected %s", key(i), found, want)
		}
	}
}

func TestAtItsSizeATenantLosesFirstWhatHasExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newStore(sizes{1000, 1 << 20, 1 << 20})
		st.closed = true // nothing is swept
		for i := range 10 {
			set(t, st, fmt.Sprintf("k%03d", i), entry, time.Duration(i%2)*time.Minute)
			time.Sleep(time.Millisecond)
		}
		for i := 1; i < 10; i += 2 {
			get(t, st, fmt.Sprintf("k%03d", i)) // those that will expire are the newest
		}
		time.Sleep(time.Minute)
		for i := 10; i < 15; i++ {
			set(t, st, fmt.Sprintf("k%03d", i), entry, 0)
		}
		for i := 0; i < 15; i += 1 + i%2 {
			if get(t, st, fmt.Sprintf("k%03d", i)) == "none" && (i >= 10 || i%2 == 0) {
				t.Errorf("k%03d is gone", i)
			}
		}
	})
}

func TestTheTenantWithMostGivesWhenAllTogetherHaveTooMuch(t *testing.T) {
	t.Parallel()
	st := newStore(sizes{100_000, 200_000, 1 << 20})
	write := func(tenant string, n int) {
		for i := range n {
			op := kv.Op{Kind: kv.Set, Scope: kv.Scope{Tenant: tenant}, Key: fmt.Sprintf("k%03d", i), Value: []byte(entry), HasValue: true}
			if _, err := st.do(&op); err != nil {
				t.Fatal(err)
			}
		}
	}
	used := func(tenant string) int64 {
		return st.space(spaceKey{Scope: kv.Scope{Tenant: tenant}}, true).used.Load()
	}
	write("small", 10)
	for i := range 10 {
		write(fmt.Sprint("large", i), 900)
		if all := st.used.Load(); all > 200_000 {
			t.Fatalf("all together have %d bytes", all)
		}
	}
	if found := used("small"); found != 1000 {
		t.Errorf("the small tenant has %d bytes, expected 1000", found)
	}
	if all := st.used.Load(); all < 190_000 {
		t.Errorf("all together have only %d bytes", all)
	}
}

func TestWhatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	st := newStore(sizes{1000, 1 << 20, 500})
	for _, row := range []struct {
		op   kv.Op
		want string
	}{
		{kv.Op{Kind: kv.Set, Key: "k", Value: make([]byte, 501)}, "too large: the value has 501 bytes; allowed are 500"},
		{kv.Op{Kind: kv.Set, Key: strings.Repeat("k", 1025)}, "too large: the key has 1025 bytes; allowed are 1024"},
		{kv.Op{Kind: kv.Add, Key: strings.Repeat("k", 500), Value: make([]byte, 437)}, "too large: the value has 437 bytes; there is room for 436"},
		{kv.Op{Kind: kv.Increment, Key: strings.Repeat("k", 1000)}, "too large: the value has 0 bytes; there is room for 0"},
		{kv.Op{Kind: kv.Set, Key: "k", Value: make([]byte, 500)}, "<nil>"},
		{kv.Op{Kind: kv.Set, Key: strings.Repeat("k", 500), Value: make([]byte, 436)}, "<nil>"},
		{kv.Op{Kind: kv.Get, Key: strings.Repeat("k", 1000)}, "<nil>"},
	} {
		_, err := st.do(&row.op)
		if fmt.Sprint(err) != row.want {
			t.Errorf("%d of %d bytes: got %v, expected %s", row.op.Kind, len(row.op.Value), err, row.want)
		}
		if own := (*kv.Error)(nil); err != nil && (!errors.As(err, &own) || own.Reason != kv.TooLarge) {
			t.Errorf("%v has another reason", err)
		}
	}
}

func TestWhatHasExpiredIsFreedThoughNobodyAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newStore(defaults)
		for i := range 10_000 {
			set(t, st, fmt.Sprint("k", i), entry, time.Duration(1+i%60)*time.Second)
		}
		time.Sleep(30*time.Second + sweepEvery)
		synctest.Wait()
		if found := do(t, st, kv.Op{Kind: kv.Keys, Limit: 10_000}); len(found.Keys) > 5000 || found.Looked > 5000 {
			t.Errorf("%d keys are left, %d were looked at", len(found.Keys), found.Looked)
		}
		time.Sleep(40 * time.Second)
		synctest.Wait()
		if st.used.Load() != 0 || st.count != 0 || st.timer != nil {
			t.Errorf("left are %d bytes, %d spaces and the timer %v", st.used.Load(), st.count, st.timer)
		}
	})
}

func TestATenantThatIsEmptyCostsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newStore(defaults)
		spaces := func() (n int) {
			st.spaces.Range(func(any, any) bool { n++; return true })
			return n
		}
		for i := range 10_000 {
			scope := kv.Scope{Tenant: fmt.Sprint("t", i)}
			for kind := range kv.Keys + 1 {
				if !writes(kind) {
					_, _ = st.do(&kv.Op{Kind: kind, Scope: scope, Key: "k", Limit: 1, Value: []byte("v"), HasValue: true})
				}
			}
			_, _ = st.take(&kv.Take{Scope: scope, Interval: time.Second, Burst: 1})
		}
		if n := spaces(); n > 0 {
			t.Fatalf("%d tenants that have written nothing have a space", n)
		}
		for i := range 100 {
			_, _ = st.do(&kv.Op{Kind: kv.Set, Scope: kv.Scope{Tenant: fmt.Sprint("t", i)}, Key: "k"})
			_, _ = st.do(&kv.Op{Kind: kv.Delete, Scope: kv.Scope{Tenant: fmt.Sprint("t", i)}, Key: "k"})
		}
		time.Sleep(2 * sweepEvery)
		synctest.Wait()
		if n := spaces(); n > 0 {
			t.Fatalf("%d tenants that are empty again have a space", n)
		}
	})
}

// TestNothingIsLostInASpaceThatIsReleased writes and deletes while the space is released over and over.
func TestNothingIsLostInASpaceThatIsReleased(t *testing.T) {
	t.Parallel()
	st := newStore(defaults)
	var all sync.WaitGroup
	var done atomic.Bool
	for g := range 4 {
		all.Go(func() {
			defer done.Store(true)
			key := fmt.Sprint("k", g)
			for range 20_000 {
				set(t, st, key, "v", 0)
				if r := do(t, st, kv.Op{Kind: kv.Delete, Key: key}); !r.OK {
					t.Error("what was written is not there")
					return
				}
			}
		})
	}
	for !done.Load() {
		if p := st.space(spaceKey{Scope: acme}, false); p != nil {
			st.drop(spaceKey{Scope: acme}, p)
		}
		runtime.Gosched()
	}
	all.Wait()
	if st.used.Load() != 0 {
		t.Errorf("%d bytes are left", st.used.Load())
	}
}

func TestASpaceThatWasReleasedIsNotReleasedAgain(t *testing.T) {
	t.Parallel()
	st := newStore(defaults)
	key := spaceKey{Scope: acme}
	set(t, st, "k", "v", 0)
	old := st.space(key, false)
	if r := do(t, st, kv.Op{Kind: kv.Delete, Key: "k"}); !r.OK {
		t.Fatal("what was written is not there")
	}
	st.drop(key, old)
	set(t, st, "k", "v", 0)
	st.drop(key, old) // by another that has seen it before
	if r := do(t, st, kv.Op{Kind: kv.Delete, Key: "k"}); !r.OK {
		t.Error("what was written to the next space is not there")
	}
}

func TestConcurrentIncrementsAreExactAndMakeOneLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newStore(defaults)
		var all sync.WaitGroup
		for range 2000 {
			all.Go(func() {
				do(t, st, kv.Op{Kind: kv.Increment, Key: "n", By: 1, TTL: time.Minute})
				time.Sleep(time.Second)
				do(t, st, kv.Op{Kind: kv.Increment, Key: "n", By: 1, TTL: time.Hour})
			})
		}
		all.Wait()
		if r := do(t, st, kv.Op{Kind: kv.Get, Key: "n", WithTTL: true}); string(r.Value) != "\x014000" || r.TTL != 59*time.Second {
			t.Errorf("got %q for %v", r.Value, r.TTL)
		}
		time.Sleep(59 * time.Second)
		if found := get(t, st, "n"); found != "none" {
			t.Errorf("got %q", found)
		}
		st.close()
	})
}

// TestAnIncrementKeepsTheFormOfTheNumber has numbers of scripts and of other programs.
func TestAnIncrementKeepsTheFormOfTheNumber(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		before string
		by     float64
		want   string
	}{
		{"\x015", 2, "\x017"},
		{"5", 2, "7"},
		{"5", 0.5, "5.5"},
		{"-5", 2, "-3"},
		{"\x011e300", 1, "\x011e+300"},
		{"9007199254740991", 1, "9007199254740992"},
		{"", 1, "not a number"},
		{"five", 1, "not a number"},
		{"0x10", 1, "not a number"},
		{"inf", 1, "not a number"},
		{"1_000", 1, "not a number"},
		{" 5", 1, "not a number"},
		{"\x01\"5\"", 1, "not a number"},
		{"\x01true", 1, "not a number"},
		{"\x01\x015", 1, "not a number"},
		{"\x011e308", 1e308 * 1.5, "not a number: the sum is too large"},
		{strings.Repeat("9", 65), 1, "not a number"},
	} {
		st := newStore(defaults)
		set(t, st, "n", row.before, 0)
		_, err := st.do(&kv.Op{Kind: kv.Increment, Scope: acme, Key: "n", By: row.by})
		found := get(t, st, "n")
		if err != nil {
			if found != row.before {
				t.Errorf("%q has become %q", row.before, found)
			}
			found = err.Error()
		}
		if found != row.want {
			t.Errorf("%q and %v: got %q, expected %q", row.before, row.by, found, row.want)
		}
	}
}

func TestOfABudgetOfAHundredExactlyAHundredAreTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newStore(defaults)
		take := kv.Take{Scope: acme, Key: "api", Interval: time.Minute, Burst: 100, Cost: 1}
		var passed atomic.Int64
		var all sync.WaitGroup
		for range 2000 {
			all.Go(func() {
				if taken, _ := st.take(&take); taken.OK {
					passed.Add(1)
				}
			})
		}
		all.Wait()
		if passed.Load() != 100 {
			t.Errorf("%d passed", passed.Load())
		}
		taken, _ := st.take(&take)
		if want := (kv.Taken{Reset: 100 * time.Minute, RetryAfter: time.Minute}); taken != want {
			t.Errorf("got %+v, expected %+v", taken, want)
		}
		time.Sleep(150 * time.Second)
		peek := take
		peek.Cost = 0
		for range 2 {
			taken, _ = st.take(&peek)
			if want := (kv.Taken{OK: true, Remaining: 2, Reset: 97*time.Minute + 30*time.Second}); taken != want {
				t.Errorf("got %+v, expected %+v", taken, want)
			}
		}
		dear := take
		dear.Cost = 3
		if taken, _ = st.take(&dear); taken.OK || taken.Remaining != 2 || taken.RetryAfter != 30*time.Second {
			t.Errorf("got %+v", taken)
		}
		if found := do(t, st, kv.Op{Kind: kv.Keys, Limit: 10}).Keys; len(found) > 0 {
			t.Errorf("scripts see %q", found)
		}
		time.Sleep(97*time.Minute + 31*time.Second)
		synctest.Wait()
		if st.used.Load() != 0 {
			t.Error("what is whole is not forgotten")
		}
		st.close()
	})
}

func TestWhatComesBackMakesABudgetWholeAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newStore(defaults)
		defer st.close()
		take := kv.Take{Scope: acme, Key: "k", Interval: time.Hour, Burst: 10}
		rows := []struct{ cost, left int64 }{
			{-1, 10}, {7, 3}, {-2, 5}, {-1, 6}, {6, 0}, {-10, 10}, {10, 0}, {-1000, 10}, {10, 0}, {math.MinInt64, 10},
		}
		for i, row := range rows {
			take.Cost = row.cost
			want := kv.Taken{OK: true, Remaining: row.left, Reset: time.Duration(10-row.left) * time.Hour}
			if got, err := st.take(&take); got != want || err != nil {
				t.Errorf("%d: %d says %+v and %v, want %+v", i, row.cost, got, err, want)
			}
		}
		if st.used.Load() != 0 {
			t.Error("a whole budget is kept")
		}
	})
}

func TestALimitThatHasBecomeSmallerIsEmptyAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newStore(defaults)
		defer st.close()
		if got, _ := st.take(&kv.Take{Scope: acme, Key: "k", Interval: time.Hour, Burst: 10, Cost: 10}); !got.OK {
			t.Errorf("all of it says %+v", got)
		}
		smaller := kv.Take{Scope: acme, Key: "k", Interval: time.Minute, Burst: 3, Cost: 1}
		want := kv.Taken{Reset: 3 * time.Minute, RetryAfter: time.Minute}
		if got, _ := st.take(&smaller); got != want {
			t.Errorf("one says %+v, want %+v", got, want)
		}
		smaller.Cost = -2
		want = kv.Taken{OK: true, Remaining: 2, Reset: time.Minute}
		if got, _ := st.take(&smaller); got != want {
			t.Errorf("two back say %+v, want %+v", got, want)
		}
	})
}

func TestRatesOfAnySizeAreTaken(t *testing.T) {
	t.Parallel()
	for _, row := range []kv.Take{
		{Interval: 24 * time.Hour / 1, Burst: math.MaxInt64, Cost: 1},
		{Interval: math.MaxInt64, Burst: 1, Cost: 1},
		{Interval: 1, Burst: 1, Cost: 1},
		{Interval: 0, Burst: 1, Cost: 1},
	} {
		st := newStore(defaults)
		for range 3 {
			taken, err := st.take(&row)
			if err != nil || taken.Remaining < 0 || taken.Reset < 0 || taken.RetryAfter < 0 {
				t.Errorf("%+v: got %+v, %v", row, taken, err)
			}
		}
	}
}

func TestKeysAreListedByTheirBeginning(t *testing.T) {
	t.Parallel()
	st := newStore(defaults)
	for i := range 3000 {
		set(t, st, fmt.Sprint("a", i), "v", 0)
		set(t, st, fmt.Sprint("b", i), "v", 0)
	}
	r := do(t, st, kv.Op{Kind: kv.Keys, Key: "b1", Limit: 2000})
	slices.Sort(r.Keys)
	if len(slices.Compact(r.Keys)) != 1111 || r.OK || r.Looked != 6000 || slices.ContainsFunc(r.Keys, func(k string) bool { return !strings.HasPrefix(k, "b1") }) {
		t.Errorf("got %d keys of %d, %v", len(r.Keys), r.Looked, r.OK)
	}
	if r = do(t, st, kv.Op{Kind: kv.Keys, Limit: 100}); len(r.Keys) != 100 || !r.OK || r.Looked != 101 {
		t.Errorf("got %d keys of %d, %v", len(r.Keys), r.Looked, r.OK)
	}
}
