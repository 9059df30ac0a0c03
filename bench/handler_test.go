package main

import (
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// TestMain lets the test binary be the origin and the load generator, as the program is, and Caddy.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "run" {
		caddycmd.Main()
		return
	}
	if role := roleOf(os.Args); role != nil {
		exit(role(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

func init() {
	caddy.RegisterModule(canned{})
	caddy.RegisterModule(nothing{})
}

// canned is a transport that answers as the origin does, without a network.
type canned struct{}

// CaddyModule returns the Caddy module information.
func (canned) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.transport.bench_canned", New: func() caddy.Module { return new(canned) }}
}

// RoundTrip answers.
func (canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

// nothing is a handler that does nothing, to measure what comes before it.
type nothing struct{}

// CaddyModule returns the Caddy module information.
func (nothing) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bench_nothing", New: func() caddy.Module { return new(nothing) }}
}

// ServeHTTP does nothing.
func (nothing) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error { return nil }

// withNothing is a variant whose routes do nothing instead of forwarding.
func withNothing(v variant) variant {
	v.script = "\nlocal nothing = route.handler(\"bench_nothing\")" + strings.ReplaceAll(v.script, `"origin"`, "nothing")
	return v
}

// provision returns the handler of a variant, as Caddy would make it. Its pool has the canned transport.
func provision(tb testing.TB, v variant) caddyhttp.MiddlewareHandler {
	tb.Helper()
	return provisionConfig(tb, v.handler(merged(forwardTo("origin.example:80"), object{"transport": object{"protocol": "bench_canned"}})))
}

// provisionConfig returns the handler that a configuration is of, as Caddy would make it.
func provisionConfig(tb testing.TB, config object) caddyhttp.MiddlewareHandler {
	tb.Helper()
	return provisionIn(tb, caddyContext(tb), config)
}

func provisionIn(tb testing.TB, ctx caddy.Context, config object) caddyhttp.MiddlewareHandler {
	tb.Helper()
	name := config["handler"].(string)
	config = maps.Clone(config)
	delete(config, "handler")
	raw, err := config.json()
	if err != nil {
		tb.Fatal(err)
	}
	handler, err := ctx.LoadModuleByID("http.handlers."+name, raw)
	if err != nil {
		tb.Fatal(err)
	}
	return handler.(caddyhttp.MiddlewareHandler)
}

// discard is a response writer that costs nothing and remembers the status.
type discard struct {
	header http.Header
	status int
}

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) Write(p []byte) (int, error) { return len(p), nil }
func (w *discard) WriteHeader(status int)      { w.status = status }

var nobody = caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusTeapot)
	return nil
})

// asker returns what sends one request through a handler, again and again, without the headers that are named. Its own part
// allocates nothing.
func asker(tb testing.TB, h caddyhttp.MiddlewareHandler, target string, without ...string) func() *discard {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, target, nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.RemoteAddr = "127.0.0.1:1234"
	for _, h := range headers {
		r.Header.Set(h[0], h[1])
	}
	for _, name := range without {
		r.Header.Del(name)
	}
	w := &discard{header: http.Header{}}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "127.0.0.1")
	caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, false)
	return func() *discard {
		clear(w.header)
		w.status = 0
		if err := h.ServeHTTP(w, r, nobody); err != nil {
			tb.Fatal(err)
		}
		return w
	}
}
