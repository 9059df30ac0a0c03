package redis_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/internal/testredis"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/redis"
)

func TestWhatRedisAnswersIsAReason(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"NOAUTH Authentication required.":                                                                                  "down: NOAUTH",
		"READONLY You can't write against a read only replica.":                                                            "down: READONLY",
		"LOADING Redis is loading the dataset in memory":                                                                   "down: LOADING",
		"MOVED 3999 127.0.0.1:6381":                                                                                        "down: MOVED",
		"ASK 3999 127.0.0.1:6381":                                                                                          "down: ASK",
		"CLUSTERDOWN The cluster is down":                                                                                  "down: CLUSTERDOWN",
		"TRYAGAIN Multiple keys request during rehashing of slot":                                                          "down: TRYAGAIN",
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.":                                 "down: MASTERDOWN",
		"MISCONF Redis is configured to save RDB snapshots":                                                                "down: MISCONF",
		"NOREPLICAS Not enough good replicas to write.":                                                                    "down: NOREPLICAS",
		"BUSY Redis is busy running a script.":                                                                             "down: BUSY",
		"NOPERM this user has no permissions to run the 'set' command":                                                     "down: NOPERM",
		"ERR max number of clients reached":                                                                                "down: ERR",
		"ERR unknown command 'SET', with args beginning with: 'luaroute:main:acme:k'":                                      "down: ERR",
		"ERR Error running script (call to f_1): @user_script:3: -READONLY You can't write against a read only replica.":   "down: READONLY",
		"OOM command not allowed when used memory > 'maxmemory'.":                                                          "full",
		"ERR Error running script (call to f_1): @user_script:3: -OOM command not allowed when used memory > 'maxmemory'.": "full",
	} {
		mini := miniredis.RunT(t)
		s := provisioned(t, &redis.Redis{Addresses: []string{mini.Addr()}, Timeout: patient})
		works(t, s)
		mini.SetError(answer)
		var texts []string
		for range 7 {
			texts = append(texts, why(s))
		}
		if texts = slices.Compact(texts); !slices.Equal(texts, []string{want}) {
			t.Errorf("%s: it says %q, want %s", answer, texts, want)
		}
		mini.SetError("")
		if want == "full" { // Redis is there
			works(t, s)
		} else if got := why(s); got != want {
			t.Errorf("%s: taken for down it says %q, want %q", answer, got, want)
		}
	}
}

func TestAFullRedisStillReadsAndIsNotDown(t *testing.T) {
	really(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		perform(t, s, kv.Op{Kind: kv.Set, Key: "1", Value: value("1")})
		raw("CONFIG", "SET", "maxmemory", "1")
		for range 3 {
			for _, kind := range []kv.Kind{kv.Set, kv.Add, kv.Replace, kv.CompareAndSwap, kv.Increment} {
				op := kv.Op{Kind: kind, Key: "1", Value: value("2"), HasValue: true, Old: value("1"), HasOld: true, By: 1, TTL: time.Hour}
				if got := reason(t, s, op); got != kv.Full {
					t.Errorf("operation %d fails with %q", kind, got)
				}
			}
			_, err := s.Take(context.Background(), kv.Take{Scope: scope, Key: "k", Interval: time.Second, Burst: 1, Cost: 1})
			if got := testkit.ErrText(err); got != "full" {
				t.Errorf("a take says %q", got)
			}
			for _, kind := range []kv.Kind{kv.Get, kv.TTL, kv.Expire, kv.Keys} {
				perform(t, s, kv.Op{Kind: kind, Key: "1", TTL: time.Hour, Limit: 1})
			}
		}
		perform(t, s, kv.Op{Kind: kv.Delete, Key: "1"})
		raw("CONFIG", "SET", "maxmemory", "0")
		works(t, s)
	})
}

func TestAReplicaIsDownUntilItIsAMaster(t *testing.T) {
	really(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		works(t, s)
		raw("REPLICAOF", "127.0.0.1", strings.TrimPrefix(ports.Dead(t), "127.0.0.1:"))
		for range 7 {
			if got := why(s); got != "down: READONLY" {
				t.Errorf("it says %q", got)
			}
		}
		testkit.Until(t, "a probe has asked", func() bool { return strings.Contains(raw("INFO", "commandstats"), "cmdstat_setrange") })
		if got := reason(t, s, kv.Op{Kind: kv.Get, Key: "k"}); got != kv.Down {
			t.Errorf("a read fails with %q", got)
		}
		raw("REPLICAOF", "NO", "ONE")
		testkit.Until(t, "it is up", func() bool { return why(s) == "" })
		if got := raw("GET", "luaroute:main:acme:k"); got != "v" {
			t.Errorf("it has %s", got)
		}
	})
}

func TestAProbeChangesNothing(t *testing.T) {
	really(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		perform(t, s, kv.Op{Kind: kv.Set, Key: "there", Value: value("v"), TTL: time.Hour})
		for _, key := range []string{"there", "new"} {
			raw("REPLICAOF", "127.0.0.1", strings.TrimPrefix(ports.Dead(t), "127.0.0.1:"))
			for range 6 {
				if got := reason(t, s, kv.Op{Kind: kv.Set, Key: key, Value: value("other")}); got != kv.Down {
					t.Errorf("a write fails with %q", got)
				}
			}
			raw("REPLICAOF", "NO", "ONE")
			testkit.Until(t, "it is up", func() bool { return reason(t, s, kv.Op{Kind: kv.Get, Key: key}) == "" })
		}
		if got := perform(t, s, kv.Op{Kind: kv.Get, Key: "there", WithTTL: true}); string(got.Value) != "v" || got.TTL < time.Minute {
			t.Errorf("there is %q for %s", got.Value, got.TTL)
		}
		if got := perform(t, s, kv.Op{Kind: kv.Get, Key: "new"}); got.OK {
			t.Errorf("there is %q", got.Value)
		}
	})
}

func TestARedisThatIsNotThereIsDownAndFoundWhenItIs(t *testing.T) {
	t.Parallel()
	server := testredis.New(t)
	if server == nil {
		return
	}
	server.Kill()
	s := provisioned(t, &redis.Redis{Addresses: []string{server.Address()}, Timeout: patient})
	for range 7 {
		if got := why(s); got != "down" {
			t.Errorf("it says %q", got)
		}
	}
	server.Start()
	testkit.Until(t, "it is up", func() bool { return why(s) == "" })
	server.Kill()
	testkit.Until(t, "it is down", func() bool { return why(s) == "down" })
	server.Start()
	testkit.Until(t, "it is up again", func() bool { return why(s) == "" })
}

// crowd is what many callers at once have seen.
type crowd struct {
	ok, late, down, other atomic.Int64
	longest               atomic.Int64
}

// ask has callers ask one after the other until stop is closed.
func (c *crowd) ask(s *redis.Redis, callers int, stop chan struct{}) (wait func()) {
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for {
				begun := time.Now()
				_, err := s.Do(context.Background(), kv.Op{Kind: kv.Increment, Scope: scope, Key: "n", By: 1})
				took := int64(time.Since(begun))
				for old := c.longest.Load(); took > old && !c.longest.CompareAndSwap(old, took); old = c.longest.Load() {
				}
				switch text := testkit.ErrText(err); {
				case err == nil:
					c.ok.Add(1)
				case text == "timeout":
					c.late.Add(1)
				case strings.HasPrefix(text, "down"):
					c.down.Add(1)
				default:
					c.other.Add(1)
				}
				select {
				case <-stop:
					return
				case <-tick.C:
				}
			}
		})
	}
	return all.Wait
}

func TestAFrozenRedisHoldsNobodyAndIsBackWithoutAStorm(t *testing.T) {
	t.Parallel()
	server := testredis.New(t)
	if server == nil {
		return
	}
	const timeout = 5 * time.Second // a busy machine stays below it
	s := provisioned(t, &redis.Redis{Addresses: []string{server.Address()}, Timeout: caddy.Duration(timeout)})
	var seen crowd
	stop := make(chan struct{})
	wait := seen.ask(s, 10, stop)
	testkit.Until(t, "all ask", func() bool { return seen.ok.Load() > 100 })
	late := seen.late.Load()
	server.Freeze()
	testkit.Until(t, "it has been down for long", func() bool { return seen.down.Load() > 1000 })
	if late = seen.late.Load() - late; late > 10 {
		t.Errorf("%d calls were late, want each of the 10 callers once at most", late)
	}
	server.Thaw()
	before := seen.ok.Load()
	testkit.Until(t, "it is back", func() bool { return seen.ok.Load() > before+100 })
	close(stop)
	wait()
	if n := seen.other.Load(); n > 0 {
		t.Errorf("%d calls failed otherwise", n)
	}
	// Ten callers dial at most twice, as rueidis has a connection for each of some processors; so does the probe, and so do calls after it.
	if got := connections(server); got > 20 {
		t.Errorf("there were %d connections", got)
	}
}

// connections returns how many connections a server has had.
func connections(s *testredis.Server) (n int) {
	for line := range strings.Lines(s.Ask("INFO", "stats")) {
		if count, ok := strings.CutPrefix(line, "total_connections_received:"); ok {
			for _, digit := range strings.TrimSpace(count) {
				n = 10*n + int(digit-'0')
			}
		}
	}
	return n
}

func TestConfigurationsThatAreEqualShareTheConnections(t *testing.T) {
	t.Parallel()
	one, other := testredis.New(t), testredis.New(t)
	if one == nil {
		return
	}
	load := func(r *redis.Redis) (*redis.Redis, func()) {
		r.Timeout = patient
		ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
		if err := r.Provision(ctx); err != nil {
			t.Fatal(err)
		}
		return r, func() {
			cancel()
			if err := r.Cleanup(); err != nil {
				t.Error(err)
			}
		}
	}
	at := func(address string) *redis.Redis { return &redis.Redis{Addresses: []string{address}, Timeout: patient} }
	first, end := load(at(one.Address()))
	for range 50 { // rueidis chooses one of several connections at random, and makes it then
		works(t, first)
	}
	before := connections(one)
	for range 5 { // the new configuration is provisioned before the old one is cleaned up
		next, endNext := load(at("redis://" + one.Address()))
		end()
		works(t, next)
		first, end = next, endNext
	}
	if got := connections(one) - before - 1; got != 0 { // that of connections itself
		t.Errorf("reloads made %d new connections", got)
	}
	moved, endMoved := load(at(other.Address()))
	end()
	works(t, moved)
	if got := other.Ask("GET", "luaroute:main:acme:k"); got != "v" {
		t.Errorf("the other Redis has %s", got)
	}
	testkit.Until(t, "nobody is connected to the first", func() bool { return strings.Contains(one.Ask("INFO", "clients"), "connected_clients:1\r") })
	if got := why(first); got != "down" {
		t.Errorf("after its end a store says %q", got)
	}
	endMoved()
}

func TestNothingIsDialledBeforeACall(t *testing.T) {
	t.Parallel()
	server := testredis.New(t)
	if server == nil {
		return
	}
	before := connections(server)
	provisioned(t, &redis.Redis{Addresses: []string{server.Address()}, Timeout: patient})
	provisioned(t, &redis.Redis{Addresses: []string{ports.Dead(t)}, Timeout: patient})
	if got := connections(server) - before - 1; got != 0 {
		t.Errorf("%d connections were made", got)
	}
}
