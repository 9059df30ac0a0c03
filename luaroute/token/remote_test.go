package token_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
	"github.com/luaroute/caddy-luaroute/luaroute/token"
)

// server answers requests for keys after a time, and counts them.
type server struct {
	mu     sync.Mutex
	asked  []*call.Request
	takes  time.Duration
	answer func(r *call.Request) (*call.Response, error)
}

// Do answers.
func (s *server) Do(ctx context.Context, r *call.Request) (*call.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, r)
	answer, takes := s.answer, s.takes
	s.mu.Unlock()
	select {
	case <-time.After(takes):
		return answer(r)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func (s *server) set(answer func(*call.Request) (*call.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func answers(status int, body string, header ...string) func(*call.Request) (*call.Response, error) {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return func(*call.Request) (*call.Response, error) {
		return &call.Response{Status: status, Body: body, Header: h}, nil
	}
}

// usual is the configuration that scripts have by default.
var usual = token.RemoteConfig{
	URL: "https://idp.example/keys", Refresh: 600 * time.Second, Cooldown: 30 * time.Second, Stale: 24 * time.Hour, Timeout: 5 * time.Second,
}

// world is an issuer whose keys a server has.
type world struct {
	*token.Issuer
	*server
	t *testing.T
}

// inWorld runs a test in a time of its own, which passes while all wait.
func inWorld(t *testing.T, config func(*token.RemoteConfig), answer func(*call.Request) (*call.Response, error), run func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: answer, takes: 100 * time.Millisecond}
		c := usual
		if config != nil {
			config(&c)
		}
		r := token.NewRemote(c, s, zap.NewNop())
		defer r.Close()
		i, err := token.New(token.Config{Algorithms: []string{"RS256"}, Keys: r})
		if err != nil {
			t.Fatal(err)
		}
		run(&world{i, s, t})
		synctest.Wait()
	})
}

// signedBy returns a token of a key with a name.
func (w *world) signedBy(kid string, k token.Key) string {
	return made(w.t, token.Maker{Algorithm: "RS256", Key: k, KeyID: kid}, map[string]any{"sub": "ann"})
}

// forged returns a token of nobody's.
func forged(kid string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(`{"alg":"RS256","kid":"`+kid+`"}`)) + "." + e.EncodeToString([]byte(`{}`)) + "." + strings.Repeat("A", 342)
}

// ask verifies a token, and compares the answer and how many requests there were so far.
func (w *world) ask(name, text, want string, asked int) {
	w.t.Helper()
	says(w.t, name, w, text, background(), want)
	if n := w.count(); n != asked {
		w.t.Errorf("%s: the server was asked %d times; want %d", name, n, asked)
	}
}

func TestTenVMsThatVerifyAtFirstFetchOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() { says(t, "at once", w, w.signedBy("a", rsaKey), background(), "good") })
		}
		group.Wait()
		w.ask("afterwards", w.signedBy("a", rsaKey), "good", 1)
	})
}

// TestKeysAreRenewedByAClockThatNobodySets looks at the times by which keys are due and stale: a time that has lost its monotonic reading would
// step with the clock of the machine, which no test can set.
func TestKeysAreRenewedByAClockThatNobodySets(t *testing.T) {
	t.Parallel()
	s := &server{answer: answers(200, jwks(t, map[string]token.Key{"a": rsaKey}), "Cache-Control", "max-age=300")}
	r := token.NewRemote(usual, s, zap.NewNop())
	defer r.Close()
	if _, err := r.Get(background()); err != nil {
		t.Fatal(err)
	}
	for n, at := range r.Times() {
		if at.IsZero() || at == at.Round(0) {
			t.Errorf("time %d is %s", n, at)
		}
	}
}

func TestAFloodOfUnknownKeysFetchesOnceInACooldown(t *testing.T) {
	t.Parallel()
	inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
		for n := range 1000 {
			says(t, "a random kid", w, forged(fmt.Sprint("k", n)), background(), "unknown key")
			time.Sleep(29 * time.Millisecond)
		}
		if n := w.count(); n != 1 {
			t.Errorf("1000 random kids in 29 s fetched %d times; want once", n)
		}
		w.ask("a good token meanwhile", w.signedBy("a", rsaKey), "good", 1)
		time.Sleep(2 * time.Second)
		w.ask("after the cooldown", w.signedBy("x", rsaKey2), "unknown key", 2)
		w.ask("and again", w.signedBy("y", rsaKey2), "unknown key", 2)
		var group sync.WaitGroup
		time.Sleep(31 * time.Second)
		for n := range 100 {
			group.Go(func() { says(t, "at once", w, forged(fmt.Sprint("z", n)), background(), "unknown key") })
		}
		group.Wait()
		if n := w.count(); n != 3 {
			t.Errorf("100 at once fetched %d times; want one more", n-2)
		}
	})
}

// Garbage that starts a fetch must not have good tokens of a new key refused while it lasts.
func TestWhoComesWhileKeysAreFetchedWaitsForThem(t *testing.T) {
	t.Parallel()
	inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
		w.ask("the old key", w.signedBy("a", rsaKey), "good", 1)
		w.set(answers(200, jwks(t, map[string]token.Key{"a": rsaKey, "b": rsaKey2})))
		time.Sleep(31 * time.Second)
		var group sync.WaitGroup
		group.Go(func() { says(t, "garbage", w, forged("x"), background(), "unknown key") })
		synctest.Wait()
		for range 10 {
			group.Go(func() { says(t, "the new key meanwhile", w, w.signedBy("b", rsaKey2), background(), "good") })
		}
		group.Wait()
		if n := w.count(); n != 2 {
			t.Errorf("fetched %d times", n)
		}
	})
}

// A set that is empty, or an answer that fails, must not switch the cooldown off.
func TestAFloodWhileFetchesFailKeepsTheCooldown(t *testing.T) {
	t.Parallel()
	for name, broken := range brokenAnswers(t) {
		inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
			w.ask(name+": at first", w.signedBy("a", rsaKey), "good", 1)
			w.set(broken)
			time.Sleep(31 * time.Second)
			for range 100 {
				says(t, name, w, forged("x"), background(), "unknown key")
				time.Sleep(time.Millisecond)
			}
			w.ask(name+": the old keys are kept", w.signedBy("a", rsaKey), "good", 2)
		})
	}
}

// brokenAnswers are what servers say that have no keys.
func brokenAnswers(t testing.TB) map[string]func(*call.Request) (*call.Response, error) {
	return map[string]func(*call.Request) (*call.Response, error){
		"500":            answers(500, jwks(t, map[string]token.Key{"x": rsaKey2})),
		"404":            answers(404, ""),
		"HTML":           answers(200, "<html>"),
		"a redirect":     answers(302, "", "Location", "https://elsewhere.example/"),
		"no content":     answers(204, ""),
		"304 for nobody": answers(304, ""),
		"an empty set":   answers(200, `{"keys":[]}`),
		"2 MiB":          answers(200, strings.Repeat(" ", 2<<20)),
		"an error":       func(*call.Request) (*call.Response, error) { return nil, errors.New("refused") },
	}
}

func TestWithoutKeysATokenIsNotTheClientsFault(t *testing.T) {
	t.Parallel()
	for name, broken := range brokenAnswers(t) {
		inWorld(t, nil, broken, func(w *world) {
			text := w.signedBy("a", rsaKey)
			w.ask(name, text, "keys unavailable", 1)
			w.ask(name+", at once again", text, "keys unavailable", 1)
			w.set(answers(200, jwks(t, map[string]token.Key{"a": rsaKey})))
			w.ask(name+", still", text, "keys unavailable", 1)
			time.Sleep(time.Second)
			w.ask(name+", when it is over", text, "good", 2)
		})
	}
}

func TestASilentServerIsAskedLessAndLessOften(t *testing.T) {
	t.Parallel()
	inWorld(t, nil, answers(200, ""), func(w *world) {
		w.takes = time.Hour
		text := w.signedBy("a", rsaKey)
		began := time.Now()
		w.ask("at first", text, "keys unavailable", 1)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v; want the timeout", took)
		}
		for time.Since(began) < 10*time.Minute {
			_, _ = w.Verify(text, background())
			time.Sleep(500 * time.Millisecond)
		}
		if n := w.count(); n < 15 || n > 30 {
			t.Errorf("in 10 minutes it was asked %d times; want one in 30 s", n)
		}
	})
}

func TestAClientThatLeavesDoesNotEndTheFetchOfOthers(t *testing.T) {
	t.Parallel()
	inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
		gone := errors.New("the client is gone")
		ctx, cancel := context.WithCancelCause(context.Background())
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := w.Verify(w.signedBy("a", rsaKey), token.Background(ctx)); !errors.Is(err, gone) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() { says(t, "who waits", w, w.signedBy("a", rsaKey), background(), "good") })
		synctest.Wait()
		cancel(gone)
		group.Wait()
		w.ask("afterwards", w.signedBy("a", rsaKey), "good", 1)
	})
}

func TestKeysRotateWithoutOverlap(t *testing.T) {
	t.Parallel()
	inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
		w.ask("the old key", w.signedBy("a", rsaKey), "good", 1)
		w.set(answers(200, jwks(t, map[string]token.Key{"b": rsaKey2})))
		w.ask("the new key, within the cooldown", w.signedBy("b", rsaKey2), "unknown key", 1)
		time.Sleep(30 * time.Second)
		w.ask("the new key", w.signedBy("b", rsaKey2), "good", 2)
		w.ask("the old key, after that", w.signedBy("a", rsaKey), "unknown key", 2)
	})
}

func TestAKeyMayBeReplacedUnderItsName(t *testing.T) {
	t.Parallel()
	inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
		w.ask("the old key", w.signedBy("a", rsaKey), "good", 1)
		w.set(answers(200, jwks(t, map[string]token.Key{"a": rsaKey2})))
		time.Sleep(30 * time.Second)
		w.ask("the new key", w.signedBy("a", rsaKey2), "good", 2)
		w.ask("the old key, after that", w.signedBy("a", rsaKey), "signature", 2)
	})
}

func TestKeysRotateWithOverlapAndNobodyWaits(t *testing.T) {
	t.Parallel()
	inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
		w.ask("the old key", w.signedBy("a", rsaKey), "good", 1)
		w.set(answers(200, jwks(t, map[string]token.Key{"a": rsaKey, "b": rsaKey2})))
		time.Sleep(601 * time.Second)
		began := time.Now()
		says(t, "the old key, when it is time", w, w.signedBy("a", rsaKey), background(), "good")
		if time.Since(began) != 0 {
			t.Error("it waited for the refresh")
		}
		synctest.Wait()
		time.Sleep(time.Second)
		w.ask("the new key", w.signedBy("b", rsaKey2), "good", 2)
		w.ask("the old key, too", w.signedBy("a", rsaKey), "good", 2)
	})
}

func TestARefreshComesInTimeAndNotAllAtOnce(t *testing.T) {
	t.Parallel()
	var waits []time.Duration
	for range 10 {
		inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
			w.ask("at first", w.signedBy("a", rsaKey), "good", 1)
			began, text := time.Now(), w.signedBy("a", rsaKey)
			for w.count() == 1 {
				time.Sleep(2 * time.Second)
				_, _ = w.Verify(text, background())
				synctest.Wait()
			}
			waits = append(waits, time.Since(began))
		})
	}
	if first, last := slices.Min(waits), slices.Max(waits); first < 539*time.Second || last > 603*time.Second || last-first < 5*time.Second {
		t.Errorf("the refresh came after %v to %v; want 540 s to 600 s", first, last)
	}
}

func TestKeysThatCannotBeFetchedAgainAreUsedUntilTheyAreStale(t *testing.T) {
	t.Parallel()
	inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
		text := w.signedBy("a", rsaKey)
		w.ask("at first", text, "good", 1)
		w.set(answers(500, ""))
		for began := time.Now(); time.Since(began) < 23*time.Hour; time.Sleep(10 * time.Minute) {
			says(t, "not yet stale", w, text, background(), "good")
		}
		time.Sleep(time.Hour)
		says(t, "stale", w, text, background(), "keys unavailable")
		w.set(answers(200, jwks(t, map[string]token.Key{"a": rsaKey})))
		time.Sleep(time.Minute)
		says(t, "when it is over", w, text, background(), "good")
	})
}

// Keys that nobody needs are not fetched; so they may be old when somebody does.
func TestAfterALongPauseKeysAreFetchedBeforeTheyAreUsed(t *testing.T) {
	t.Parallel()
	inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
		w.ask("at first", w.signedBy("a", rsaKey), "good", 1)
		time.Sleep(8 * time.Hour)
		if n := w.count(); n != 1 {
			t.Errorf("nobody asked, and keys were fetched %d times", n-1)
		}
		w.set(answers(200, jwks(t, map[string]token.Key{"b": rsaKey2})))
		w.ask("a key that is gone since", w.signedBy("a", rsaKey), "unknown key", 2)
		w.set(answers(500, ""))
		time.Sleep(8 * time.Hour)
		w.ask("and when the server is down", w.signedBy("b", rsaKey2), "good", 3)
	})
}

func TestTheServerSaysHowLongItsKeysAreGood(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		header string
		least  time.Duration
		most   time.Duration
	}{
		{"max-age=120", 107 * time.Second, 121 * time.Second},
		{"public, Max-Age=120, must-revalidate", 107 * time.Second, 121 * time.Second},
		{"max-age=0", 53 * time.Second, 61 * time.Second},
		{"max-age=100000000", 21 * time.Hour, 24*time.Hour + time.Minute},
		{"max-age=x", 539 * time.Second, 601 * time.Second},
		{"no-cache", 539 * time.Second, 601 * time.Second},
	} {
		inWorld(t, func(c *token.RemoteConfig) { c.Stale = 72 * time.Hour },
			answers(200, jwks(t, map[string]token.Key{"a": rsaKey}), "Cache-Control", row.header), func(w *world) {
				text := w.signedBy("a", rsaKey)
				w.ask("at first", text, "good", 1)
				time.Sleep(row.least - time.Second)
				w.ask(row.header+": not yet", text, "good", 1)
				time.Sleep(row.most - row.least + time.Second)
				says(t, row.header, w, text, background(), "good")
				synctest.Wait()
				if n := w.count(); n != 2 {
					t.Errorf("%s: after %v there were %d fetches; want 2", row.header, row.most, n)
				}
			})
	}
}

func TestKeysThatHaveNotChangedAreNotSentAgain(t *testing.T) {
	t.Parallel()
	set := jwks(t, map[string]token.Key{"a": rsaKey})
	answer := func(r *call.Request) (*call.Response, error) {
		if r.Header.Get("If-None-Match") == `"one"` {
			return answers(304, "")(r)
		}
		return answers(200, set, "ETag", `"one"`)(r)
	}
	inWorld(t, nil, answer, func(w *world) {
		text := w.signedBy("a", rsaKey)
		w.ask("at first", text, "good", 1)
		for n := range 200 { // longer than stale
			time.Sleep(601 * time.Second)
			says(t, "later", w, text, background(), "good")
			time.Sleep(time.Second)
			if w.count() != n+2 {
				t.Fatalf("after %d refreshes there were %d fetches", n+1, w.count())
			}
		}
	})
}
