// Package simulate asks a table about simulated requests.
package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/overlay"
)

// Check compares what scripts expect of a table with what it does. The error names the script and line of the first
// expectation that is not met.
func Check(table *routing.Table, expectations []declare.Expectation) error {
	for _, e := range expectations {
		r, err := e.Request.HTTP()
		if err != nil {
			return e.Origin.Errorf("expect: %w", err)
		}
		d := explain.Decide(table, r.WithContext(limit.AssumeWhole(overlay.NewRun(nil).In(r.Context()))), true)
		if wrong := differences(e.Outcome, d); len(wrong) > 0 {
			return e.Origin.Errorf("expect: %s %s: %s%s", r.Method, e.Request.Path, strings.Join(wrong, ", "), because(d))
		}
	}
	return nil
}

// differences says where a decision is not the outcome that was expected.
func differences(want declare.Outcome, got explain.Decision) []string {
	var wrong []string
	text := func(name string, want *string, got string) {
		if want != nil && *want != got {
			wrong = append(wrong, fmt.Sprintf("%s is %s, expected %s", name, quoted(got), quoted(*want)))
		}
	}
	text("tenant", want.Tenant, got.Tenant)
	text("route", want.Route, got.Route)
	text("pattern", want.Pattern, got.Pattern)
	text("pool", want.Pool, got.Pool)
	if want.Status != 0 && want.Status != got.Status {
		wrong = append(wrong, fmt.Sprintf("status is %s, expected %d", statusOf(got), want.Status))
	}
	if want.Next != nil && *want.Next != got.Next {
		wrong = append(wrong, fmt.Sprintf("next is %v, expected %v", got.Next, *want.Next))
	}
	for _, name := range slices.Sorted(maps.Keys(want.Params)) {
		value, ok := got.Params[name]
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("there is no param %s, expected %q", name, want.Params[name]))
		case value != want.Params[name]:
			wrong = append(wrong, fmt.Sprintf("param %s is %q, expected %q", name, value, want.Params[name]))
		}
	}
	return wrong
}

func quoted(s string) string {
	if s == "" {
		return "none"
	}
	return fmt.Sprintf("%q", s)
}

func statusOf(d explain.Decision) string {
	if d.Status == 0 {
		return "the upstream's"
	}
	return fmt.Sprint(d.Status)
}

// because adds where the request ended, where that helps.
func because(d explain.Decision) string {
	switch {
	case d.Err != nil:
		return fmt.Sprintf(" (it ended with: %s)", d.Failure)
	case d.Origin.Line != 0:
		return fmt.Sprintf(" (the route at %s took it)", d.Origin)
	case d.Next:
		return " (no route took it)"
	}
	return ""
}
