// Package luatest runs scripts for tests the way the handler does: loaded, checked and served by a table, with the modules
// of a running Caddy.
package luatest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // scripts name modules of it
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/luaroute/capability"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/memory"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	lualog "github.com/luaroute/caddy-luaroute/luaroute/lib/log"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Context returns the context of a running configuration.
func Context(t testing.TB) caddy.Context {
	t.Helper()
	return testcaddy.Context(t)
}

// Setup is what scripts run with. The zero Setup is good for most tests.
type Setup struct {
	// Modules are texts by name, for require.
	Modules map[string]string
	// Env is the variables that scripts may read.
	Env []string
	// Handlers are those of the configuration.
	Handlers map[string]caddyhttp.MiddlewareHandler
	// Pools are those of the configuration, by name.
	Pools map[string]string
	// Limits are those of requests. Default: as in the handler, with enough CPU for a machine that is busy.
	Limits config.Limits
	// Libraries are found by require, besides those that most tests need.
	Libraries map[string]vm.Library
	// LoadLimits are those of a load. Default: as in the handler.
	LoadLimits vm.Limits
	// Sources replace the script.
	Sources source.Set
	// OnError is the policy of the table.
	OnError chiproxy.ErrorPolicy
	// Allow makes the scripts those of an isolated tenant.
	Allow *config.Allow
	// Life ends what runs. Default: nothing does.
	Life *vm.Life
	// Store is what require("kv") has. Default: one in memory, of its own.
	Store kv.Store
}

func (s Setup) limits() config.Limits {
	return s.Limits.Or(config.Limits{CPU: caddy.Duration(2 * time.Second), Queue: caddy.Duration(time.Minute)}).Or(config.DefaultLimits)
}

// Within returns a setup whose requests and loads have the same limits.
func (s Setup) Within(l vm.Limits) Setup {
	s.Limits.CPU, s.Limits.Wall, s.Limits.Memory = caddy.Duration(l.CPU), caddy.Duration(l.Wall), config.Size(l.Memory)
	s.LoadLimits = l
	return s
}

// options returns what declare.Run takes for a script called main.lua.
func (s Setup) options(t testing.TB, code string, logger *zap.Logger) declare.Options {
	sources := s.Sources
	if sources == nil {
		sources = source.Set{&source.Inline{Name: "main.lua", Code: code, Modules: s.Modules}}
	}
	libraries := map[string]vm.Library{"json": luajson.Library{}, "log": lualog.Library{}}
	maps.Copy(libraries, s.Libraries)
	var allowed *capability.Set
	if s.Allow != nil {
		var err error
		if allowed, err = capability.New("acme", nil, s.Allow); err != nil {
			t.Fatal(err)
		}
		allowed = allowed.Within(capability.Bounds{Body: int64(s.limits().Body)})
	}
	store := s.Store
	if store == nil {
		store = memory.New()
	}
	return declare.Options{
		Space:        &kv.Space{Store: store},
		Capabilities: allowed,
		Sources:      sources, Env: s.Env, Limits: s.limits(), Load: s.LoadLimits, Logger: logger,
		Libraries: libraries,
		Modules:   modules{Context(t), s.Handlers}, Life: s.Life,
	}
}

// modules loads Caddy modules, as the handler does.
type modules struct {
	ctx      caddy.Context
	handlers map[string]caddyhttp.MiddlewareHandler
}

// Handler returns a handler of the configuration.
func (m modules) Handler(name string) (caddyhttp.MiddlewareHandler, []string) {
	return m.handlers[name], slices.Sorted(maps.Keys(m.handlers))
}

// Load loads a module.
func (m modules) Load(id string, config json.RawMessage) (any, error) {
	return testcaddy.Load(m.ctx, id, config)
}

// Run runs a script and returns what it declares.
func (s Setup) Run(t testing.TB, code string) (*declare.Result, error) {
	t.Helper()
	result, err := declare.Run(context.Background(), s.options(t, code, zap.NewNop()))
	if err == nil {
		t.Cleanup(result.VMs.Stop)
	}
	return result, err
}

// Load loads a script into a table.
func (s Setup) Load(t testing.TB, code string) (*routing.Table, error) {
	t.Helper()
	table, _, err := s.load(t, code, zap.NewNop())
	return table, err
}

func (s Setup) load(t testing.TB, code string, logger *zap.Logger) (*routing.Table, *hook.VMs, error) {
	result, err := declare.Run(context.Background(), s.options(t, code, logger))
	if err != nil {
		return nil, nil, err
	}
	spec := chiproxy.Spec{Default: chiproxy.Tenant{Root: result.Root, Fallback: result.Fallback, Pools: result.Pools}, OnError: s.OnError, Release: result.VMs.Stop}
	for _, tenant := range result.Tenants {
		spec.Tenants = append(spec.Tenants, tenant.Tenant)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Pools)) {
		spec.Pools = append(spec.Pools, pool.Spec{Name: name, Config: json.RawMessage(s.Pools[name])})
	}
	table, err := routing.Build(spec, s.pools(t))
	if err != nil {
		result.VMs.Stop()
		return nil, nil, err
	}
	t.Cleanup(table.Retire)
	return table, result.VMs, nil
}

func (s Setup) pools(t testing.TB) *pool.Set {
	pools := pool.NewSet(Context(t))
	t.Cleanup(pools.Close)
	return pools
}

// revealed is an error with the text of the script's, which others do not see.
type revealed struct {
	error
	text string
}

func reveal(err error) error {
	own, ok := errors.AsType[caddyhttp.HandlerError](err)
	hook, failed := errors.AsType[*chiproxy.HookError](err)
	if !ok || !failed {
		return err
	}
	text := own.Err.Error()
	for _, says := range []string{"the script failed", "the script reached a limit"} {
		text = strings.Replace(text, says, hook.Error(), 1)
	}
	own.Err = revealed{own.Err, text}
	return own
}

// Error returns the text.
func (r revealed) Error() string { return r.text }

// Unwrap returns the error.
func (r revealed) Unwrap() error { return r.error }

// Site is a script that serves on 127.0.0.1.
type Site struct {
	URL string
	// VMs are those of the script.
	VMs *hook.VMs
	// Logs is what the scripts and their hooks have logged, and the server of panics.
	Logs *observer.ObservedLogs
	// Errors gets what the table returned, request by request.
	Errors chan error
}

// Serve loads a script into a server. Requests that no route serves are answered with 418 and the text "next"; errors as
// Caddy does without handle_errors.
func (s Setup) Serve(t testing.TB, code string) *Site {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	table, vms, err := s.load(t, code, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	site := &Site{VMs: vms, Logs: logs, Errors: make(chan error, 100)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := table.Serve(w, Prepared(w, r), caddyhttp.HandlerFunc(next))
		if err != nil {
			status := http.StatusInternalServerError
			var own caddyhttp.HandlerError
			if errors.As(err, &own) && own.StatusCode != 0 {
				status = own.StatusCode
			}
			select {
			case site.Errors <- reveal(err):
			default:
			}
			switch {
			case !errors.Is(err, chiproxy.ErrHeaderSent):
				w.WriteHeader(status)
			case !errors.Is(err, chiproxy.ErrBodySent):
				panic(http.ErrAbortHandler)
			}
		}
	}))
	server.Config.ErrorLog = zap.NewStdLog(zap.New(core))
	server.Start()
	t.Cleanup(server.Close)
	site.URL = server.URL
	return site
}

func next(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusTeapot)
	_, err := io.WriteString(w, "next")
	return err
}

// Ask sends a GET through a table without a server, and returns the status that was written, 0 for none.
func Ask(table *routing.Table, target string) (status int, err error) {
	w := &statusWriter{header: make(http.Header)}
	err = table.Serve(w, Prepared(w, httptest.NewRequest(http.MethodGet, target, nil)), caddyhttp.HandlerFunc(next))
	return w.status, err
}

// statusWriter is a client that takes what it gets and keeps the status.
type statusWriter struct {
	header http.Header
	status int
}

func (w *statusWriter) Header() http.Header { return w.header }

func (w *statusWriter) WriteHeader(status int) { w.status = status }

func (w *statusWriter) Write(body []byte) (int, error) { return len(body), nil }

// Prepared gives a request what Caddy's server gives it.
func Prepared(w http.ResponseWriter, r *http.Request) *http.Request {
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "192.0.2.1")
	caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, false)
	return r
}

// Answer is a response that was read.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// String writes the status and the body.
func (a Answer) String() string { return strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, a.Body)) }

// Client follows no redirects. It has a transport of its own, as httptest closes the idle connections of the default one.
var Client = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 100},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       5 * time.Minute, // only a fault takes that long, on whatever machine
}

// Do sends a request: "METHOD /path", with header fields as "Name: value".
func (s *Site) Do(t testing.TB, line, body string, fields ...string) Answer {
	t.Helper()
	a, err := s.Try(line, body, fields...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Try is Do for goroutines, and for connections that break.
func (s *Site) Try(line, body string, fields ...string) (Answer, error) {
	method, target, ok := strings.Cut(line, " ")
	if !ok {
		method, target = http.MethodGet, line
	}
	r, err := http.NewRequest(method, s.URL+target, strings.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Add(name, value)
		}
	}
	return Send(Client, r)
}

// Send sends a request and reads the response.
func Send(client *http.Client, r *http.Request) (Answer, error) {
	resp, err := client.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, string(text)}, err
}

// Origin starts an upstream and returns its address.
func Origin(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}
