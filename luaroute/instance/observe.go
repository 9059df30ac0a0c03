package instance

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// watcher decides what requests say of themselves.
type watcher struct {
	always, never bool // the placeholders
	fields, spans bool
	silent        bool // nothing at all
}

func newWatcher(c *config.Instance) watcher {
	t := c.Telemetry
	if t == nil {
		t = &config.Telemetry{}
	}
	o := watcher{fields: t.LogFields != config.Off, spans: t.Spans != config.Off, never: t.Placeholders == config.Off, always: t.Placeholders == config.On || c.Dev != ""}
	if text, err := json.Marshal(c); err == nil && !o.never {
		o.always = o.always || bytes.Contains(text, []byte("{"+declare.AskedName))
	}
	o.silent = !o.always && o.never && !o.fields && !o.spans
	return o
}

// observed is a request that says something of itself. Logs, spans and placeholders read it when the table has served the request, so it is not
// used again for another.
type observed struct {
	chiproxy.Report
	instance *Instance
	trace    telemetry.Trace // see Report.Trace
	unseen   bool            // it is for viewers alone
}

// observedVar is the request variable with the *observed of the outermost luaroute.
const observedVar = "luaroute"

// noSpan is that of a request which nothing traces.
var noSpan = trace.SpanFromContext(context.Background())

// observe returns what a request says of itself, nil for nothing.
func (i *Instance) observe(r *http.Request) *observed {
	if i.watcher.silent {
		return nil
	}
	ctx := r.Context()
	logged := false
	if i.watcher.fields && !i.unlogged.Load() { // to look a server up takes as long as all else here
		server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
		logged = logs(server)
	}
	var span trace.SpanContext
	traced := false
	if around := trace.SpanFromContext(ctx); around != noSpan { // to look at what there is takes twice as long as to find that there is none
		span = around.SpanContext()
		traced = span.IsValid()
	}
	named := !i.watcher.never && (i.watcher.always || i.namedAround.Load() || i.namedInside.Load() || traced)
	if !logged && !named && !traced {
		return nil
	}
	if caddyhttp.GetVar(ctx, observedVar) != nil { // the outer one says more
		return nil
	}
	o := &observed{instance: i}
	if span.IsSampled() {
		o.trace = telemetry.Trace(span.TraceID())
		o.Trace = &o.trace
	}
	caddyhttp.SetVar(ctx, observedVar, o)
	if repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok && named {
		repl.Map(o.placeholder)
	}
	if extra, ok := ctx.Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok && logged {
		extra.Add(zap.Object("luaroute", (*group)(o)))
	}
	return o
}

// logs reports whether a server writes access logs.
func logs(server *caddyhttp.Server) bool { return server != nil && server.Logs != nil }

// report returns the report to fill in, nil for nil.
func (o *observed) report() *chiproxy.Report {
	if o == nil {
		return nil
	}
	return &o.Report
}

// end tells the span what has become of the request.
func (o *observed) end(r *http.Request) {
	if o == nil || o.unseen || !o.instance.watcher.spans {
		return
	}
	span := trace.SpanFromContext(r.Context())
	if !span.IsRecording() {
		return
	}
	route := o.Prefix + o.Pattern
	attributes := []attribute.KeyValue{
		attribute.String("luaroute.instance", o.instance.name), attribute.String("luaroute.tenant", o.Tenant),
		attribute.String("luaroute.outcome", o.Outcome.String()),
	}
	add := func(name, value string) {
		if value != "" {
			attributes = append(attributes, attribute.String(name, value))
		}
	}
	add("luaroute.route", o.name())
	add("luaroute.pool", o.Pool)
	if o.Pattern != "" {
		add("http.route", route)
		r.Pattern = route // Caddy names the span again when the request is over
	}
	span.SetAttributes(attributes...)
}

func (o *observed) name() string {
	if o.Route == nil {
		return ""
	}
	return o.Route.Name
}

// placeholder returns the value of a placeholder, and whether it is one of ours. What there is not is empty.
func (o *observed) placeholder(key string) (any, bool) {
	name, ok := strings.CutPrefix(key, declare.AskedName)
	if !ok {
		return nil, false
	}
	switch name {
	case "instance":
		return o.instance.name, true
	case "tenant":
		return o.Tenant, true
	case "route":
		return o.name(), true
	case "pattern":
		return o.Pattern, true
	case "pool":
		return o.Pool, true
	case "variant":
		return o.Variant, true
	case "outcome":
		if o.Status == 0 { // it is not over
			return "", true
		}
		return o.Outcome.String(), true
	}
	if param, ok := strings.CutPrefix(name, "params."); ok {
		value, _ := o.Param(param)
		return value, true
	}
	if meta, ok := strings.CutPrefix(name, "meta."); ok {
		if o.Route == nil || o.Route.Meta[meta] == nil {
			return "", true
		}
		return o.Route.Meta[meta], true
	}
	return nil, false
}

// group is what the access log says of a request.
type group observed

// MarshalLogObject writes the fields that are not empty.
func (g *group) MarshalLogObject(to zapcore.ObjectEncoder) error {
	o := (*observed)(g)
	to.AddString("instance", o.instance.name)
	add := func(key, value string) {
		if value != "" {
			to.AddString(key, value)
		}
	}
	add("tenant", o.Tenant)
	add("route", o.name())
	add("pattern", o.Pattern)
	add("pool", o.Pool)
	add("variant", o.Variant)
	add("fault", o.Fault)
	add("script", o.At)
	to.AddString("outcome", o.Outcome.String())
	if o.Lua > 0 {
		to.AddFloat64("lua_ms", float64(o.Lua)/float64(time.Millisecond))
	}
	return nil
}

// Telemetry returns what was counted of the requests.
func (i *Instance) Telemetry() *telemetry.Registry { return i.loader.series }

// VMs returns the state of the virtual machines of each tenant with scripts of its own, by name.
func (i *Instance) VMs() map[string]vm.Stats {
	all := map[string]vm.Stats{}
	for tenant, vms := range i.State().machines {
		all[tenant] = vms.Stats()
	}
	return all
}
