package policytest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// noting is middleware that says what it has found, before and after what is inside.
type noting struct{ before, after string }

func (n noting) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	ex.Note(n.before)
	v, err := next()
	if n.after != "" {
		ex.Note(n.after)
	}
	return v, err
}

func (noting) Traits() chiproxy.Traits { return chiproxy.Traits{} }

func TestANoteOfMiddlewareIsAtItsOwnStep(t *testing.T) {
	t.Parallel()
	table := policytest.Table(t, policytest.Answer(http.StatusOK), noting{"a", ""}, noting{"b", "c"}, noting{"d", ""})
	var notes []string
	for _, s := range policytest.Explain(table, policytest.Request("GET", "/items/1")) {
		notes = append(notes, s.Note)
	}
	if got := strings.Join(notes, " "); got != "a c d" {
		t.Errorf("the notes are %q; want a c d", got)
	}
	if w := policytest.Serve(table, policytest.Request("GET", "/items/1")); w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
}

// naming is middleware that refers to a pool.
type naming struct {
	noting
	pool string
}

func (n naming) Describe() origin.Origin { return origin.Origin{Script: "main.lua", Line: 3} }

func (n naming) BindMiddleware(pools *chiproxy.PoolScope) (chiproxy.Middleware, error) {
	if _, err := pools.Find(n.pool); err != nil {
		return nil, err
	}
	return noting{"bound", ""}, nil
}

func TestMiddlewareThatNamesAPoolIsBoundWhenTheTableIsBuilt(t *testing.T) {
	t.Parallel()
	table := func(name string) (*routing.Table, error) {
		pools := pool.NewSet(testcaddy.Context(t))
		t.Cleanup(pools.Close)
		return routing.Build(chiproxy.Spec{
			Pools: []pool.Spec{{Name: "auth", Config: []byte(testkit.Dials("", "127.0.0.1:9"))}},
			Default: chiproxy.Tenant{Root: chiproxy.Scope{
				Middleware: []chiproxy.Middleware{naming{pool: name}},
				Items:      []chiproxy.Item{{Route: &chiproxy.Route{Pattern: "/items/{id}", Action: policytest.Answer(200), Origin: origin.Origin{Script: "main.lua", Line: 4}}}},
			}},
		}, pools)
	}
	built, err := table("auth")
	if err != nil {
		t.Fatal(err)
	}
	steps := policytest.Explain(built, policytest.Request("GET", "/items/1"))
	if len(steps) != 1 || steps[0].Note != "bound" {
		t.Errorf("the steps are %+v; want the one that was bound", steps)
	}
	if _, err := table("aut"); err == nil || !strings.HasPrefix(err.Error(), "main.lua:3: ") {
		t.Errorf("%v; want an error at main.lua:3", errors.Unwrap(err))
	}
}
