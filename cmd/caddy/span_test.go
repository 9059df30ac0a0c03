package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func init() {
	caddy.RegisterModule(spanner{})
	httpcaddyfile.RegisterHandlerDirective("e2e_span", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		h.Next()
		return spanner{}, nil
	})
}

// spanner is a handler that traces requests as Caddy's tracing does, and keeps their spans.
type spanner struct{}

// CaddyModule returns the Caddy module information.
func (spanner) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.e2e_span", New: func() caddy.Module { return spanner{} }}
}

// span is one that is recorded.
type span struct {
	noop.Span
	mu   sync.Mutex
	said []string
}

func (s *span) IsRecording() bool { return true }

func (s *span) SpanContext() trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled})
}

func (s *span) say(name string, attributes []attribute.KeyValue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range attributes {
		name += fmt.Sprintf(" %s=%s", a.Key, a.Value.String())
	}
	s.said = append(s.said, name)
}

// TracerProvider makes spans of functions, which this one notes.
func (s *span) TracerProvider() trace.TracerProvider { return provider{of: s} }

type provider struct {
	noop.TracerProvider
	of *span
}

func (p provider) Tracer(string, ...trace.TracerOption) trace.Tracer { return tracer{of: p.of} }

type tracer struct {
	noop.Tracer
	of *span
}

func (t tracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	c := trace.NewSpanStartConfig(options...)
	t.of.say("span "+name, c.Attributes())
	return ctx, inner{of: t.of}
}

// inner is the span of a function.
type inner struct {
	noop.Span
	of *span
}

func (i inner) SetStatus(code codes.Code, why string) {
	if code == codes.Error {
		i.of.say("span failed"+why, nil)
	}
}

func (s *span) SetAttributes(attributes ...attribute.KeyValue) { s.say("attributes", attributes) }

func (s *span) AddEvent(name string, options ...trace.EventOption) {
	c := trace.NewEventConfig(options...)
	s.say(name, c.Attributes())
}

// spans are those of the requests, with the pattern that they left in the request, in the order in which they ended.
var spans = make(chan []string, 10)

func (spanner) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	s := new(span)
	r = r.WithContext(trace.ContextWithSpan(r.Context(), s))
	err := next.ServeHTTP(w, r)
	spans <- append(s.said, "pattern "+r.Pattern)
	return err
}

func TestTheSpanOfARequestTellsItsRouteAndFailures(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.File("main.lua", c.Expand(`local route = require("luaroute")
		route:pool("app", { "$app" })
		route:tenant("acme", { path_prefix = "/acme" }, function(acme) acme:get("/items/{id}", { name = "item" }, "app") end)
		route:get("/fails", function() error("secret words") end)
		route:get("/loops", function() while true do end end)
		route:get("/plain", { status = 204 })`))
	c.Start(`http:// {
		route {
			e2e_span
			luaroute {
				script $dir/main.lua
			}
		}
	}`)
	for _, ask := range []struct {
		path string
		want []string
	}{
		{"/acme/items/7", []string{
			"attributes luaroute.instance=main luaroute.tenant=acme luaroute.outcome=proxied luaroute.route=item luaroute.pool=app http.route=/acme/items/{id}",
			"pattern /acme/items/{id}",
		}},
		{"/fails", []string{
			"luaroute.script_error luaroute.script=$dir/main.lua:4",
			"attributes luaroute.instance=main luaroute.tenant= luaroute.outcome=error http.route=/fails", "pattern /fails",
		}},
		{"/loops", []string{
			"luaroute.budget luaroute.script=$dir/main.lua:5 luaroute.limit=cpu",
			"attributes luaroute.instance=main luaroute.tenant= luaroute.outcome=budget http.route=/loops", "pattern /loops",
		}},
		{"/plain", []string{"attributes luaroute.instance=main luaroute.tenant= luaroute.outcome=responded http.route=/plain", "pattern /plain"}},
		{"/none", []string{"attributes luaroute.instance=main luaroute.tenant= luaroute.outcome=declined", "pattern "}},
	} {
		c.Get(ask.path)
		got := <-spans
		for i := range ask.want {
			ask.want[i] = c.Expand(ask.want[i])
		}
		if !slices.Equal(got, ask.want) {
			t.Errorf("%s: the span is\n%s\nwant\n%s", ask.path, strings.Join(got, "\n"), strings.Join(ask.want, "\n"))
		}
	}
}
