package limit_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestTwoThousandParallelTakesOnABudgetOfAHundredLetExactlyAHundredPass(t *testing.T) {
	t.Parallel()
	for _, most := range []int{10, 100_000} {
		b := limit.NewBuckets(most)
		var passed atomic.Int64
		var all sync.WaitGroup
		for range 2000 {
			all.Go(func() {
				if b.Take("one", 100, 100, time.Hour, 1, time.Second).OK {
					passed.Add(1)
				}
			})
		}
		if all.Wait(); passed.Load() != 100 {
			t.Errorf("with at most %d keys %d passed", most, passed.Load())
		}
	}
}

// TestParallelTakesOfManyKeysAreExactWhileOthersAreSwept has keys made, swept and taken from at the same time. None loses what was taken from it.
func TestParallelTakesOfManyKeysAreExactWhileOthersAreSwept(t *testing.T) {
	t.Parallel()
	b := limit.NewBuckets(100_000)
	passed := make([]atomic.Int64, 50)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 4000 {
				at := time.Hour + time.Duration(i)*time.Microsecond
				b.Take(fmt.Sprint("short", worker, i), 1_000_000, 1, time.Second, 1, at) // means nothing a microsecond later
				if b.Take(strconv.Itoa(i%len(passed)), 20, 20, 365*24*time.Hour, 1, at).OK {
					passed[i%len(passed)].Add(1)
				}
			}
		})
	}
	all.Wait()
	for i := range passed {
		if n := passed[i].Load(); n != 20 {
			t.Errorf("key %d: %d passed, want 20", i, n)
		}
	}
	if b.Evicted() != 0 {
		t.Errorf("%d keys were evicted", b.Evicted())
	}
	if b.Keys() > 20_000 {
		t.Errorf("%d keys are left of 32,000 that mean nothing", b.Keys())
	}
}

// model is the algorithm in words: a budget of so many, which comes back one in an interval, and is never more than whole.
type model struct {
	left float64
	at   time.Duration
}

// FuzzBucketsAreBudgetsThatComeBackWithTime compares takes with a model that knows no arrival times and no shards.
func FuzzBucketsAreBudgetsThatComeBackWithTime(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, uint8(5), uint8(10))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0}, uint8(1), uint8(1))
	f.Add([]byte{10, 9, 255, 255, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}, uint8(100), uint8(3))
	f.Fuzz(func(t *testing.T, moves []byte, rate, burst uint8) {
		if rate == 0 || burst == 0 {
			return
		}
		per := time.Duration(rate) * 10 * time.Millisecond // whole intervals, so that the model's numbers are exact
		b := limit.NewBuckets(10_000)
		models := map[string]*model{}
		now := time.Minute
		for i := 0; i+1 < len(moves); i += 2 {
			now += time.Duration(moves[i]) * time.Millisecond * 5
			key := strconv.Itoa(int(moves[i+1] % 5))
			cost := int64(moves[i+1]>>4) % (int64(burst) + 1)
			m := models[key]
			if m == nil {
				m = &model{float64(burst), now}
				models[key] = m
			}
			m.left = min(float64(burst), m.left+float64(now-m.at)/float64(10*time.Millisecond))
			m.at = now
			want := m.left >= float64(cost)
			if want {
				m.left -= float64(cost)
			}
			got := b.Take(key, int(rate), int(burst), per, cost, now)
			if got.OK != want || got.Remaining != int64(m.left) {
				t.Fatalf("step %d: took %d of key %s at %s: %+v; the model says %v, %v left", i/2, cost, key, now, got, want, m.left)
			}
			if i+3 < len(moves) {
				continue // what comes looks ahead, and a take that is later may drop keys that mean nothing by then
			}
			if !got.OK {
				if early := b.Take(key, int(rate), int(burst), per, cost, now+got.RetryAfter-1); early.OK {
					t.Fatalf("step %d: a nanosecond before %s it was there", i/2, got.RetryAfter)
				}
				if peeked := b.Take(key, int(rate), int(burst), per, 0, now+got.RetryAfter); peeked.Remaining < cost {
					t.Fatalf("step %d: after %s there are %d, not %d", i/2, got.RetryAfter, peeked.Remaining, cost)
				}
			}
			if whole := b.Take(key, int(rate), int(burst), per, 0, now+got.Reset); whole.Remaining != int64(burst) {
				t.Fatalf("step %d: after %s the budget is not whole: %+v", i/2, got.Reset, whole)
			}
		}
	})
}

func TestWhatATakeSaysOfABudget(t *testing.T) {
	t.Parallel()
	b := limit.NewBuckets(100)
	take := func(cost int64, at time.Duration) string {
		got := b.Take("k", 10, 5, time.Second, cost, at)
		return fmt.Sprintf("%v %d %s %s", got.OK, got.Remaining, got.Reset, got.RetryAfter)
	}
	for i, c := range []struct {
		cost int64
		at   time.Duration
		want string
	}{
		{1, 0, "true 4 100ms 0s"},
		{3, 0, "true 1 400ms 0s"},
		{2, 0, "false 1 400ms 100ms"}, // more than is left takes nothing
		{1, 0, "true 0 500ms 0s"},
		{1, 50 * time.Millisecond, "false 0 450ms 50ms"},
		{1, 100 * time.Millisecond, "true 0 500ms 0s"},
		{0, 350 * time.Millisecond, "true 2 250ms 0s"},
		{5, time.Minute, "true 0 500ms 0s"},
	} {
		if got := take(c.cost, c.at); got != c.want {
			t.Errorf("take %d: %s; want %s", i, got, c.want)
		}
	}
	b.Reset("k")
	if got := take(5, time.Minute); got != "true 0 500ms 0s" {
		t.Errorf("after a reset: %s", got)
	}
}

func TestOneInADayDoesNotRoundToNone(t *testing.T) {
	t.Parallel()
	b := limit.NewBuckets(100)
	for i, c := range []struct {
		at   time.Duration
		want bool
	}{{0, true}, {time.Hour, false}, {24*time.Hour - 1, false}, {24 * time.Hour, true}, {25 * time.Hour, false}} {
		if got := b.Take("k", 1, 1, 24*time.Hour, 1, c.at); got.OK != c.want {
			t.Errorf("take %d at %s: %v", i, c.at, got.OK)
		}
	}
}

func TestAClockThatStepsBackKeepsNobodyOutForLongerThanABudgetTakes(t *testing.T) {
	t.Parallel()
	b := limit.NewBuckets(100)
	for range 3 {
		b.Take("k", 1, 3, time.Second, 1, 10*time.Hour)
	}
	if got := b.Take("k", 1, 3, time.Second, 1, time.Hour); got.OK || got.RetryAfter != time.Second || got.Reset != 3*time.Second {
		t.Errorf("nine hours back: %+v", got)
	}
	if got := b.Take("k", 1, 3, time.Second, 1, time.Hour+4*time.Second); got.RetryAfter > time.Second {
		t.Errorf("and four seconds later: %+v", got)
	}
}

func TestANewRateAppliesToWhatWasTaken(t *testing.T) {
	t.Parallel()
	b := limit.NewBuckets(100)
	for range 10 {
		b.Take("k", 10, 10, time.Minute, 1, 0)
	}
	if got := b.Take("k", 10, 10, time.Second, 1, 0); got.OK || got.RetryAfter != 100*time.Millisecond {
		t.Errorf("faster: %+v; want none left, and one in 100ms", got)
	}
	b.Take("other", 10, 10, time.Second, 5, 0)
	if got := b.Take("other", 1, 10, time.Minute, 0, 0); got.Remaining != 9 { // half a second of 60 s for one
		t.Errorf("slower: %+v", got)
	}
}

// TestThereAreNeverMoreKeysThanMayBe gives each key a budget that stays in use.
func TestThereAreNeverMoreKeysThanMayBe(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 7, 5000} {
		b := limit.NewBuckets(most)
		for i := range 3 * most {
			if b.Take(strconv.Itoa(i), 1, 5, time.Hour, 1, time.Second); b.Keys() > most {
				t.Fatalf("%d keys of at most %d", b.Keys(), most)
			}
		}
		if b.Keys() < most-15 {
			t.Errorf("only %d keys of %d are kept", b.Keys(), most)
		}
		if b.Evicted() < 2*most-15 {
			t.Errorf("%d of %d were evicted", b.Evicted(), 3*most)
		}
		b.Resize(most/2 + 1)
		for i := range 2 * most {
			b.Take(fmt.Sprint("more", i), 1, 5, time.Hour, 1, time.Second)
		}
		if b.Keys() > most/2+1 {
			t.Errorf("%d keys after the limit sank to %d", b.Keys(), most/2+1)
		}
	}
}

func TestKeysThatMeanNothingGoBeforeOthers(t *testing.T) {
	t.Parallel()
	const most = 1000
	b := limit.NewBuckets(most)
	for i := range most {
		if i%2 == 0 {
			b.Take(fmt.Sprint("used", i), 1, 5, time.Hour, 5, 0)
		} else {
			b.Take(fmt.Sprint("old", i), 1, 5, time.Second, 5, 0)
		}
	}
	for i := range most / 4 {
		b.Take(fmt.Sprint("new", i), 1, 5, time.Hour, 1, time.Minute)
	}
	if b.Evicted() != 0 {
		t.Errorf("%d keys were evicted while %d mean nothing", b.Evicted(), most/2)
	}
	for i := 0; i < most; i += 2 {
		if b.Take(fmt.Sprint("used", i), 1, 5, time.Hour, 1, time.Minute).OK {
			t.Fatalf("key %d has lost what was taken", i)
		}
	}
}

// TestAnAttackerWithManyKeysGainsWhatThoseHadLeft floods a full limit with keys that are used once. Those of an attacker who has used up all go
// last.
func TestAnAttackerWithManyKeysGainsWhatThoseHadLeft(t *testing.T) {
	t.Parallel()
	const most = 500
	b := limit.NewBuckets(most)
	b.Take("attacker", 100, 100, time.Hour, 100, 0)
	for i := range 20 * most {
		b.Take(fmt.Sprint("fresh", i), 100, 100, time.Hour, 1, 0)
	}
	if b.Take("attacker", 100, 100, time.Hour, 1, 0).OK {
		t.Error("the budget that was used up is whole again")
	}
}

func TestTakesForgetWhatMeansNothing(t *testing.T) {
	t.Parallel()
	for _, most := range []int{4000, 100_000} {
		b := limit.NewBuckets(most)
		for i := range 3000 {
			b.Take(strconv.Itoa(i), 100, 10, time.Second, 1, 0)
		}
		for i := range 400_000 {
			if b.Take("one", 100, 10, time.Second, 1, time.Minute+time.Duration(i)*time.Millisecond); b.Keys() < 100 {
				break
			}
		}
		if b.Keys() >= 100 {
			t.Errorf("%d of 3,000 keys are left", b.Keys())
		}
	}
}

func TestTakesOfKnownKeysAllocateNothing(t *testing.T) {
	b := limit.NewBuckets(100_000)
	b.Take("192.0.2.1", 100, 100, time.Second, 1, time.Hour)
	at := time.Hour
	if n := testkit.Allocs(1000, func() {
		at += time.Millisecond
		b.Take("192.0.2.1", 100, 100, time.Second, 1, at)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTakeAmongManyKeys(b *testing.B) {
	for _, keys := range []int{1, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(keys), func(b *testing.B) {
			buckets := limit.NewBuckets(2 * keys)
			names := make([]string, keys)
			for i := range names {
				names[i] = fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
				buckets.Take(names[i], 100, 100, time.Hour, 1, time.Hour)
			}
			rnd := testkit.Seeded(1, 2)
			b.ReportAllocs()
			for b.Loop() {
				buckets.Take(names[rnd.IntN(keys)], 100, 100, time.Hour, 1, time.Hour)
			}
		})
	}
}
