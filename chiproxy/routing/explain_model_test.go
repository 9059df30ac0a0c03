package routing_test

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
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
)

// explained is what serving does with a request, in the words of both.
type explained struct {
	outcome string   // done, next, 404, 405 and its methods
	log     []string // of the hooks, without Caddy's handlers that answer
	module  string   // the handler of Caddy's that answered
}

// served sends a request to the table, and returns whose turn it was.
func served(t testing.TB, c *routing.ModelCase, r *http.Request, seed uint64) (explained, []routing.Turn) {
	t.Helper()
	table, log := c.In(seed)
	w := httptest.NewRecorder()
	out := explained{outcome: "done"}
	ctx := context.WithValue(t.Context(), caddyhttp.VarsCtxKey, map[string]any{})
	begun := &routing.Begun{}
	walk, err := table.Walk(w, r.Clone(ctx), caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		out.outcome = "next"
		return nil
	}), begun)
	if err != nil {
		t.Fatal(err)
	}
	defer walk.End()
	if he, ok := errors.AsType[caddyhttp.HandlerError](walk.Run()); ok {
		out.outcome = refusal(he.StatusCode, w.Header().Get("Allow"))
	}
	out.log = log()
	if n := len(out.log); n > 0 && strings.HasPrefix(out.log[n-1], "module ") {
		out.module, out.log = strings.TrimPrefix(out.log[n-1], "module "), out.log[:n-1]
	}
	return out, begun.Turns
}

func refusal(status int, allow string) string {
	if status == http.StatusMethodNotAllowed {
		return "405 " + allow
	}
	return fmt.Sprint(status)
}

// said is a decision in the same words.
func said(d explain.Decision, log []string) explained {
	out := explained{outcome: "done", log: log, module: d.Handler}
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
		c := routing.NewModelCase(uint64(seed))
		if c == nil {
			continue
		}
		for range 15 {
			r, rolls := c.Request()
			real, turns := served(t, c, r, rolls)
			whole, log := decided(t, c, r, rolls, true)
			if got := said(whole, log); !got.equal(real) {
				t.Fatalf("specification %d: %s %s%s %v\n served    %+v\n explained %+v%s", seed, r.Method, r.Host, r.URL, r.Header, real, got, c.Dump())
			}
			if turn := unlisted(turns, whole.Candidates); turn != nil {
				t.Fatalf("specification %d: %s %s%s: %s was asked, and is not in its turn in %+v%s", seed, r.Method, r.Host, r.URL, turn.Origin(), whole.Candidates, c.Dump())
			}
			guarded, log := decided(t, c, r, rolls, false)
			if got := said(guarded, log); guarded.Stops == "" && !got.equal(real) {
				t.Fatalf("specification %d, without run: %s %s%s %v\n served    %+v\n explained %+v%s", seed, r.Method, r.Host, r.URL, r.Header, real, got, c.Dump())
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

// unlisted returns a turn that is not listed in order as one that was asked, nil if all are.
func unlisted(turns []routing.Turn, list []explain.Candidate) *routing.Turn {
	kinds := map[routing.TurnKind]string{routing.TurnRoute: explain.KindRoute, routing.TurnScope: explain.KindScope, routing.TurnMissed: explain.KindMissed}
	for _, turn := range turns {
		if turn.Kind == routing.TurnGuards {
			continue
		}
		i := slices.IndexFunc(list, func(c explain.Candidate) bool {
			switch c.Fate {
			case explain.FateMethod, explain.FateLayer, explain.FateUnasked:
				return false
			}
			if turn.Kind == routing.TurnFallback {
				return c.Kind == explain.KindFallback || c.Kind == explain.KindUsePool
			}
			return c.Kind == kinds[turn.Kind] && (turn.Route() == nil || turn.Route().Name == c.Route && turn.Pattern() == c.Pattern)
		})
		if i < 0 {
			return &turn
		}
		list = list[i+1:]
	}
	return nil
}

// decided explains a request, and checks that the list of candidates tells the same as what was asked.
func decided(t testing.TB, c *routing.ModelCase, r *http.Request, seed uint64, run bool) (explain.Decision, []string) {
	t.Helper()
	table, read := c.In(seed)
	d := explain.Decide(table, r.Clone(t.Context()), run)
	log := read()
	for _, line := range log {
		if !run && !strings.HasPrefix(line, "guard ") || strings.HasPrefix(line, "module ") {
			t.Fatalf("explaining has run %s", line)
		}
	}
	over := false
	guards := 0
	for _, cand := range d.Candidates {
		end := cand.Fate == explain.FateTaken || cand.Fate == explain.FateFailed || cand.Fate == explain.FateDecides
		if over != (cand.Fate == explain.FateUnasked) || cand.Fate == "" {
			t.Fatalf("%s %s%s: a candidate is %q, and over is %v: %+v%s", r.Method, r.Host, r.URL, cand.Fate, over, d.Candidates, c.Dump())
		}
		over = over || end
		for _, g := range cand.Guards {
			if !g.Layer && g.Verdict != explain.CheckUnasked && g.Guard == "unknown" {
				guards++
			}
		}
	}
	if logged := strings.Count(strings.Join(log, "\n")+"\n", "guard "); guards > logged {
		t.Fatalf("%d guards are said to be asked; %d were", guards, logged)
	}
	if answered := d.Answers(); answered != nil && d.Route != answered.Route {
		t.Fatalf("the decision is for route %q, the candidate for %q", d.Route, answered.Route)
	} else if answered == nil && d.Handler != "" {
		t.Fatal("a handler answers, and no candidate does")
	}
	return d, log
}
