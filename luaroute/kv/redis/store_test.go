package redis_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/internal/testredis"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/redis"
)

// patient is a timeout that only a fault reaches on a busy machine.
const patient = caddy.Duration(20 * time.Second)

// provisioned makes a store as a configuration does.
func provisioned(t testing.TB, r *redis.Redis) *redis.Redis {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := r.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	return r
}

var scope = kv.Scope{Instance: "main", Tenant: "acme"}

// perform performs an operation that must succeed.
func perform(t testing.TB, s kv.Store, op kv.Op) kv.Result {
	t.Helper()
	if op.Scope == (kv.Scope{}) {
		op.Scope = scope
	}
	result, err := s.Do(context.Background(), op)
	if err != nil {
		t.Fatalf("operation %d on %q: %v", op.Kind, op.Key, err)
	}
	return result
}

// reason returns why an operation fails.
func reason(t testing.TB, s kv.Store, op kv.Op) kv.Reason {
	t.Helper()
	if op.Scope == (kv.Scope{}) {
		op.Scope = scope
	}
	_, err := s.Do(context.Background(), op)
	var failed *kv.Error
	if err != nil && !errors.As(err, &failed) {
		t.Fatalf("operation %d on %q: %v is not a *kv.Error", op.Kind, op.Key, err)
	}
	if failed == nil {
		return ""
	}
	return failed.Reason
}

// everywhere runs a test with miniredis and with a real Redis.
func everywhere(t *testing.T, test func(t *testing.T, s *redis.Redis, raw func(words ...string) string)) {
	t.Parallel()
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		mini := miniredis.RunT(t)
		test(t, provisioned(t, &redis.Redis{Addresses: []string{mini.Addr()}, Timeout: patient}), func(words ...string) string {
			return testredis.Ask(t, mini.Addr(), words...)
		})
	})
	t.Run("redis-server", func(t *testing.T) { really(t, test) })
}

// really runs a test with a real Redis.
func really(t *testing.T, test func(t *testing.T, s *redis.Redis, raw func(words ...string) string)) {
	t.Parallel()
	if server := testredis.New(t); server != nil {
		test(t, provisioned(t, &redis.Redis{Addresses: []string{server.Address()}, Timeout: patient}), server.Ask)
	}
}

func value(text string) []byte { return []byte(text) }

func TestAValueOverTheLimitIsNeitherWrittenNorRead(t *testing.T) {
	everywhere(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		const most = 1 << 20
		key := "luaroute:main:acme:k"
		largest := strings.Repeat("v", most)
		perform(t, s, kv.Op{Kind: kv.Set, Key: "k", Value: value(largest), HasValue: true})
		for _, withTTL := range []bool{false, true} {
			if got := perform(t, s, kv.Op{Kind: kv.Get, Key: "k", WithTTL: withTTL}); string(got.Value) != largest {
				t.Errorf("%d bytes come back as %d", most, len(got.Value))
			}
		}
		over := value(largest + "v")
		for _, op := range []kv.Op{
			{Kind: kv.Set, Value: over},
			{Kind: kv.Add, Value: over},
			{Kind: kv.Replace, Value: over},
			{Kind: kv.CompareAndSwap, Old: value(largest), HasOld: true, Value: over, HasValue: true},
		} {
			op.Key = "k"
			if got := reason(t, s, op); got != kv.TooLarge {
				t.Errorf("operation %d: %q", op.Kind, got)
			}
		}
		if got := raw("STRLEN", key); got != ":1048576" {
			t.Errorf("the value has %s bytes after it", got)
		}
		raw("SETRANGE", key, "67108863", "v") // as another program does
		for _, withTTL := range []bool{false, true} {
			_, err := s.Do(t.Context(), kv.Op{Kind: kv.Get, Scope: scope, Key: "k", WithTTL: withTTL})
			if fmt.Sprint(err) != "too large: the value has 67108864 bytes; allowed are 1048576" {
				t.Errorf("with TTL %v: %v", withTTL, err)
			}
		}
		if got := perform(t, s, kv.Op{Kind: kv.Delete, Key: "k"}); !got.OK {
			t.Error("it cannot be deleted")
		}
	})
}

func TestOperationsDoWhatTheirKindSays(t *testing.T) {
	everywhere(t, func(t *testing.T, s *redis.Redis, _ func(...string) string) {
		const forever = 0
		old, other := value("old"), value("other\x00\xff\r\n")
		for _, row := range []struct {
			name   string
			before []byte // nil for none
			ttl    time.Duration
			op     kv.Op
			ok     bool
			after  []byte
			left   time.Duration
		}{
			{"get", old, forever, kv.Op{Kind: kv.Get}, true, old, forever},
			{"get what is not there", nil, forever, kv.Op{Kind: kv.Get}, false, nil, forever},
			{"set", nil, forever, kv.Op{Kind: kv.Set, Value: other}, true, other, forever},
			{"set over a ttl", old, time.Hour, kv.Op{Kind: kv.Set, Value: other}, true, other, forever},
			{"set with a ttl", old, forever, kv.Op{Kind: kv.Set, Value: other, TTL: time.Hour}, true, other, time.Hour},
			{"set nothing", nil, forever, kv.Op{Kind: kv.Set, Value: []byte{}}, true, []byte{}, forever},
			{"add", nil, forever, kv.Op{Kind: kv.Add, Value: other, TTL: time.Hour}, true, other, time.Hour},
			{"add what is there", old, time.Hour, kv.Op{Kind: kv.Add, Value: other}, false, old, time.Hour},
			{"replace", old, forever, kv.Op{Kind: kv.Replace, Value: other, TTL: time.Hour}, true, other, time.Hour},
			{"replace over a ttl", old, time.Hour, kv.Op{Kind: kv.Replace, Value: other}, true, other, forever},
			{"replace what is not there", nil, forever, kv.Op{Kind: kv.Replace, Value: other}, false, nil, forever},
			{"swap", old, time.Hour, kv.Op{Kind: kv.CompareAndSwap, Old: old, HasOld: true, Value: other, HasValue: true}, true, other, forever},
			{"swap with a ttl", old, forever, kv.Op{Kind: kv.CompareAndSwap, Old: old, HasOld: true, Value: other, HasValue: true, TTL: time.Hour}, true, other, time.Hour},
			{"swap another value", old, time.Hour, kv.Op{Kind: kv.CompareAndSwap, Old: other, HasOld: true, Value: other, HasValue: true}, false, old, time.Hour},
			{"swap none", nil, forever, kv.Op{Kind: kv.CompareAndSwap, Old: old, HasOld: true, Value: other, HasValue: true}, false, nil, forever},
			{"swap an empty value for none", nil, forever, kv.Op{Kind: kv.CompareAndSwap, Old: []byte{}, HasOld: true, Value: other, HasValue: true}, false, nil, forever},
			{"swap in", nil, forever, kv.Op{Kind: kv.CompareAndSwap, Value: other, HasValue: true, TTL: time.Hour}, true, other, time.Hour},
			{"swap in over another", old, time.Hour, kv.Op{Kind: kv.CompareAndSwap, Value: other, HasValue: true}, false, old, time.Hour},
			{"swap out", old, forever, kv.Op{Kind: kv.CompareAndSwap, Old: old, HasOld: true}, true, nil, forever},
			{"swap out another value", old, forever, kv.Op{Kind: kv.CompareAndSwap, Old: other, HasOld: true}, false, old, forever},
			{"swap nothing for nothing", nil, forever, kv.Op{Kind: kv.CompareAndSwap}, true, nil, forever},
			{"swap nothing for nothing over a value", old, forever, kv.Op{Kind: kv.CompareAndSwap}, false, old, forever},
			{"delete", old, forever, kv.Op{Kind: kv.Delete}, true, nil, forever},
			{"delete what is not there", nil, forever, kv.Op{Kind: kv.Delete}, false, nil, forever},
			{"expire", old, forever, kv.Op{Kind: kv.Expire, TTL: time.Hour}, true, old, time.Hour},
			{"expire never", old, time.Hour, kv.Op{Kind: kv.Expire}, true, old, forever},
			{"expire never what never does", old, forever, kv.Op{Kind: kv.Expire}, true, old, forever},
			{"expire what is not there", nil, forever, kv.Op{Kind: kv.Expire, TTL: time.Hour}, false, nil, forever},
			{"expire never what is not there", nil, forever, kv.Op{Kind: kv.Expire}, false, nil, forever},
		} {
			row.op.Key = "key of " + row.name
			if row.before != nil {
				perform(t, s, kv.Op{Kind: kv.Set, Key: row.op.Key, Value: row.before, TTL: row.ttl})
			}
			if got := perform(t, s, row.op); got.OK != row.ok {
				t.Errorf("%s: it says %v", row.name, got.OK)
			}
			got := perform(t, s, kv.Op{Kind: kv.Get, Key: row.op.Key})
			if got.OK != (row.after != nil) || string(got.Value) != string(row.after) {
				t.Errorf("%s: afterwards there is %q (%v), want %q", row.name, got.Value, got.OK, row.after)
			}
			both := perform(t, s, kv.Op{Kind: kv.Get, Key: row.op.Key, WithTTL: true})
			left := perform(t, s, kv.Op{Kind: kv.TTL, Key: row.op.Key})
			if both.OK != got.OK || string(both.Value) != string(got.Value) || both.TTL < left.TTL || both.TTL > left.TTL+time.Minute {
				t.Errorf("%s: read with its ttl it is %q for %s (%v), want %q for %s", row.name, both.Value, both.TTL, both.OK, got.Value, left.TTL)
			}
			if left.OK != got.OK || left.TTL > row.left || left.TTL < row.left-time.Minute {
				t.Errorf("%s: afterwards it lasts %s (%v), want %s", row.name, left.TTL, left.OK, row.left)
			}
		}
	})
}

func TestKeysAreTheirTenantsOwn(t *testing.T) {
	everywhere(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		for i, scope := range []kv.Scope{
			{Instance: "a", Tenant: "b:c"}, {Instance: "a:b", Tenant: "c"}, {Instance: "a%3Ab", Tenant: "c"}, {Instance: "a", Tenant: ""}, {Instance: "a", Tenant: "b"},
		} {
			if got := perform(t, s, kv.Op{Kind: kv.Add, Scope: scope, Key: "c:k", Value: value(strconv.Itoa(i))}); !got.OK {
				t.Errorf("%v shares a key with another", scope)
			}
		}
		for key, want := range map[string]string{
			"luaroute:a:b%3Ac:c:k": "0", "luaroute:a%3Ab:c:c:k": "1", "luaroute:a%253Ab:c:c:k": "2", "luaroute:a::c:k": "3", "luaroute:a:b:c:k": "4",
		} {
			if got := raw("GET", key); got != want {
				t.Errorf("another program reads %q under %s, want %q", got, key, want)
			}
		}
	})
}

func TestIncrementsWorkOnNumbersOfAllOriginsAndLeaveTheirForm(t *testing.T) {
	really(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		const key = "luaroute:main:acme:n"
		for _, row := range []struct {
			before, after string
			by            float64
		}{
			{"5", "6", 1},
			{"\x015", "\x016", 1},
			{"-1", "0", 1},
			{"\x01-1", "\x010", 1},
			{"2.5", "3.75", 1.25},
			{"1e3", "1001", 1},
			{"\x011.5e-07", "\x013e-07", 1.5e-7},
			{"0.1", "0.30000000000000004", 0.2},
			{"9007199254740991", "9007199254740992", 1},
			{"1e+20", "2e+20", 1e20},
			{"+5", "6", 1},
			{"1234567", "1.2345675e+06", 0.5},
			{"123456", "123456.5", 0.5},
			{"0.0001", "0.0002", 0.0001},
			{"0", "1e-05", 1e-5},
		} {
			perform(t, s, kv.Op{Kind: kv.Set, Key: "n", Value: value(row.before), TTL: time.Hour})
			perform(t, s, kv.Op{Kind: kv.Increment, Key: "n", By: row.by, Init: 77, TTL: time.Second})
			if got := raw("GET", key); got != row.after {
				t.Errorf("%q and %v became %q, want %q", row.before, row.by, got, row.after)
			}
			if left := perform(t, s, kv.Op{Kind: kv.TTL, Key: "n"}); left.TTL < time.Minute {
				t.Errorf("%q: the life of the value changed to %s", row.before, left.TTL)
			}
		}
		raw("SET", key, "41")
		if got := perform(t, s, kv.Op{Kind: kv.Increment, Key: "n", By: 1}); got.Number != 42 {
			t.Errorf("the sum is %v, want 42", got.Number)
		}
		if got := raw("INCR", key); got != ":43" {
			t.Errorf("another program goes on with %s, want 43", got)
		}
		for _, text := range []string{"", "x", "5x", "0x10", "\x01\"5\"", "\x01\x015", "inf", "nan", " 5", "5 ", "1e999", "\x01", "1-1"} {
			perform(t, s, kv.Op{Kind: kv.Set, Key: "n", Value: value(text)})
			if got := reason(t, s, kv.Op{Kind: kv.Increment, Key: "n", By: 1}); got != kv.NotNumber {
				t.Errorf("%q: an increment fails with %q, want %q", text, got, kv.NotNumber)
			}
			if got := string(perform(t, s, kv.Op{Kind: kv.Get, Key: "n"}).Value); got != text {
				t.Errorf("%q became %q", text, got)
			}
		}
		perform(t, s, kv.Op{Kind: kv.Set, Key: "n", Value: value("1e308")})
		if got := reason(t, s, kv.Op{Kind: kv.Increment, Key: "n", By: 1e308 * 1.7}); got != kv.NotNumber {
			t.Errorf("a sum that is too large fails with %q", got)
		}
	})
}

func TestIncrementsWriteTheBytesThatTheLibraryWrites(t *testing.T) {
	everywhere(t, func(t *testing.T, s *redis.Redis, _ func(...string) string) {
		random := rand.New(rand.NewPCG(1, 2))
		for range 400 {
			n := random.NormFloat64() * math.Pow(10, float64(random.IntN(60)-25))
			if random.IntN(3) == 0 {
				n = math.Round(n)
			}
			perform(t, s, kv.Op{Kind: kv.Delete, Key: "n"})
			got := perform(t, s, kv.Op{Kind: kv.Increment, Key: "n", By: n})
			if got.Number != n {
				t.Errorf("%v came back as %v", n, got.Number)
			}
			if text, want := perform(t, s, kv.Op{Kind: kv.Get, Key: "n"}).Value, kv.AppendSum(nil, nil, n); string(text) != string(want) {
				t.Errorf("%v was written as %q, want %q", n, text, want)
			}
		}
	})
}

func TestAnIncrementMakesAKeyWithItsTTLInOneStep(t *testing.T) {
	everywhere(t, func(t *testing.T, s *redis.Redis, _ func(...string) string) {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := s.Do(context.Background(), kv.Op{Kind: kv.Increment, Scope: scope, Key: "n", By: 2, Init: 10, TTL: time.Hour}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := perform(t, s, kv.Op{Kind: kv.Increment, Key: "n", By: 0}); got.Number != 110 {
			t.Errorf("50 increments by 2 from 10 made %v, want 110", got.Number)
		}
		if left := perform(t, s, kv.Op{Kind: kv.TTL, Key: "n"}); left.TTL == 0 || left.TTL > time.Hour {
			t.Errorf("it lasts %s", left.TTL)
		}
		if got := perform(t, s, kv.Op{Kind: kv.Increment, Key: "forever", By: 1}); got.Number != 1 {
			t.Errorf("a new number is %v, want 1", got.Number)
		}
		if left := perform(t, s, kv.Op{Kind: kv.TTL, Key: "forever"}); !left.OK || left.TTL != 0 {
			t.Errorf("without a ttl it lasts %s", left.TTL)
		}
	})
}

func TestTTLsAreRoundedUpAndNeverForever(t *testing.T) {
	really(t, func(t *testing.T, s *redis.Redis, _ func(...string) string) {
		perform(t, s, kv.Op{Kind: kv.Set, Key: "k", Value: value("v"), TTL: time.Millisecond / 2})
		testkit.Until(t, "it is gone", func() bool {
			if left := perform(t, s, kv.Op{Kind: kv.TTL, Key: "k"}); left.OK && left.TTL == 0 {
				t.Fatal("it lasts forever")
			}
			return !perform(t, s, kv.Op{Kind: kv.Get, Key: "k"}).OK
		})
	})
}

func TestKeysListsATenantsKeysLiterally(t *testing.T) {
	everywhere(t, func(t *testing.T, s *redis.Redis, _ func(...string) string) {
		for _, key := range []string{"a*1", "a*2", "ab1", "a?", `a\`, "a[b]", "z"} {
			perform(t, s, kv.Op{Kind: kv.Set, Key: key, Value: value("v")})
			perform(t, s, kv.Op{Kind: kv.Set, Scope: kv.Scope{Instance: "main", Tenant: "other*"}, Key: key, Value: value("v")})
		}
		for prefix, want := range map[string][]string{
			"": {"a*1", "a*2", "a?", "a[b]", `a\`, "ab1", "z"}, "a*": {"a*1", "a*2"}, "a?": {"a?"}, `a\`: {`a\`}, "a[b]": {"a[b]"}, "a[": {"a[b]"}, "y": {},
		} {
			got := perform(t, s, kv.Op{Kind: kv.Keys, Key: prefix, Limit: 100})
			if !slices.Equal(got.Keys, want) || got.OK {
				t.Errorf("%q: it lists %q (more: %v), want %q", prefix, got.Keys, got.OK, want)
			}
		}
		for limit, more := range map[int]bool{1: true, 6: true, 7: false, 8: false} {
			if got := perform(t, s, kv.Op{Kind: kv.Keys, Limit: limit}); len(got.Keys) != min(limit, 7) || got.OK != more {
				t.Errorf("limit %d: %d keys, more: %v", limit, len(got.Keys), got.OK)
			}
		}
	})
}

func TestValuesOfAnotherKindAreNoReasonToCallRedisDown(t *testing.T) {
	really(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		raw("RPUSH", "luaroute:main:acme:list", "x")
		for range 20 {
			_, err := s.Do(context.Background(), kv.Op{Kind: kv.Get, Scope: scope, Key: "list"})
			if want := "down: another program keeps a list, a hash or the like under this key"; fmt.Sprint(err) != want {
				t.Fatalf("it fails with %v, want %s", err, want)
			}
			if got := reason(t, s, kv.Op{Kind: kv.Increment, Key: "list", By: 1}); got != kv.NotNumber {
				t.Fatalf("an increment fails with %q", got)
			}
		}
		perform(t, s, kv.Op{Kind: kv.Set, Key: "k", Value: value("v")})
	})
}
