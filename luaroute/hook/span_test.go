package hook

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// recorded is a span that keeps its events.
type recorded struct {
	noop.Span
	off    bool
	events []string
}

func (r *recorded) IsRecording() bool { return !r.off }

func (r *recorded) AddEvent(name string, options ...trace.EventOption) {
	c := trace.NewEventConfig(options...)
	for _, a := range c.Attributes() {
		name += fmt.Sprintf(" %s=%s", a.Key, a.Value.String())
	}
	r.events = append(r.events, name)
}

func TestFailuresOfScriptsAreEventsOfTheSpanWithoutWhatTheySaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		at   string
		want string
	}{
		{errors.New("secret words"), "main.lua:3", "luaroute.script_error luaroute.script=main.lua:3"},
		{errors.New("secret words"), "", "luaroute.script_error"},
		{fmt.Errorf("x: %w", vm.ErrBudget), "main.lua:3", "luaroute.budget luaroute.script=main.lua:3 luaroute.limit=cpu"},
		{vm.ErrBusy, "", "luaroute.budget luaroute.limit=queue"},
	} {
		span := new(recorded)
		tellSpan(trace.ContextWithSpan(context.Background(), span), c.err, c.at)
		if len(span.events) != 1 || span.events[0] != c.want {
			t.Errorf("%v: the events are %q; want %q", c.err, span.events, c.want)
		}
	}
	span := &recorded{off: true}
	tellSpan(trace.ContextWithSpan(context.Background(), span), errors.New("x"), "main.lua:3")
	if len(span.events) > 0 {
		t.Errorf("a span that is not recorded has %q", span.events)
	}
	tellSpan(context.Background(), errors.New("x"), "main.lua:3")
}
