package chiproxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
)

// explained is what serving does with a request, in the words of both.
type explained struct {
	outcome string   // done, next, 404, 405 and its methods
	log     []string // of the hooks, without Caddy's handlers that answer
	module  string   // the handler of Caddy's that answered
}

// served sends a request to the table.
func (c *modelCase) served(t testing.TB, r *http.Request, seed uint64) explained {
	c.world = &world{seed: seed}
	w := httptest.NewRecorder()
	out := explained{outcome: "done"}
	ctx := context.WithValue(t.Context(), caddyhttp.VarsCtxKey, map[string]any{})
	err := c.table.Serve(w, r.Clone(ctx), caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		out.outcome = "next"
		return nil
	}))
	if he, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
		out.outcome = refusal(he.StatusCode, w.Header().Get("Allow"))
	}
	out.log = c.world.log
	if n := len(out.log); n > 0 && strings.HasPrefix(out.log[n-1], "module ") {
		out.module, out.log = strings.TrimPrefix(out.log[n-1], "module "), out.log[:n-1]
	}
	return out
}

func refusal(status int, allow string) string {
	if status == http.StatusMethodNotAllowed {
		return "405 " + allow
	}
	return fmt.Sprint(status)
}

// said is a decision in the same words.
func (c *modelCase) said(d explain.Decision) explained {
	out := explained{outcome: "done", log: c.world.log, module: d.Handler}
	switch {
	case d.Err != nil:
		out.outcome = refusal(d.Status, strings.Join(d.Allow, ", "))
	case d.Next:
		out.outcome = "next"
	}
	return out
}

func (e explained) equal(o explained) bool {
	return e.outcome == o.outcome && e.module == o.module && slices.Equal(e.log, o.log)
}

// TestExplainAgreesWithReality compares what is explained with what serving does, for random specifications and requests.
func TestExplainAgreesWithReality(t *testing.T) {
	t.Parallel()
	specs := 2500
	if testing.Short() {
		specs = 400
	}
	certain, requests := 0, 0
	for seed := range specs {
		c := newModelCase(uint64(seed))
		if c == nil {
			continue
		}
		for range 15 {
			r, rolls := c.request()
			real := c.served(t, r, rolls)
			whole := c.explain(t, r, rolls, true)
			if got := c.said(whole); !got.equal(real) {
				t.Fatalf("specification %d: %s %s%s %v\n served    %+v\n explained %+v%s", seed, r.Method, r.Host, r.URL, r.Header, real, got, dumpSpec(&c.spec))
			}
			guarded := c.explain(t, r, rolls, false)
			if got := c.said(guarded); guarded.Stops == "" && !got.equal(real) {
				t.Fatalf("specification %d, without run: %s %s%s %v\n served    %+v\n explained %+v%s", seed, r.Method, r.Host, r.URL, r.Header, real, got, dumpSpec(&c.spec))
			}
			if guarded.Stops == "" {
				certain++
			}
			requests++
		}
	}
	if certain < requests/10 {
		t.Errorf("without run, only %d of %d decisions are certain", certain, requests)
	}
	t.Logf("%d requests, %d certain without run", requests, certain)
}

// explain explains a request, and checks that the list of candidates tells the same as what was asked.
func (c *modelCase) explain(t testing.TB, r *http.Request, seed uint64, run bool) explain.Decision {
	t.Helper()
	c.world = &world{seed: seed}
	tr := &trace{run: run}
	d := c.table.explain(r.Clone(t.Context()), tr)
	for _, line := range c.world.log {
		if !run && !strings.HasPrefix(line, "guard ") || strings.HasPrefix(line, "module ") {
			t.Fatalf("explaining has run %s", line)
		}
	}
	for subject, a := range tr.attempts {
		if _, gate := subject.(*gate); !gate && !a.listed {
			t.Fatalf("%T was asked and is not listed", subject)
		}
	}
	over := false
	guards := 0
	for _, cand := range d.Candidates {
		end := cand.Fate == explain.FateTaken || cand.Fate == explain.FateFailed || cand.Fate == explain.FateDecides
		if over != (cand.Fate == explain.FateUnasked) || cand.Fate == "" {
			t.Fatalf("%s %s%s: a candidate is %q, and over is %v: %+v%s", r.Method, r.Host, r.URL, cand.Fate, over, d.Candidates, dumpSpec(&c.spec))
		}
		over = over || end
		for _, g := range cand.Guards {
			if !g.Layer && g.Verdict != explain.CheckUnasked && g.Guard == "unknown" {
				guards++
			}
		}
	}
	if logged := strings.Count(strings.Join(c.world.log, "\n")+"\n", "guard "); guards > logged {
		t.Fatalf("%d guards are said to be asked; %d were", guards, logged)
	}
	if answered := d.Answers(); answered != nil && d.Route != answered.Route {
		t.Fatalf("the decision is for route %q, the candidate for %q", d.Route, answered.Route)
	} else if answered == nil && d.Handler != "" {
		t.Fatal("a handler answers, and no candidate does")
	}
	return d
}
