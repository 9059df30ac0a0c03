package forwardauth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/forwardauth"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// site is a table whose routes all ask a server, with an app behind it.
type site struct {
	table *routing.Table
	// asked counts the questions, app the requests that came to the app.
	asked, app atomic.Int64

	mu   sync.Mutex
	last *http.Request // that the server was asked with
	seen *http.Request // that the app got
}

// copied is what most tests copy.
var copied = []forwardauth.Copy{{From: "Remote-User", To: "Remote-User"}, {From: "X-Id", To: "X-User-Id"}}

var instances atomic.Int64

// config returns what most tests ask with, and a cache of its own.
func config(more func(*forwardauth.Config)) forwardauth.Config {
	c := forwardauth.Config{Pool: "auth", Path: "/verify?x=1", Copies: copied, At: origin.Origin{Script: "main.lua", Line: 3, Kind: "forward_auth"}}
	if more != nil {
		more(&c)
	}
	if c.Caching != nil && c.Caching.Instance == "" {
		c.Caching.Instance = fmt.Sprint("test", instances.Add(1))
	}
	return c
}

// serve makes a site whose server answers by a handler.
func serve(t testing.TB, auth http.HandlerFunc, c forwardauth.Config) *site {
	t.Helper()
	s := &site{}
	address := testkit.Upstream(t, func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.mu.Lock()
		s.last = r.Clone(r.Context())
		s.mu.Unlock()
		auth(w, r)
	})
	s.build(t, address, c)
	return s
}

func (s *site) build(t testing.TB, auth string, c forwardauth.Config) {
	t.Helper()
	app := testkit.Upstream(t, func(w http.ResponseWriter, r *http.Request) {
		s.app.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		s.seen = r.Clone(r.Context())
		s.mu.Unlock()
		w.Header().Add("Set-Cookie", "app=1")
		_, _ = io.WriteString(w, "app")
	})
	m, err := forwardauth.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.table = policytest.Build(t, chiproxy.Spec{
		Pools: []pool.Spec{{Name: "auth", Config: json.RawMessage(testkit.Dials("", auth))}, {Name: "app", Config: json.RawMessage(testkit.Dials("", app))}},
		Default: chiproxy.Tenant{Root: chiproxy.Scope{
			Middleware: []chiproxy.Middleware{m},
			Items: []chiproxy.Item{
				{Route: &chiproxy.Route{Pattern: "/*", Action: chiproxy.Proxy{Pool: "app"}}},
				{Route: &chiproxy.Route{Pattern: "/known", Action: policytest.Action(func(*chiproxy.Exchange) error { return nil })}},
			},
		}},
	})
	t.Cleanup(s.table.Retire)
}

// do sends a request through the table as Caddy's server does.
func (s *site) do(r *http.Request) *httptest.ResponseRecorder { return policytest.Serve(s.table, r) }

// get sends a GET with fields.
func (s *site) get(target string, fields ...string) *httptest.ResponseRecorder {
	return s.do(policytest.Request(http.MethodGet, target, fields...))
}

// listen is the site behind a real server.
func (s *site) listen(t testing.TB) *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.table.Serve(w, testcaddy.Prepared(w, r), caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
		if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
			w.WriteHeader(failed.StatusCode)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// question and request are what the server and the app got last; nil for none.
func (s *site) question() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *site) request() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// identity is what of the copied fields has come to the app, in any spelling.
func (s *site) identity() string {
	var got []string
	for _, name := range []string{"Remote-User", "X-Id", "X-User-Id"} {
		got = append(got, strings.Join(s.request().Header.Values(name), ","))
	}
	for name := range s.request().Header {
		if strings.Contains(name, "_") {
			got = append(got, name)
		}
	}
	for name, values := range s.request().Trailer {
		got = append(got, name+"="+strings.Join(values, ","))
	}
	return strings.Join(got, "|")
}

func allow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Remote-User", "ann")
	w.Header().Set("X-Id", "7")
	w.Header().Set("X-Other", "stays")
}
