package instance

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/logging"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/templates"
	"go.uber.org/zap/zapcore"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// fieldsOnly counts the fields of a log line, and keeps nothing.
type fieldsOnly struct {
	zapcore.ObjectEncoder
	n int
}

func (f *fieldsOnly) AddString(string, string)   { f.n++ }
func (f *fieldsOnly) AddFloat64(string, float64) { f.n++ }

func TestAnAccessLogCostsARequestFourAllocations(t *testing.T) {
	server := &caddyhttp.Server{Logs: new(caddyhttp.ServerLogConfig)}
	i := &Instance{name: "main", watcher: newWatcher(new(config.Instance))}
	route := &chiproxy.Route{Name: "item", Pattern: "/items/{id}"}
	// The request is made anew each time, since what Caddy has of it grows.
	prepare := func() *http.Request {
		return caddyhttp.PrepareRequest(httptest.NewRequest(http.MethodGet, "/", nil), caddy.NewReplacer(), nil, server)
	}
	line := new(fieldsOnly)
	cost := func() float64 {
		with := testkit.Allocs(100, func() {
			o := i.observe(prepare())
			if o == nil {
				t.Fatal("a request that is logged says nothing of itself")
			}
			o.Report = chiproxy.Report{Route: route, Pattern: route.Pattern, At: "main.lua:3", Pool: "app", Outcome: telemetry.Proxied}
			if err := (*group)(o).MarshalLogObject(line); err != nil {
				t.Fatal(err)
			}
		})
		return with - testkit.Allocs(100, func() { prepare() })
	}
	if n := cost(); n > 4 {
		t.Errorf("%v allocations, want at most 4", n)
	}
	if line.n%6 != 0 || line.n == 0 {
		t.Errorf("the lines have %d fields, want 6 each", line.n)
	}
	i.namedAround.Store(true)
	if n := cost(); n > 5 {
		t.Errorf("%v allocations where something asks for placeholders, want at most 5", n)
	}
	server.Logs = nil
	i.namedAround.Store(false)
	if n := testkit.Allocs(100, func() {
		if i.observe(prepare()) != nil {
			t.Fatal("a request that nobody asks about says something of itself")
		}
	}) - testkit.Allocs(100, func() { prepare() }); n > 0 {
		t.Errorf("%v allocations without logs, want none", n)
	}
}

func TestPlaceholdersAreAskedForByTheRoutesOfAServer(t *testing.T) {
	t.Parallel()
	with := func(h caddyhttp.MiddlewareHandler) caddyhttp.RouteList {
		return caddyhttp.RouteList{{Handlers: []caddyhttp.MiddlewareHandler{h}}}
	}
	header := &headers.Handler{Response: &headers.RespHeaderOps{HeaderOps: &headers.HeaderOps{Set: http.Header{"X-Route": {"{http.luaroute.route}"}}}}}
	for name, c := range map[string]struct {
		server *caddyhttp.Server
		asks   bool
	}{
		"nothing":             {&caddyhttp.Server{}, false},
		"another placeholder": {&caddyhttp.Server{Routes: with(&logging.LogAppend{Key: "x", Value: "{http.request.uuid}"})}, false},
		"log_append":          {&caddyhttp.Server{Routes: with(&logging.LogAppend{Key: "x", Value: "{http.luaroute.meta.team}"})}, true},
		"header":              {&caddyhttp.Server{Routes: with(header)}, true},
		"vars":                {&caddyhttp.Server{Routes: with(caddyhttp.VarsMiddleware{"a": "{http.luaroute.pool}"})}, true},
		"a subroute":          {&caddyhttp.Server{Routes: with(&caddyhttp.Subroute{Routes: with(header)})}, true},
		"a named route":       {&caddyhttp.Server{NamedRoutes: map[string]*caddyhttp.Route{"x": {Handlers: []caddyhttp.MiddlewareHandler{header}}}}, true},
		"a route for errors":  {&caddyhttp.Server{Errors: &caddyhttp.HTTPErrorConfig{Routes: with(header)}}, true},
		"a matcher":           {&caddyhttp.Server{Routes: caddyhttp.RouteList{{MatcherSets: caddyhttp.MatcherSets{{caddyhttp.VarsMatcher{"{http.luaroute.tenant}": {"a"}}}}}}}, true},
		"what is still JSON":  {&caddyhttp.Server{Routes: caddyhttp.RouteList{{HandlersRaw: []json.RawMessage{[]byte(`{"handler":"x","text":"{http.luaroute.route}"}`)}}}}, true},
		"templates":           {&caddyhttp.Server{Routes: with(new(templates.Templates))}, true},
	} {
		if got := names(c.server); got != c.asks {
			t.Errorf("%s: %v", name, got)
		}
	}
}
