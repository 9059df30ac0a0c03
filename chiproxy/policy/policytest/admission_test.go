package policytest_test

import (
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/cors"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/fault"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/headers"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/maxbody"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/mirror"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/timeout"
)

// TestOnlyWhatKeepsNothingFromClientsSaysSo has the policies that check nobody's identity. Who comes around route.headers may see what it removes, or
// send what it replaces; a fault or a bound refuses somebody.
func TestOnlyWhatKeepsNothingFromClientsSaysSo(t *testing.T) {
	t.Parallel()
	book := limit.NewPrivateBook("main")
	t.Cleanup(book.Close)
	must := func(mw chiproxy.Middleware, err error) chiproxy.Middleware {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return mw
	}
	var at origin.Origin
	for want, all := range map[chiproxy.Admission]map[string]chiproxy.Middleware{
		chiproxy.AdmitsSome: {
			"limit":       must(limit.NewRate(limit.Options{Name: "a", Rate: 100}, book, "", at)),
			"concurrency": must(limit.NewConcurrency(limit.ConcurrencyOptions{Name: "b", Max: 100}, book, "", at)),
			"headers":     must(headers.New(headers.Options{Response: headers.Changes{Ops: &field.Ops{Remove: []string{"Server"}}}})),
			"fault":       must(fault.New(fault.Options{Percent: 100, Status: 503})),
			"max_body":    maxbody.New(10, at),
		},
		chiproxy.AdmitsAllButSites: {"cors": must(cors.New(cors.Options{Origins: []string{"https://app.example"}}))},
		chiproxy.AdmitsAll: {
			"mirror":  must(mirror.New(mirror.Options{To: "shadow", Percent: 100})),
			"timeout": timeout.New(time.Second, false, at),
		},
	} {
		for name, policy := range all {
			if got := policy.Traits().Admits; got != want {
				t.Errorf("%s admits %d, want %d", name, got, want)
			}
		}
	}
}
