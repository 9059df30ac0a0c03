package hook

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Events of the span of a request.
const (
	eventError  = "luaroute.script_error"
	eventBudget = "luaroute.budget"
)

// begin begins the span of a function, if functions have one and that of the request is recorded. The caller ends it with the error of the call.
func (s *session) begin(at origin.Origin) (end func(error)) {
	if !s.vms.Spans || s.ex == nil {
		return func(error) {}
	}
	ctx := s.ex.R.Context()
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return func(error) {}
	}
	place := at.String()
	_, span := parent.TracerProvider().Tracer("luaroute").Start(ctx, "luaroute "+place, trace.WithAttributes(attribute.String("luaroute.script", place)))
	return func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// tellSpan adds a failure of a script to the span of its request, if that is recorded: where it happened, and which limit was reached. What the
// script said is for the log alone.
func tellSpan(ctx context.Context, err error, at string) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	var attributes []attribute.KeyValue
	if at != "" {
		attributes = append(attributes, attribute.String("luaroute.script", at))
	}
	name := eventError
	if limit := vm.LimitOf(err); limit != "" {
		name = eventBudget
		attributes = append(attributes, attribute.String("luaroute.limit", limit))
	}
	span.AddEvent(name, trace.WithAttributes(attributes...))
}
