package routing

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

// lingering is a transport that goes on reading the variables of each request when it is long done with it, as that of Caddy does
// where a dial comes late.
type lingering struct {
	Fails bool `json:"fails,omitempty"`
}

func init() { caddy.RegisterModule(lingering{}) }

func (lingering) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.transport.lingering", New: func() caddy.Module { return new(lingering) }}
}

// lingerers are the dials of one test.
type lingerers struct {
	running sync.WaitGroup
	end     chan struct{}
	check   func(map[string]any)
}

const lingerersHeader = "X-Lingerers"

var lingerersByTest sync.Map

func (l *lingering) RoundTrip(r *http.Request) (*http.Response, error) {
	found, _ := lingerersByTest.Load(r.Header.Get(lingerersHeader))
	by := found.(*lingerers)
	vars := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	were := maps.Clone(vars)
	by.running.Go(func() {
		for {
			for name := range were {
				if name != "luaroute.upstream" && vars[name] != were[name] {
					by.check(map[string]any{name: vars[name]})
				}
			}
			select {
			case <-by.end:
				if len(vars) != len(were) {
					by.check(vars)
				}
				return
			default:
			}
		}
	})
	if l.Fails {
		return nil, errors.New("no connection")
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// Whatever comes after a pool has had a request, the goroutines of its transport find the variables that the pool has left. Under the
// race detector this finds each write, too.
func TestNoVariableIsWrittenThatATransportMayStillRead(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	pools := []pool.Spec{
		{Name: "ends", Config: []byte(`{"transport":{"protocol":"lingering"},"upstreams":[{"dial":"192.0.2.1:80"}]}`)},
		{Name: "fails", Config: []byte(`{"transport":{"protocol":"lingering","fails":true},"upstreams":[{"dial":"192.0.2.2:80"}]}`)},
	}
	mark := func(ex *chiproxy.Exchange) { ex.SetVar("seen", "changed") }
	after := middlewareFunc(func(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		ex.SetVar("seen", "before")
		v, err := next()
		mark(ex)
		return v, err
	})
	copying := chiproxy.Module{Handler: moduleFunc(func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
		return next.ServeHTTP(w, r.WithContext(r.Context()))
	})}
	declining := chiproxy.Proxy{Pool: "fails", OnError: &chiproxy.ErrorPolicy{Mode: chiproxy.FailDecline}}
	last := actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
		mark(ex)
		return ex.Perform(chiproxy.Proxy{Pool: "ends", Upstream: "192.0.2.1:80"})
	})
	handler := chiproxy.Module{Handler: moduleFunc(func(_ http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
		caddyhttp.SetVar(r.Context(), "seen", "handled")
		return nil
	})}
	twice := chiproxy.Proxy{Pool: "fails", OnError: &chiproxy.ErrorPolicy{Mode: chiproxy.FailToPool, Pool: "ends"}}
	failing := only(at("/*", chiproxy.Proxy{Pool: "fails"}))
	failing.Default.Root.Failed = &chiproxy.Answer{Action: last}
	for name, spec := range map[string]chiproxy.Spec{
		"middleware after an answer":           only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{after}}, at("/*", chiproxy.Proxy{Pool: "ends"}))),
		"the end of a choice":                  only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{after}}, at("/*", chiproxy.Proxy{Pool: "ends", Upstream: "192.0.2.1:80"}))),
		"what is restored, and the next route": only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{after}}, at("/a", declining)), at("/*", last)),
		"a copy of the request":                only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{after, copying, after}}, at("/a", declining)), at("/*", last)),
		"the pool of on_error":                 only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{after}}, at("/*", twice))),
		"the answer of an error":               failing,
		"a handler of Caddy's":                 only(at("/a", declining), at("/*", handler)),
		"the next handler":                     only(at("/a", declining), at("/*", chiproxy.Next{})),
		"Caddy's own handling of the error":    only(at("/*", chiproxy.Proxy{Pool: "fails"})),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by := &lingerers{end: make(chan struct{}), check: func(vars map[string]any) { t.Errorf("a transport sees %v", vars) }}
			lingerersByTest.Store(t.Name(), by)
			spec.Pools = pools
			table, err := Build(spec, p)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(table.Retire)
			w, r := httptest.NewRecorder(), get("http://a.example/a")
			r.Header.Set(lingerersHeader, t.Name())
			r = prepared(w, r)
			err = table.Serve(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
				caddyhttp.SetVar(r.Context(), "seen", "next")
				return nil
			}))
			if err != nil {
				caddyhttp.SetVar(r.Context(), "seen", "by Caddy") // as handle_errors may
			}
			close(by.end)
			by.running.Wait()
		})
	}
}
