package redis_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/internal/testredis"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/redis"
)

// taken takes, which must not fail.
func taken(t testing.TB, s kv.Limiter, take kv.Take) kv.Taken {
	t.Helper()
	take.Scope = scope
	got, err := s.Take(context.Background(), take)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestABudgetIsWhatMayBeTakenAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		const interval = time.Hour
		within := func(what string, got, want time.Duration) {
			t.Helper()
			if got > want || got < want-time.Minute {
				t.Errorf("%s is %s, want %s", what, got, want)
			}
		}
		peek := func(remaining int64, reset time.Duration) {
			t.Helper()
			got := taken(t, s, kv.Take{Key: "k", Interval: interval, Burst: 3})
			if !got.OK || got.Remaining != remaining || got.RetryAfter != 0 {
				t.Errorf("a look says %+v, want %d", got, remaining)
			}
			within("reset", got.Reset, reset)
		}
		peek(3, 0)
		if got := raw("EXISTS", "luaroute:%limit:main:acme:k"); got != ":0" {
			t.Errorf("a look has written: %s", got)
		}
		for left := int64(2); left >= 0; left-- {
			got := taken(t, s, kv.Take{Key: "k", Interval: interval, Burst: 3, Cost: 1})
			if !got.OK || got.Remaining != left || got.RetryAfter != 0 {
				t.Errorf("it says %+v, want %d", got, left)
			}
			within("reset", got.Reset, time.Duration(3-left)*interval)
		}
		got := taken(t, s, kv.Take{Key: "k", Interval: interval, Burst: 3, Cost: 1})
		if got.OK || got.Remaining != 0 {
			t.Errorf("one too many says %+v", got)
		}
		within("retry after", got.RetryAfter, interval)
		within("reset", got.Reset, 3*interval)
		peek(0, 3*interval)
		got = taken(t, s, kv.Take{Key: "other", Interval: interval, Burst: 3, Cost: 3})
		if !got.OK || got.Remaining != 0 {
			t.Errorf("all at once says %+v", got)
		}
	})
}

func TestACostAboveWhatIsLeftTakesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, s *redis.Redis, _ func(...string) string) {
		take := kv.Take{Key: "k", Interval: time.Hour, Burst: 10, Cost: 7}
		for i, want := range []kv.Taken{{OK: true, Remaining: 3}, {Remaining: 3}, {Remaining: 3}} {
			got := taken(t, s, take)
			if got.OK != want.OK || got.Remaining != want.Remaining || (got.RetryAfter > 0) == got.OK {
				t.Errorf("%d: it says %+v, want %+v", i, got, want)
			}
		}
	})
}

func TestWhatComesBackMakesABudgetWholeAtMost(t *testing.T) {
	everywhere(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		take := kv.Take{Key: "k", Interval: time.Hour, Burst: 10}
		for i, row := range []struct{ cost, left int64 }{{-1, 10}, {7, 3}, {-2, 5}, {-1, 6}, {6, 0}, {-10, 10}, {10, 0}, {-1000, 10}} {
			take.Cost = row.cost
			if got := taken(t, s, take); !got.OK || got.Remaining != row.left {
				t.Errorf("%d: %d says %+v, want %d", i, row.cost, got, row.left)
			}
		}
		if got := raw("EXISTS", "luaroute:%limit:main:acme:k"); got != ":0" {
			t.Errorf("a whole budget has a key: %s", got)
		}
	})
}

func TestRatesThatAreNoWholeMicrosecondsAreExact(t *testing.T) {
	everywhere(t, func(t *testing.T, s *redis.Redis, _ func(...string) string) {
		for _, row := range []struct {
			name     string
			interval time.Duration
			burst    int64
		}{
			{"one a day", 24 * time.Hour, 1},
			{"7 a day", 24 * time.Hour / 7, 7},
			{"3 a minute", time.Minute / 3, 3},
			{"a million a day", 24 * time.Hour / 1_000_000, 1_000_000},
			{"365 years", 290 * 365 * 24 * time.Hour, 1},
		} {
			if got := taken(t, s, kv.Take{Key: row.name, Interval: row.interval, Burst: row.burst, Cost: row.burst}); !got.OK || got.Remaining != 0 {
				t.Errorf("%s: the whole budget says %+v", row.name, got)
			}
			if got := taken(t, s, kv.Take{Key: row.name, Interval: row.interval, Burst: row.burst, Cost: row.burst}); got.OK {
				t.Errorf("%s: the whole budget again says %+v", row.name, got)
			}
			single := kv.Take{Key: row.name + " in steps", Interval: row.interval, Burst: row.burst, Cost: 1}
			for left := row.burst - 1; left >= 0 && left > row.burst-8; left-- {
				if got := taken(t, s, single); !got.OK || got.Remaining < left || got.Remaining > left+1 && row.interval > time.Second {
					t.Errorf("%s: one says %+v, want %d", row.name, got, left)
				}
			}
		}
	})
}

func TestABudgetComesBackAndItsKeyGoes(t *testing.T) {
	really(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		take := kv.Take{Key: "k", Interval: 20 * time.Millisecond, Burst: 5, Cost: 5}
		if got := taken(t, s, take); !got.OK || got.Reset > 100*time.Millisecond || got.Reset < 99*time.Millisecond {
			t.Errorf("it says %+v", got)
		}
		testkit.Until(t, "the key is gone", func() bool { return raw("EXISTS", "luaroute:%limit:main:acme:k") == ":0" })
		if got := taken(t, s, take); !got.OK {
			t.Errorf("it says %+v", got)
		}
		testkit.Until(t, "one is back", func() bool {
			return taken(t, s, kv.Take{Key: "k", Interval: 20 * time.Millisecond, Burst: 5, Cost: 1}).OK
		})
	})
}

func TestATimeFarAheadIsAWholeBudgetAtMost(t *testing.T) {
	everywhere(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		ahead := strconv.FormatInt(time.Now().Add(1000*time.Hour).UnixMicro(), 10)
		for _, there := range []string{ahead, "text", "\x01{}"} { // of a clock that was set back, and what a script has written
			raw("SET", "luaroute:%limit:main:acme:k", there)
			got := taken(t, s, kv.Take{Key: "k", Interval: time.Hour, Burst: 3})
			if got.Reset > 3*time.Hour {
				t.Errorf("%q: the budget is whole after %s, want 3h at most", there, got.Reset)
			}
		}
	})
}

// takeAll takes from three stores at once and returns how often it was allowed.
func takeAll(t *testing.T, times int, take kv.Take, nodes ...kv.Limiter) int64 {
	t.Helper()
	var all sync.WaitGroup
	var allowed atomic.Int64
	for i := range times {
		all.Go(func() {
			got, err := nodes[i%len(nodes)].Take(context.Background(), take)
			if err != nil {
				t.Error(err)
			}
			if got.OK {
				allowed.Add(1)
			}
		})
	}
	all.Wait()
	return allowed.Load()
}

func TestThreeNodesShareABudgetExactly(t *testing.T) {
	t.Parallel()
	server := testredis.New(t)
	if server == nil {
		return
	}
	var nodes []kv.Limiter
	for range 3 { // the timeouts differ so that each has a client of its own, as on machines of their own
		nodes = append(nodes, provisioned(t, &redis.Redis{Addresses: []string{server.Address()}, Timeout: patient + caddy.Duration(len(nodes))}))
	}
	if got := takeAll(t, 2000, kv.Take{Scope: scope, Key: "k", Interval: time.Hour, Burst: 100, Cost: 1}, nodes...); got != 100 {
		t.Errorf("%d of 2,000 takes were allowed, want 100", got)
	}
}
