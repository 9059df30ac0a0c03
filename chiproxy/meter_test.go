package chiproxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// stopwatch is a meter that measures, and refuses when it is told to.
type stopwatch struct {
	started, stopped int
	works            []int64
	refuses          error
	paused           int
	ends             error // what Pause returns
}

func (s *stopwatch) Start(_ context.Context, u *Usage, w Work) error {
	if s.refuses != nil {
		return s.refuses
	}
	s.started++
	s.works = append(s.works, w.Steps)
	u.Since = time.Now()
	return nil
}

func (s *stopwatch) Pause(_ context.Context, u *Usage, _ Work) error {
	s.paused++
	if s.ends != nil {
		s.Stop(u)
	}
	return s.ends
}

func (s *stopwatch) Stop(u *Usage) {
	s.stopped++
	u.Ran += time.Since(u.Since)
	u.Since = time.Time{}
}

// slowMatcher is a matcher that takes a second, and then panics if it is told to.
type slowMatcher struct{ panics bool }

func (m slowMatcher) MatchWithError(*http.Request) (bool, error) {
	time.Sleep(time.Second)
	if m.panics {
		panic("a panic")
	}
	return true, nil
}

// atHeader is the writer of a module that works for so long when the header leaves.
type atHeader struct {
	http.ResponseWriter
	works time.Duration
}

func (w atHeader) WriteHeader(status int) {
	time.Sleep(w.works)
	w.ResponseWriter.WriteHeader(status)
	time.Sleep(time.Hour) // it is on its way
}

// held is a writer that works for a second, and does not send the header.
type held struct{ http.ResponseWriter }

func (held) WriteHeader(int) { time.Sleep(time.Second) }

// TestTheTimeOfAModuleCountsUntilOthersMayKeepItWaiting lets modules sleep instead of work: a second where it counts, an hour where it does not.
func TestTheTimeOfAModuleCountsUntilOthersMayKeepItWaiting(t *testing.T) {
	t.Parallel()
	handler := func(serve moduleFunc) func(*Exchange, *stopwatch) error {
		return func(ex *Exchange, watch *stopwatch) error {
			_, err := Module{Handler: serve, Meter: watch}.Handle(ex, func() (Verdict, error) {
				time.Sleep(time.Hour)
				return Done, nil
			})
			return err
		}
	}
	answer := func(how func(http.ResponseWriter)) moduleFunc {
		return func(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
			time.Sleep(time.Second)
			how(w)
			time.Sleep(time.Hour) // the client is slow
			return nil
		}
	}
	for name, row := range map[string]struct {
		run  func(*Exchange, *stopwatch) error
		want time.Duration
	}{
		"a matcher": {func(ex *Exchange, watch *stopwatch) error {
			_, err := (&Matcher{Matcher: slowMatcher{}, Meter: watch}).Allow(ex)
			return err
		}, time.Second},
		"a matcher that panics": {func(ex *Exchange, watch *stopwatch) (err error) {
			defer func() { _ = recover() }()
			_, err = (&Matcher{Matcher: slowMatcher{panics: true}, Meter: watch}).Allow(ex)
			return err
		}, time.Second},
		"two after another": {func(ex *Exchange, watch *stopwatch) error {
			m := &Matcher{Matcher: slowMatcher{}, Meter: watch}
			_, err := m.Allow(ex)
			_, again := m.Allow(ex)
			return errors.Join(err, again)
		}, 2 * time.Second},
		"a handler before it hands on": {handler(func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
			time.Sleep(time.Second)
			err := next.ServeHTTP(w, r)
			time.Sleep(time.Hour)
			return err
		}), time.Second},
		"a handler that fails": {handler(func(http.ResponseWriter, *http.Request, caddyhttp.Handler) error {
			time.Sleep(time.Second)
			return nil
		}), time.Second},
		"a handler that answers":         {handler(answer(func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) })), time.Second},
		"a handler that writes":          {handler(answer(func(w http.ResponseWriter) { _, _ = w.Write(nil) })), time.Second},
		"a handler that copies a reader": {handler(answer(func(w http.ResponseWriter) { _, _ = io.Copy(w, struct{ io.Reader }{strings.NewReader("x")}) })), time.Second},
		"a handler as the answer": {func(ex *Exchange, watch *stopwatch) error {
			ex.Next = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { time.Sleep(time.Hour); return nil })
			_, err := Module{Handler: moduleFunc(func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
				time.Sleep(time.Second)
				return next.ServeHTTP(w, r)
			}), Meter: watch}.Do(ex)
			return err
		}, time.Second},
		"a handler that answers an error": {func(ex *Exchange, watch *stopwatch) error {
			ex.err = errors.New("an error")
			_, err := Module{Handler: answer(func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }), Meter: watch}.Do(ex)
			return err
		}, time.Second},
		"a handler with expressions, as the header of the response leaves": {func(ex *Exchange, watch *stopwatch) error {
			_, err := Module{Handler: moduleFunc(func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
				time.Sleep(time.Second)
				return next.ServeHTTP(atHeader{w, time.Second}, r)
			}), Meter: watch, Expressions: Expressions{Steps: 1}}.Handle(ex, func() (Verdict, error) {
				time.Sleep(time.Hour)
				ex.W.WriteHeader(http.StatusOK)
				return Done, nil
			})
			return err
		}, 2 * time.Second},
		"a handler with expressions that holds the header back": {func(ex *Exchange, watch *stopwatch) error {
			_, err := Module{Handler: moduleFunc(func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
				return next.ServeHTTP(held{w}, r)
			}), Meter: watch, Expressions: Expressions{Steps: 1}}.Handle(ex, func() (Verdict, error) {
				ex.W.WriteHeader(http.StatusOK)
				time.Sleep(time.Hour) // an upstream is slow
				return Done, nil
			})
			return err
		}, time.Second},
		"a handler with expressions around what fails, whose error somebody else answers": {func(ex *Exchange, watch *stopwatch) error {
			ex.record() // as all requests of tables do
			_, err := Module{Handler: moduleFunc(func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
				time.Sleep(time.Second)
				return next.ServeHTTP(atHeader{w, time.Second}, r)
			}), Meter: watch, Expressions: Expressions{Steps: 1}}.Handle(ex, func() (Verdict, error) { return Done, errors.New("an error") })
			if err == nil {
				return errors.New("it did not fail")
			}
			ex.W.WriteHeader(http.StatusInternalServerError)
			time.Sleep(time.Hour) // the client is slow
			return nil
		}, time.Second},
		"a handler that flushes inside of one with expressions": {func(ex *Exchange, watch *stopwatch) error {
			_, err := Module{Handler: moduleFunc(func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
				return next.ServeHTTP(atHeader{w, time.Second}, r)
			}), Meter: watch, Expressions: Expressions{Steps: 1}}.Handle(ex, func() (Verdict, error) {
				return Module{Handler: answer(func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }), Meter: watch}.Handle(ex, nil)
			})
			return err
		}, 2 * time.Second},
		"a handler with expressions as the answer": {func(ex *Exchange, watch *stopwatch) error {
			ex.Next = caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
				time.Sleep(time.Hour)
				w.WriteHeader(http.StatusOK)
				return nil
			})
			_, err := Module{Handler: moduleFunc(func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
				time.Sleep(time.Second)
				return next.ServeHTTP(atHeader{w, time.Second}, r)
			}), Meter: watch, Expressions: Expressions{Steps: 1}}.Do(ex)
			return err
		}, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				watch := &stopwatch{}
				w := httptest.NewRecorder()
				ex := exchangeOf(w, prepared(w, get("/")), nil)
				if err := row.run(ex, watch); err != nil {
					t.Fatal(err)
				}
				if ex.metered.Ran != row.want || watch.started != watch.stopped {
					t.Errorf("%v were counted, with %d starts and %d stops; want %v", ex.metered.Ran, watch.started, watch.stopped, row.want)
				}
			})
		})
	}
}

func TestAModuleWhoseTimeIsOverDoesNotRun(t *testing.T) {
	t.Parallel()
	over := &stopwatch{refuses: &HookError{Err: errors.New("over"), Budget: true}}
	never := moduleFunc(func(http.ResponseWriter, *http.Request, caddyhttp.Handler) error { t.Error("it ran"); return nil })
	ex := exchangeOf(httptest.NewRecorder(), get("/"), nil)
	_, handled := Module{Handler: never, Meter: over}.Handle(ex, nil)
	_, done := Module{Handler: never, Meter: over}.Do(ex)
	allowed, matched := (&Matcher{Meter: over}).Allow(ex)
	if !errors.Is(handled, over.refuses) || !errors.Is(done, over.refuses) || !errors.Is(matched, over.refuses) || allowed {
		t.Errorf("got %v, %v, %v, %t", handled, done, matched, allowed)
	}
}

func TestAResponseWhoseHeaderIsTooMuchForTheExpressionsBehindItIsAnError(t *testing.T) {
	t.Parallel()
	watch := &stopwatch{}
	ex := exchangeOf(httptest.NewRecorder(), get("/"), nil)
	changed := false
	_, err := Module{Handler: moduleFunc(func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
		return next.ServeHTTP(headerFunc{w, func() { changed = true }}, r)
	}), Meter: watch, Expressions: Expressions{Steps: 10}}.Handle(ex, func() (Verdict, error) {
		watch.refuses = &HookError{Err: errors.New("over"), Budget: true}
		ex.W.Header().Set("X", strings.Repeat("x", 1000))
		ex.W.WriteHeader(http.StatusOK)
		return Done, nil
	})
	if hook, _ := errors.AsType[*HookError](err); hook == nil || changed {
		t.Errorf("got %v; the handler changed the header: %t", err, changed)
	}
}

// headerFunc calls a function when the header leaves.
type headerFunc struct {
	http.ResponseWriter
	leaves func()
}

func (w headerFunc) WriteHeader(status int) { w.leaves(); w.ResponseWriter.WriteHeader(status) }

func TestTheWorkOfExpressionsIsTheirInstructionsForEachByteThatTheyMayMatch(t *testing.T) {
	t.Parallel()
	const request = len("X12345") + len("h") + len("/ab?c") + len("/ab") + len("c")
	const response, variables = len("Y678"), len("text")
	const size = request + response + variables
	for _, row := range []struct {
		of   Expressions
		want int
	}{
		{Expressions{}, 0},
		{Expressions{Text: 100, Placeholders: 1}, 0},
		{Expressions{Steps: 3}, 3 * size},
		{Expressions{Steps: 3, Text: 100}, 3 * (size + 100)},
		{Expressions{Steps: 3, Placeholders: 2}, 3 * 3 * size},
		{Expressions{Steps: 3, Placeholders: 1 << 30}, 3 * (size + maxPlaceholders)},
		{Expressions{Steps: 3, Text: 100, Placeholders: 1, Growth: 64}, 3 * 64 * (2*size + 100)},
	} {
		watch := &stopwatch{}
		w := httptest.NewRecorder()
		r := prepared(w, httptest.NewRequest(http.MethodGet, "/ab?c", nil))
		r.Host, r.Header = "h", http.Header{"X": {"12", "345"}}
		w.Header()["Y"] = []string{"678"}
		clear(varsOf(r))
		varsOf(r)["v"] = "text"
		ex := exchangeOf(w, r, nil)
		if _, err := (&Matcher{Matcher: anyRequest{}, Meter: watch, Expressions: row.of}).Allow(ex); err != nil {
			t.Fatal(err)
		}
		if got := watch.works[0]; got != int64(row.want) {
			t.Errorf("%+v: got %d, want %d", row.of, got, row.want)
		}
	}
}

// anyRequest matches any request.
type anyRequest struct{}

func (anyRequest) MatchWithError(*http.Request) (bool, error) { return true, nil }
