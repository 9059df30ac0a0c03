package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// server is what a client dials in these tests.
type server struct {
	rueidis.Client
	builder rueidis.Builder
	mu      sync.Mutex
	dials   []time.Duration // when, from the beginning
	begun   time.Time
	refuse  atomic.Bool
	silent  atomic.Bool
	atOnce  atomic.Int32 // dials
	closed  atomic.Int32
}

var errRefused = errors.New("connection refused")

// dial takes 10 ms, or a second when the server is silent.
func (s *server) dial() (rueidis.Client, error) {
	if s.atOnce.Add(1) > 1 {
		panic("two dial at once")
	}
	defer s.atOnce.Add(-1)
	s.mu.Lock()
	s.dials = append(s.dials, time.Since(s.begun))
	s.mu.Unlock()
	switch {
	case s.refuse.Load():
		return nil, errRefused
	case s.silent.Load():
		time.Sleep(time.Second)
		return nil, context.DeadlineExceeded
	}
	time.Sleep(10 * time.Millisecond)
	return s, nil
}

// dialled returns when it was dialled.
func (s *server) dialled() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dials)
}

func (s *server) B() rueidis.Builder { return s.builder }

// Do answers probes.
func (s *server) Do(context.Context, rueidis.Completed) rueidis.RedisResult {
	return rueidis.NewErrorResult(nil)
}

func (s *server) Close() { s.closed.Add(1) }

// operation takes a millisecond; when the server is silent, until rueidis notices that.
func (s *server) operation(rueidis.Client, time.Time) (string, error) {
	switch {
	case s.refuse.Load():
		return "", errRefused
	case s.silent.Load():
		time.Sleep(1500 * time.Millisecond)
		return "", context.DeadlineExceeded
	}
	time.Sleep(time.Millisecond)
	return "value", nil
}

const allowed = 100 * time.Millisecond

// inBubble runs a test in a bubble of testing/synctest, where time passes when all wait.
func inBubble(t *testing.T, test func(t *testing.T, c *client, s *server, logs *observer.ObservedLogs)) {
	t.Parallel()
	// Only a client has a builder. This one is told that it need not be connected.
	refused, _ := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{ports.Dead(t)}, ForceSingleClient: true, DisableCache: true})
	defer refused.Close()
	synctest.Test(t, func(t *testing.T) {
		s := &server{begun: time.Now(), builder: refused.B()}
		c := newClient(settings{Timeout: allowed, DownAfter: 5}, s.dial)
		core, logs := observer.New(zapcore.DebugLevel)
		c.log = func() *zap.Logger { return zap.New(core) }
		test(t, c, s, logs)
		if err := c.Destruct(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // no goroutine may be left
	})
}

// ask performs an operation and returns how long it took and why it failed.
func ask(ctx context.Context, c *client, s *server) (time.Duration, kv.Reason) {
	begun := time.Now()
	_, err := call(ctx, c, "key", s.operation)
	if err == nil {
		return time.Since(begun), ""
	}
	return time.Since(begun), failure(err).Reason
}

func TestACallWaitsNoLongerThanTheTimeoutAndNotAtAllWhileRedisIsDown(t *testing.T) {
	inBubble(t, func(t *testing.T, c *client, s *server, _ *observer.ObservedLogs) {
		if took, why := ask(t.Context(), c, s); why != "" || took != 11*time.Millisecond {
			t.Errorf("the first call fails with %q after %s", why, took)
		}
		s.silent.Store(true)
		for i := range 5 {
			if took, why := ask(t.Context(), c, s); why != kv.Timeout || took != allowed {
				t.Errorf("call %d: fails with %q after %s", i, why, took)
			}
		}
		for range 1000 {
			if took, why := ask(t.Context(), c, s); why != kv.Down || took != 0 {
				t.Fatalf("down: a call fails with %q after %s", why, took)
			}
		}
	})
}

func TestCallsThatWaitEndWhenRedisIsTakenForDown(t *testing.T) {
	inBubble(t, func(t *testing.T, c *client, s *server, _ *observer.ObservedLogs) {
		ask(t.Context(), c, s) // so that none waits for a dial
		s.silent.Store(true)
		var all sync.WaitGroup
		var longest atomic.Int64
		for i := range 300 { // one each millisecond, and each asks three times
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				begun := time.Now()
				for range 3 {
					ask(t.Context(), c, s)
				}
				for took := int64(time.Since(begun)); ; {
					if old := longest.Load(); took <= old || longest.CompareAndSwap(old, took) {
						break
					}
				}
			})
		}
		all.Wait()
		if got := time.Duration(longest.Load()); got > allowed+5*time.Millisecond {
			t.Errorf("one waited %s for three calls", got)
		}
	})
}

func TestACallWaitsForASpotNoLongerThanTheTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, c *client, s *server, _ *observer.ObservedLogs) {
		s.silent.Store(true)
		c.DownAfter = 1 << 30
		var all sync.WaitGroup
		for range 3 * most {
			all.Go(func() {
				if took, why := ask(t.Context(), c, s); why != kv.Timeout || took != allowed {
					t.Errorf("it fails with %q after %s", why, took)
				}
			})
		}
		all.Wait()
		if got := len(c.slots); got != most {
			t.Errorf("%d calls are at work, want %d", got, most)
		}
		s.silent.Store(false)
		synctest.Wait()
		time.Sleep(time.Hour)
		if got := len(c.slots); got != 0 {
			t.Errorf("%d spots are taken afterwards", got)
		}
	})
}

func TestOneProbeAtATimeAfterPausesThatDouble(t *testing.T) {
	inBubble(t, func(t *testing.T, c *client, s *server, logs *observer.ObservedLogs) {
		s.refuse.Store(true)
		for i := range 5 {
			if took, why := ask(t.Context(), c, s); why != kv.Down || took != 0 {
				t.Errorf("call %d: fails with %q after %s", i, why, took)
			}
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				for range 40_000 / 10 { // 40 seconds
					if took, why := ask(t.Context(), c, s); why != kv.Down || took != 0 {
						t.Errorf("down: a call fails with %q after %s", why, took)
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		var seconds []int
		for _, at := range s.dialled() {
			seconds = append(seconds, int(at/time.Second))
		}
		if want := []int{0, 0, 0, 0, 0, 1, 3, 7, 15, 25, 35}; !slices.Equal(seconds, want) {
			t.Errorf("it dialled at %v, want %v", seconds, want)
		}

		s.refuse.Store(false)
		dialled := len(s.dialled())
		for range 300 {
			all.Go(func() {
				for {
					if _, why := ask(t.Context(), c, s); why == "" {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if got := len(s.dialled()) - dialled; got != 1 {
			t.Errorf("it was dialled %d times when it came back, want once", got)
		}
		var texts []string
		for _, entry := range logs.All() {
			texts = append(texts, entry.Message)
			if fields := fmt.Sprint(entry.ContextMap()); strings.Contains(fields, "key") || strings.Contains(fields, "value") {
				t.Errorf("the log has %s", fields)
			}
		}
		if want := []string{"redis is down; calls fail until a probe succeeds", "redis is back"}; !slices.Equal(texts, want) {
			t.Errorf("the log says %q, want %q", texts, want)
		}
	})
}

func TestTheConnectionOfADownRedisIsClosedAndNotUsedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, c *client, s *server, _ *observer.ObservedLogs) {
		ask(t.Context(), c, s)
		s.silent.Store(true)
		for range 5 {
			ask(t.Context(), c, s)
		}
		synctest.Wait()
		if got := s.closed.Load(); got != 1 {
			t.Errorf("%d connections were closed, want 1", got)
		}
		s.silent.Store(false)
		time.Sleep(1100 * time.Millisecond) // what was late fails now, and counts for the old one
		for range 20 {
			if _, why := ask(t.Context(), c, s); why != "" {
				t.Fatalf("a call fails with %q", why)
			}
		}
	})
}

func TestFailuresCountInARow(t *testing.T) {
	inBubble(t, func(t *testing.T, c *client, s *server, logs *observer.ObservedLogs) {
		for range 20 {
			s.refuse.Store(true)
			for range 4 {
				ask(t.Context(), c, s)
			}
			s.refuse.Store(false)
			if _, why := ask(t.Context(), c, s); why != "" {
				t.Fatalf("a call fails with %q", why)
			}
		}
		if logs.Len() != 0 {
			t.Errorf("the log says %v", logs.All())
		}
	})
}

func TestACallerWhoLeavesEarlyIsNoFailureOfRedis(t *testing.T) {
	inBubble(t, func(t *testing.T, c *client, s *server, _ *observer.ObservedLogs) {
		ask(t.Context(), c, s)
		for range 20 { // each leaves before an answer can come
			ctx, leave := context.WithTimeout(t.Context(), time.Millisecond/2)
			if took, why := ask(ctx, c, s); why != kv.Timeout || took != time.Millisecond/2 {
				t.Errorf("it fails with %q after %s", why, took)
			}
			leave()
		}
		if _, why := ask(t.Context(), c, s); why != "" {
			t.Errorf("a patient caller fails with %q", why)
		}
		if got := s.closed.Load(); got != 0 {
			t.Error("the connection of others was closed")
		}
	})
}

func TestASilentRedisIsFoundAlsoByCallersWhoLeaveEarly(t *testing.T) {
	inBubble(t, func(t *testing.T, c *client, s *server, _ *observer.ObservedLogs) {
		ask(t.Context(), c, s)
		s.silent.Store(true)
		for i := range 5 {
			ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
			if took, why := ask(ctx, c, s); why != kv.Timeout || took != time.Millisecond {
				t.Errorf("call %d fails with %q after %s", i, why, took)
			}
			leave()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if took, why := ask(t.Context(), c, s); why != kv.Down || took != 0 {
			t.Errorf("two seconds later a call fails with %q after %s", why, took)
		}
	})
}

func TestAClosedClientFailsAtOnceAndProbesNoMore(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *client, s *server, _ *observer.ObservedLogs) {
		c := newClient(settings{Timeout: allowed, DownAfter: 1}, s.dial)
		s.refuse.Store(true)
		ask(t.Context(), c, s)
		if err := c.Destruct(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		dialled := len(s.dialled())
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(s.dialled()) != dialled {
			t.Error("it probes")
		}
		if took, why := ask(t.Context(), c, s); why != kv.Down || took != 0 {
			t.Errorf("it fails with %q after %s", why, took)
		}
	})
}
