package chiproxy

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/interrupt"
)

// checking is a matcher that can be interrupted, and whose error is not the one that it got, as in an expression.
type checking struct{}

var errChecked = errors.New("the evaluation was cancelled")

func (checking) MatchWithError(r *http.Request) (bool, error) {
	if interrupt.Check(r.Context()) != nil {
		return false, errChecked
	}
	return true, nil
}

// TestAModuleThatChecksLetsOthersGoFirstAndFailsWithWhatEndsIt asks it as a guard, in a handler, and where others keep the handler waiting.
func TestAModuleThatChecksLetsOthersGoFirstAndFailsWithWhatEndsIt(t *testing.T) {
	t.Parallel()
	over := &HookError{Err: errors.New("over"), Budget: true}
	of := Expressions{Interruptible: true}
	handler := func(before bool) Middleware {
		return Module{Handler: moduleFunc(func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
			if before {
				if _, err := (checking{}).MatchWithError(r); err != nil {
					return err
				}
				return nil
			}
			if err := next.ServeHTTP(w, r); err != nil {
				return err
			}
			_, err := checking{}.MatchWithError(r)
			return err
		}), Expressions: of}
	}
	for name, row := range map[string]struct {
		run    func(*Exchange, Meter) error
		pauses int
	}{
		"a guard": {func(ex *Exchange, m Meter) error {
			_, err := (&Matcher{Matcher: checking{}, Meter: m, Expressions: of}).Allow(ex)
			return err
		}, 1},
		"a guard that says that it does not check": {func(ex *Exchange, m Meter) error {
			_, err := (&Matcher{Matcher: checking{}, Meter: m}).Allow(ex)
			return err
		}, 0},
		"a handler": {func(ex *Exchange, m Meter) error {
			h := handler(true).(Module)
			h.Meter = m
			_, err := h.Handle(ex, func() (Verdict, error) { return Done, nil })
			return err
		}, 1},
		"behind what keeps it waiting": {func(ex *Exchange, m Meter) error {
			h := handler(false).(Module)
			h.Meter = m
			_, err := h.Handle(ex, func() (Verdict, error) { return Done, nil })
			return err
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, ends := range []error{nil, over} {
				watch := &stopwatch{ends: ends}
				w := httptest.NewRecorder()
				ex := exchangeOf(w, prepared(w, get("/")), nil)
				err := row.run(ex, watch)
				if want := ends; row.pauses == 0 && err != nil || row.pauses > 0 && !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
				if watch.paused != row.pauses || watch.started != watch.stopped {
					t.Errorf("%d pauses, %d starts and %d stops; want %d pauses", watch.paused, watch.started, watch.stopped, row.pauses)
				}
				if err := row.run(ex, watch); (err != nil) != (ends != nil && row.pauses > 0) || watch.paused != 2*row.pauses {
					t.Errorf("again: got %v, after %d pauses", err, watch.paused)
				}
			}
		})
	}
}

func TestTheModulesOfTwoTenantsPauseOnTheirOwnTime(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	ex := exchangeOf(w, prepared(w, get("/")), nil)
	first, second := new(stopwatch), new(stopwatch)
	for _, m := range []*stopwatch{first, second, second} {
		if _, err := (&Matcher{Matcher: checking{}, Meter: m, Expressions: Expressions{Interruptible: true}}).Allow(ex); err != nil {
			t.Fatal(err)
		}
	}
	if first.paused != 1 || second.paused != 2 {
		t.Errorf("%d and %d pauses, want 1 and 2", first.paused, second.paused)
	}
}
