package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/memory"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/redis"
)

// randomOp returns an operation on one of a few keys, so that there often is something.
func randomOp(random *rand.Rand) kv.Op {
	texts := []string{"", "a", "5", "\x015", "\x01\x01x", "2.5", "\x011e+30", "-0", "text\x00\xff", "+7", ".5", "5.", "1e5", "0x1", "\x01{}", "1_000"}
	text := func() []byte { return []byte(texts[random.IntN(len(texts))]) }
	numbers := []float64{0, 1, -1, 0.1, 2.5, 1e20, -1e-7, 9007199254740993, 1.7e308, 123456.5, 1234567.5}
	ttls := []time.Duration{0, 0, time.Hour, 90 * time.Minute, time.Hour + time.Microsecond}
	return kv.Op{
		Kind: kv.Kind(random.IntN(int(kv.Keys) + 1)), Scope: kv.Scope{Instance: "i", Tenant: []string{"", "t"}[random.IntN(2)]},
		Key: string(rune('a' + random.IntN(4))), Value: text(), Old: text(), HasValue: random.IntN(3) > 0, HasOld: random.IntN(3) > 0,
		By: numbers[random.IntN(len(numbers))], Init: numbers[random.IntN(len(numbers))], TTL: ttls[random.IntN(len(ttls))],
		WithTTL: random.IntN(2) == 0, Limit: 1 + random.IntN(5),
	}
}

// answer is what an operation answers, without the time that passes.
func answer(s kv.Store, op kv.Op) string {
	got, err := s.Do(context.Background(), op)
	var failed *kv.Error
	if errors.As(err, &failed) {
		return string(failed.Reason)
	}
	if op.Kind == kv.Keys {
		slices.Sort(got.Keys)
		if got.OK { // which of them is up to the store
			got.Keys = got.Keys[:0:0]
		}
	}
	return fmt.Sprintf("%v %q %v %s %q", got.OK, got.Value, got.Number, (got.TTL + 10*time.Minute).Truncate(30*time.Minute), got.Keys)
}

func TestRedisAndTheMemoryAnswerTheSame(t *testing.T) {
	really(t, func(t *testing.T, s *redis.Redis, _ func(...string) string) {
		random := rand.New(rand.NewPCG(16, 1))
		other := memory.New()
		for i := range 6000 {
			op := randomOp(random)
			before := answer(s, kv.Op{Kind: kv.Get, Scope: op.Scope, Key: op.Key, WithTTL: true})
			value := bytes.Clone(op.Value)
			got, want := answer(s, op), answer(other, op)
			if got != want {
				t.Fatalf("%d: %+v on %s answers %s, in memory %s", i, op, before, got, want)
			}
			if !bytes.Equal(value, op.Value) {
				t.Fatalf("%d: the value of the operation changed", i)
			}
		}
	})
}

func TestRedisAndTheMemoryCountTheSame(t *testing.T) {
	really(t, func(t *testing.T, s *redis.Redis, _ func(...string) string) {
		random := rand.New(rand.NewPCG(16, 2))
		other := memory.New()
		for i := range 2000 {
			client := random.IntN(40) // with a pace of its own, which changes sometimes
			take := kv.Take{
				Scope: scope, Key: fmt.Sprint(client), Interval: time.Hour + time.Duration(client%3)*time.Minute,
				Burst: int64(1 + client%7), Cost: int64(random.IntN(7) - 2),
			}
			if random.IntN(20) == 0 {
				take.Interval, take.Burst = take.Interval/2, 1+take.Burst/2
			}
			round := func(got kv.Taken, err error) string {
				if err != nil {
					t.Fatal(err)
				}
				return fmt.Sprint(got.OK, got.Remaining, (got.Reset + 30*time.Second).Truncate(time.Minute), (got.RetryAfter + 30*time.Second).Truncate(time.Minute))
			}
			got, want := round(s.Take(context.Background(), take)), round(other.Take(context.Background(), take))
			if got != want {
				t.Fatalf("%d: %+v answers %s, in memory %s", i, take, got, want)
			}
		}
	})
}
