// Package policytest runs policies in a table of one route, as their tests want to see them.
package policytest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
)

// Client is the address of the client of a request that Serve and Request send.
const Client = "192.0.2.1"

// Action is a function as an action that never declines.
type Action func(*chiproxy.Exchange) error

// Do calls the function.
func (f Action) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) { return chiproxy.Done, f(ex) }

// Traits are those of what may do anything but decline.
func (Action) Traits() chiproxy.Traits { return chiproxy.Traits{Changes: true} }

// Answer is an action that answers with a status, and ok.
func Answer(status int) chiproxy.Action {
	return Action(func(ex *chiproxy.Exchange) error {
		ex.W.WriteHeader(status)
		_, err := ex.W.Write([]byte("ok"))
		return err
	})
}

// Silent is an action that answers without allocating.
var Silent = Action(func(ex *chiproxy.Exchange) error { ex.W.WriteHeader(200); return nil })

// Table is a table whose only route, `/items/{id}` with the name item, has middleware around an action.
func Table(t testing.TB, action chiproxy.Action, around ...chiproxy.Middleware) *routing.Table {
	t.Helper()
	return Build(t, chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{
		Middleware: around,
		Items: []chiproxy.Item{{Route: &chiproxy.Route{
			Pattern: "/items/{id}", Name: "item", Action: action, Origin: origin.Origin{Script: "main.lua", Line: 1},
		}}},
	}}})
}

// Build is a table with pools of its own.
func Build(t testing.TB, spec chiproxy.Spec) *routing.Table {
	t.Helper()
	pools := pool.NewSet(testcaddy.Context(t))
	t.Cleanup(pools.Close)
	table, err := routing.Build(spec, pools)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Benchmark serves requests, with the fields of a header, through each middleware around an action that is silent.
func Benchmark(b *testing.B, header []string, around map[string][]chiproxy.Middleware) {
	for name, m := range around {
		b.Run(name, func(b *testing.B) {
			table := Table(b, Silent, m...)
			r := From(Request("GET", "/items/1", header...), Client)
			ctx, w := r.Context(), Discard()
			b.ReportAllocs()
			for b.Loop() {
				_ = table.Serve(w, r, nil)
				if r.Context() != ctx { // a policy may have given it another
					*r = *r.WithContext(ctx)
				}
			}
		})
	}
}

// Request is a request of Client for a target such as /items/1, with the fields of a header: name, value, name, value.
func Request(method, target string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// From returns the request as Caddy prepares it for a client with an address.
func From(r *http.Request, client string) *http.Request {
	w := httptest.NewRecorder()
	r = testcaddy.Prepared(w, r)
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, client)
	return r
}

// Serve asks a table for a request of Client, and returns the response. An error is answered as Caddy's server does: by its status alone.
func Serve(table *routing.Table, r *http.Request) *httptest.ResponseRecorder {
	return ServeFrom(table, r, Client)
}

// ServeFrom is Serve for a client with another address.
func ServeFrom(table *routing.Table, r *http.Request, client string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	if err := table.Serve(w, From(r, client), next); err != nil {
		status := http.StatusInternalServerError
		if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
			status = failed.StatusCode
		}
		w.WriteHeader(status)
	}
	return w
}

// Explain returns the steps of what would be done with a request of Client.
func Explain(table *routing.Table, r *http.Request) []explain.Step {
	d := explain.Decide(table, From(r, Client), true)
	if c := d.Answers(); c != nil {
		return c.Middleware
	}
	return nil
}

// Discard returns a writer that keeps the header only, for benchmarks.
func Discard() http.ResponseWriter { return discard{http.Header{}} }

type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
