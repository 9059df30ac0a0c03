package routing

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// bounded is a tenant whose expressions may cost so many steps a request.
func bounded(steps int64, items ...chiproxy.Item) chiproxy.Tenant {
	return chiproxy.Tenant{Name: "acme", Root: root(items...), Patterns: &chiproxy.PatternBound{
		Allow: func(int) error { return nil }, Steps: steps,
	}}
}

// TestAPathThatIsTooLongForExpressionsLeadsAroundNothing sends paths that a tenant cannot search for.
func TestAPathThatIsTooLongForExpressionsLeadsAroundNothing(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 400)
	slow := at("/r/{a:(a|b|ab|ba)*c}", say("slow"))
	auth := in(chiproxy.Scope{Middleware: []chiproxy.Middleware{key}}, at("/{a:x+}", say("inside")))
	for name, row := range map[string]struct {
		tenant chiproxy.Tenant
		want   expect
	}{
		"a short and a long one": {bounded(5000, slow, at("/*", say("all"))), expect{"/r/abc": "slow", "/r/xx": "all", "/r/" + long: "414", "/" + long: "414"}},
		"middleware of a scope": {bounded(2000, auth, at("/*", say("open"))), expect{
			"/xx": "401", "/y": "open", "/" + long: "414", "/y" + long: "414", "/xx | Key: 1": "inside",
		}},
		"no expressions":       {bounded(1, at("/{a}", say("a")), at("/{a}/b", say("b"))), expect{"/" + long: "a", "/" + long + "/b": "b"}},
		"no bound":             {chiproxy.Tenant{Name: "acme", Root: root(slow, at("/*", say("all")))}, expect{"/r/" + long: "all"}},
		"what falls through":   {fallingThrough(bounded(5000, slow)), expect{"/r/x": "default", "/r/" + long: "414"}},
		"below its prefix":     {prefixed(bounded(5000, slow)), expect{"/other/" + long: "default", "/p/r/abc": "slow", "/p/" + long: "414"}},
		"a prefix in capitals": {prefixed(bounded(5000, slow)), expect{"/P/x": "next", "/P/" + long: "404"}},
		"another reading": {bounded(9000, owner("/admin", at("/*", chiproxy.Error{Status: 401})), slow, at("/*", say("all"))), expect{
			"/x%2Fy": "all", "/admin%2Fx": "404", "/x%2F" + long: "404", "/x%2F" + long + long: "414",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.want.check(t, chiproxy.Spec{
				Tenants: []chiproxy.Tenant{row.tenant}, Default: chiproxy.Tenant{Root: root(at("/r/*", say("default")), at("/other/*", say("default")))},
			})
		})
	}
}

func fallingThrough(t chiproxy.Tenant) chiproxy.Tenant {
	t.Fallthrough = true
	return t
}

func prefixed(t chiproxy.Tenant) chiproxy.Tenant {
	t.PathPrefix = "/p"
	return t
}

func TestTheExpressionsOfAllLayersOfATenantCount(t *testing.T) {
	t.Parallel()
	said := 0
	spec := bounded(5000, at("/{a:x+}", answers), in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"a.example"}}, at("/{a:x+}", answers)))
	spec.Root.Items[0].Route.Origin = origin.Origin{Script: "main.lua", Line: 3}
	spec.Patterns.Allow = func(n int) error {
		said = n
		return errors.New("too many")
	}
	_, err := Build(chiproxy.Spec{Tenants: []chiproxy.Tenant{spec}}, newTestPools(t))
	if fmt.Sprint(err) != "main.lua:3: too many" || said == 0 || said%2 != 0 {
		t.Errorf("got %v, and %d instructions", err, said)
	}
	one := said / 2
	spec.Patterns.Allow = func(n int) error {
		said = n
		return nil
	}
	spec.Root.Items = spec.Root.Items[:1]
	if table := mustBuild(t, chiproxy.Spec{Tenants: []chiproxy.Tenant{spec}}); said != one || table.tenants[0].steps != int64(one) {
		t.Errorf("one layer has %d instructions, two have %d", said, 2*one)
	}
}

// TestWhatExpressionsCostIsForgottenWithTheRequest sends more short paths than one request may search for.
func TestWhatExpressionsCostIsForgottenWithTheRequest(t *testing.T) {
	t.Parallel()
	table := mustBuild(t, chiproxy.Spec{Tenants: []chiproxy.Tenant{bounded(200, at("/{a:x+}", answers))}})
	for range 100 {
		if r := send(table, ask("/xxxx")).String(); r != send(table, ask("/xx")).String() || strings.HasPrefix(r, "4") {
			t.Fatal(r)
		}
	}
}

// TestToFindWhatWasAskedBeforeAReadingCounts has a path with one other reading: three searches.
func TestToFindWhatWasAskedBeforeAReadingCounts(t *testing.T) {
	t.Parallel()
	tenant := bounded(0, owner("/admin", at("/*", chiproxy.Error{Status: 401})), at("/r/{a:(a|b)*c}", say("one")), at("/*", say("all")))
	table := mustBuild(t, chiproxy.Spec{Tenants: []chiproxy.Tenant{tenant}})
	const path = "/r%2Fc"
	one := table.tenants[0].steps * int64(len(path))
	for searches, want := range map[int64]string{0: "414", 1: "404", 2: "404", 3: "all"} {
		tenant.Patterns.Steps = searches * one
		if got := send(table, ask(path)).String(); got != want {
			t.Errorf("%d searches: got %s, want %s", searches, got, want)
		}
	}
}

// counting is a meter that counts what runs on the time of a tenant, and refuses what it is told to.
type counting struct {
	starts, stops int
	refuses       error
}

func (c *counting) Start(_ context.Context, u *chiproxy.Usage, _ chiproxy.Work) error {
	if c.refuses != nil {
		return c.refuses
	}
	c.starts++
	u.Since = time.Now()
	return nil
}

func (c *counting) Pause(context.Context, *chiproxy.Usage, chiproxy.Work) error { return nil }

func (c *counting) Stop(u *chiproxy.Usage) {
	c.stops++
	u.Since = time.Time{}
}

// TestSearchesThatMayTakeLongRunOnTheTimeOfTheirTenant asks for short paths and long ones, which others may read differently.
func TestSearchesThatMayTakeLongRunOnTheTimeOfTheirTenant(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 4000)
	items := []chiproxy.Item{
		owner("/admin", at("/*", chiproxy.Error{Status: 401})), at("/r/{a:(a|b|ab|ba)*c}", say("slow")), at("/*", say("all")),
	}
	for _, row := range []struct {
		path, want, refused string
		counts              bool
	}{
		{"/r/abc", "slow", "slow", false},
		{"/r/" + long, "all", "error: over", true},
		{"/x%2F" + long, "all", "error: over", true},
		{"/admin%2F" + long, "404", "error: over", true},
	} {
		for _, refuses := range []bool{false, true} {
			m := new(counting)
			tenant := bounded(1<<40, items...)
			tenant.Patterns.Meter = m
			want := row.want
			if refuses {
				m.refuses, want = &chiproxy.HookError{Err: errors.New("over"), Budget: true}, row.refused
			}
			expect{row.path: want}.check(t, chiproxy.Spec{Tenants: []chiproxy.Tenant{tenant}})
			if (m.starts > 0) != (row.counts && !refuses) || m.starts != m.stops {
				t.Errorf("%.20s: %d starts and %d stops; counted: %t", row.path, m.starts, m.stops, row.counts)
			}
		}
	}
}
