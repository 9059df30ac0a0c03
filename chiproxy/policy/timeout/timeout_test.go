package timeout_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/timeout"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const limit = time.Second

func policy(body bool) *timeout.Policy {
	return timeout.New(limit, body, origin.Origin{})
}

// waits waits until a time has passed or the context has ended, and returns whether it was the context.
func waits(ex *chiproxy.Exchange, least time.Duration) bool {
	select {
	case <-time.After(least):
		return false
	case <-ex.R.Context().Done():
		return true
	}
}

func TestAnAnswerHasToBeginInTime(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(*chiproxy.Exchange) error
		body   bool
		status int
		text   string
		took   time.Duration
	}{
		"in time": {func(ex *chiproxy.Exchange) error {
			waits(ex, limit/2)
			_, err := io.WriteString(ex.W, "ok")
			return err
		}, false, 200, "ok", limit / 2},
		"without a word": {func(ex *chiproxy.Exchange) error { waits(ex, limit/2); return nil }, false, 200, "", limit / 2},
		"a header in time, and a long body": {func(ex *chiproxy.Exchange) error {
			_ = http.NewResponseController(ex.W).Flush()
			if waits(ex, 10*limit) {
				return errors.New("the stream was cut off")
			}
			_, err := io.WriteString(ex.W, "event")
			return err
		}, false, 200, "event", 10 * limit},
		"an upgrade in time, and a long stream": {func(ex *chiproxy.Exchange) error {
			ex.W.WriteHeader(http.StatusSwitchingProtocols)
			if waits(ex, 10*limit) {
				return errors.New("the stream was cut off")
			}
			return nil
		}, false, 101, "", 10 * limit},
		"a long body, with the body": {func(ex *chiproxy.Exchange) error {
			_, _ = io.WriteString(ex.W, "begin ")
			if waits(ex, 10*limit) {
				_, _ = io.WriteString(ex.W, "cut")
			}
			return nil
		}, true, 200, "begin cut", limit},
		"too late, by the context": {func(ex *chiproxy.Exchange) error {
			waits(ex, 10*limit)
			return caddyhttp.Error(502, context.Cause(ex.R.Context()))
		}, false, 504, "", limit},
		"too late, and as if the client had left": {func(ex *chiproxy.Exchange) error {
			waits(ex, 10*limit)
			ex.W.WriteHeader(499)
			return nil
		}, false, 504, "", limit},
		"too late, without a look at the context": {func(ex *chiproxy.Exchange) error {
			time.Sleep(2 * limit)
			_, err := io.WriteString(ex.W, "late")
			if err == nil {
				return errors.New("the answer was sent")
			}
			_, err = ex.W.(io.ReaderFrom).ReadFrom(strings.NewReader("late"))
			if flushed := http.NewResponseController(ex.W).Flush(); err == nil || flushed == nil {
				return errors.New("the answer was sent")
			}
			_, _, err = http.NewResponseController(ex.W).Hijack()
			return err
		}, false, 504, "", 2 * limit},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			table := policytest.Table(t, policytest.Action(c.answer), policy(c.body))
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				w := policytest.Serve(table, policytest.Request(method, "/items/1"))
				if took := time.Since(started); w.Code != c.status || w.Body.String() != c.text || took != c.took {
					t.Errorf("%s %s: %d %q after %s, expected %d %q after %s", method, name, w.Code, w.Body, took, c.status, c.text, c.took)
				}
			})
		}
	}
}

func TestAnInformationalResponseIsNoAnswer(t *testing.T) {
	table := policytest.Table(t, policytest.Action(func(ex *chiproxy.Exchange) error {
		ex.W.WriteHeader(http.StatusEarlyHints)
		waits(ex, 10*limit)
		return nil
	}), policy(false))
	synctest.Test(t, func(t *testing.T) {
		d := explain.Decide(table, policytest.Request("GET", "/items/1"), true) // whose writer passes them over
		if c := d.Answers(); d.Status != 504 || c == nil || c.Middleware[0].Verdict != explain.StepPassed {
			t.Errorf("%d %+v", d.Status, c)
		}
	})
}

func tableOf(t testing.TB, s chiproxy.Scope) *routing.Table {
	t.Helper()
	return policytest.Build(t, chiproxy.Spec{Default: chiproxy.Tenant{Root: s}})
}

func TestWhatAnswersATimeoutKnowsWhatItIsAndHasTimeItself(t *testing.T) {
	var failed *chiproxy.Failure
	slow := policytest.Action(func(ex *chiproxy.Exchange) error {
		ex.SetVar("seen", "yes")
		waits(ex, 10*limit)
		return nil
	})
	table := tableOf(t, chiproxy.Scope{
		Middleware: []chiproxy.Middleware{policy(false)},
		Items:      []chiproxy.Item{{Route: &chiproxy.Route{Pattern: "/x", Name: "x", Action: slow}}},
		Failed: &chiproxy.Answer{Action: policytest.Action(func(ex *chiproxy.Exchange) error {
			failed = ex.Failure()
			if waits(ex, 3*limit) || caddyhttp.GetVar(ex.R.Context(), "seen") != "yes" {
				return errors.New("the context is that of what was late")
			}
			ex.W.WriteHeader(failed.Status)
			return nil
		})},
	})
	synctest.Test(t, func(t *testing.T) {
		if w := policytest.Serve(table, policytest.Request("GET", "/x")); w.Code != 504 {
			t.Errorf("%d", w.Code)
		}
	})
	if failed == nil || failed.Kind != failure.Upstream || failed.Reason != failure.Timeout || failed.Route != "x" {
		t.Errorf("the error is %+v", failed)
	}
}

func TestWhatDeclinesInTimeLeavesItsTimeToTheNext(t *testing.T) {
	next := policytest.Action(func(ex *chiproxy.Exchange) error {
		if waits(ex, 10*limit) {
			return errors.New("the next one has no time")
		}
		ex.W.WriteHeader(200)
		return nil
	})
	table := tableOf(t, chiproxy.Scope{Items: []chiproxy.Item{
		{Scope: &chiproxy.Scope{Middleware: []chiproxy.Middleware{policy(false)}, Items: []chiproxy.Item{{Route: &chiproxy.Route{Pattern: "/x", Action: chiproxy.Decline{}}}}}},
		{Route: &chiproxy.Route{Pattern: "/*", Action: next}},
	}})
	synctest.Test(t, func(t *testing.T) {
		if w := policytest.Serve(table, policytest.Request("GET", "/x")); w.Code != 200 {
			t.Errorf("%d", w.Code)
		}
	})
}

func TestExplainShowsTheTime(t *testing.T) {
	table := policytest.Table(t, policytest.Answer(200), policy(false), policy(true))
	steps := policytest.Explain(table, policytest.Request("GET", "/items/1"))
	if len(steps) != 2 || steps[0].Middleware != "timeout 1s" || steps[1].Middleware != "timeout 1s with the body" || steps[1].Verdict != explain.StepPassed {
		t.Errorf("explain says %+v", steps)
	}
}

func BenchmarkPolicy(b *testing.B) {
	policytest.Benchmark(b, nil, map[string][]chiproxy.Middleware{"with": {policy(false)}, "without": nil})
}
