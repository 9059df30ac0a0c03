package fault_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/fault"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func build(t testing.TB, o fault.Options) *fault.Policy {
	t.Helper()
	p, err := fault.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func header(name string) chiproxy.Guard {
	return &chiproxy.DataGuard{Conditions: []chiproxy.Condition{{In: chiproxy.InHeader, Name: name}}}
}

// broken is a guard that fails.
type broken struct{}

func (broken) Allow(*chiproxy.Exchange) (bool, error) { return false, errors.New("broken") }

func TestRequestsFailOrWait(t *testing.T) {
	for _, c := range []struct {
		name    string
		options fault.Options
		header  []string
		status  int
		took    time.Duration
		fault   string
		outcome telemetry.Outcome
	}{
		{"a status", fault.Options{Percent: 100, Status: 503}, nil, 503, 0, "503", telemetry.Refused},
		{"a delay", fault.Options{Percent: 100, Delay: time.Minute}, nil, 200, time.Minute, "after 1m0s", telemetry.Responded},
		{"both", fault.Options{Percent: 100, Status: 504, Delay: time.Minute}, nil, 504, time.Minute, "504 after 1m0s", telemetry.Refused},
		{"none of them", fault.Options{Percent: 0, Status: 503, Delay: time.Minute}, nil, 200, 0, "", telemetry.Responded},
		{"a guard that allows", fault.Options{Percent: 100, Status: 503, When: []chiproxy.Guard{header("X-Test")}}, []string{"X-Test", "1"}, 503, 0, "503", telemetry.Refused},
		{"a guard that does not", fault.Options{Percent: 100, Status: 503, When: []chiproxy.Guard{header("X-Test")}}, nil, 200, 0, "", telemetry.Responded},
		{"a guard that fails", fault.Options{Percent: 100, Status: 503, When: []chiproxy.Guard{broken{}}}, nil, 500, 0, "", telemetry.Failed},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			table := policytest.Table(t, policytest.Answer(200), build(t, c.options))
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				var report chiproxy.Report
				w := httptest.NewRecorder()
				err := table.ServeReporting(w, policytest.From(policytest.Request(method, "/items/1", c.header...), policytest.Client), nil, &report)
				status := w.Code
				if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
					status = failed.StatusCode
				} else if err != nil {
					status = 500
				}
				took := time.Since(started)
				if status != c.status || took != c.took || report.Fault != c.fault || report.Outcome != c.outcome {
					t.Errorf("%s: %d after %s, fault %q, outcome %s", c.name, status, took, report.Fault, report.Outcome)
				}
			})
		}
	}
}

func TestAShareIsDrawnByChance(t *testing.T) {
	table := policytest.Table(t, policytest.Answer(200), build(t, fault.Options{Percent: 25, Status: 503}))
	failed := 0
	for range 4000 {
		if policytest.Serve(table, policytest.Request("GET", "/items/1")).Code == 503 {
			failed++
		}
	}
	if failed < 850 || failed > 1150 {
		t.Errorf("%d of 4000 have failed, expected some 1000", failed)
	}
}

func TestAClientThatLeavesIsNotWaitedFor(t *testing.T) {
	table := policytest.Table(t, policytest.Answer(200), build(t, fault.Options{Percent: 100, Delay: time.Hour}))
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		started := time.Now()
		w := policytest.Serve(table, policytest.Request("GET", "/items/1").WithContext(ctx))
		if took := time.Since(started); w.Code != 499 || took != time.Second {
			t.Errorf("%d after %s", w.Code, took)
		}
	})
}

func TestExplainNeitherWaitsNorDraws(t *testing.T) {
	guard := []chiproxy.Guard{header("X-Test")}
	for want, o := range map[string]fault.Options{
		"failed 503 after 1h0m0s":     {Percent: 100, Status: 503, Delay: time.Hour},
		"passed after 1h0m0s":         {Percent: 100, Delay: time.Hour},
		"passed by chance":            {Percent: 50, Status: 503},
		"passed not for this request": {Percent: 100, Status: 503, When: guard},
	} {
		table := policytest.Table(t, policytest.Answer(200), build(t, o))
		for range 20 {
			steps := policytest.Explain(table, policytest.Request("GET", "/items/1"))
			if len(steps) != 1 || steps[0].Verdict+" "+steps[0].Note != want {
				t.Fatalf("explain says %+v\nwant %s", steps, want)
			}
		}
	}
	table := policytest.Table(t, policytest.Answer(200), build(t, fault.Options{Percent: 12.5, Status: 503}))
	if steps := policytest.Explain(table, policytest.Request("GET", "/items/1")); steps[0].Middleware != "fault 503 for 12.5 %" || steps[0].Verdict != explain.StepPassed {
		t.Errorf("explain says %+v", steps)
	}
}

func TestWrongOptionsSayWhatIsWrong(t *testing.T) {
	for want, o := range map[string]fault.Options{
		"percent is 101; expected 0 to 100":      {Percent: 101, Status: 503},
		"percent is -1; expected":                {Percent: -1, Status: 503},
		"status is 200; expected that of an err": {Percent: 1, Status: http.StatusOK},
		"expected a status, a delay, or both":    {Percent: 1},
	} {
		if _, err := fault.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func BenchmarkPolicy(b *testing.B) {
	policytest.Benchmark(b, nil, map[string][]chiproxy.Middleware{
		"never": {build(b, fault.Options{Percent: 0, Status: 503})}, "guarded": {build(b, fault.Options{Percent: 100, Status: 503, When: []chiproxy.Guard{header("X-Test")}})},
		"without": nil,
	})
}
