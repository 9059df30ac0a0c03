package split_test

import (
	"math"
	"net/http"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/split"
)

// TestRequestsAreDividedAsByTraefik has the cases of Traefik's weighted round robin (pkg/server/service/loadbalancer/wrr/wrr_test.go, and the
// documentation of its weighted services). It takes turns, and we draw: the shares are the same, the order is not.
func TestRequestsAreDividedAsByTraefik(t *testing.T) {
	t.Parallel()
	inner := func(name string, weights ...any) chiproxy.Action {
		return made(t, split.Options{Name: name, Parts: parts(weights...)})
	}
	for _, c := range []struct {
		name  string
		parts []split.Part
		want  map[string]float64
	}{
		{"three to one", parts("first", 3, "second", 1), map[string]float64{"first": .75, "second": .25}},
		{"a weight of zero", parts("first", 1, "second", 0), map[string]float64{"first": 1, "second": 0}},
		{"eleven to three", parts("first", 11, "second", 3), map[string]float64{"first": 11. / 14, "second": 3. / 14}},
		{
			"two balancers below one",
			[]split.Part{
				{Name: "one", Weight: 1, Action: inner("one", "first", 1, "second", 1)}, {Name: "two", Weight: 1, Action: inner("two", "third", 1, "fourth", 1)},
			},
			map[string]float64{"first": .25, "second": .25, "third": .25, "fourth": .25},
		},
		{
			"one of them without its last server",
			[]split.Part{
				{Name: "one", Weight: 1, Action: inner("one", "first", 1, "second", 1)}, {Name: "two", Weight: 1, Action: inner("two", "third", 1, "fourth", 0)},
			},
			map[string]float64{"first": .25, "second": .25, "third": .5, "fourth": 0},
		},
	} {
		all := where(t, split.Options{Parts: c.parts})
		for name, want := range c.want {
			if got := share(all, name); math.Abs(got-want) > 5*math.Sqrt(want*(1-want)/users) {
				t.Errorf("%s: %s has %.3f; want %.3f", c.name, name, got, want)
			}
		}
	}
	// No part has a weight: Traefik answers 500 for each request, and here it is known before the first one.
	for name, none := range map[string][]split.Part{"no parts": nil, "only weights of zero": parts("first", 0, "second", 0)} {
		if _, err := split.New(split.Options{Name: "none", Parts: none}); err == nil {
			t.Errorf("%s: a split is made", name)
		}
	}
}

// TestAClientStaysAsByTraefik has Traefik's sticky sessions: who has a cookie stays where it leads, and one that leads nowhere is replaced.
func TestAClientStaysAsByTraefik(t *testing.T) {
	t.Parallel()
	table := policytest.Table(t, made(t, split.Options{Parts: parts("first", 1, "second", 2), Sticky: &split.Sticky{Cookie: "test"}}))
	for range 20 {
		first := policytest.Serve(table, policytest.Request("GET", "/items/1"))
		cookies := first.Result().Cookies()
		if len(cookies) != 1 || cookies[0].MaxAge != 0 || cookies[0].SameSite != http.SameSiteLaxMode {
			t.Fatalf("the cookies are %v", cookies)
		}
		for range 3 {
			again := policytest.Serve(table, policytest.Request("GET", "/items/1", "Cookie", "test="+cookies[0].Value))
			if again.Body.String() != first.Body.String() || len(again.Result().Cookies()) != 0 {
				t.Errorf("a client of %s went to %s, and got %v", first.Body, again.Body, again.Result().Cookies())
			}
		}
	}
	if unknown := policytest.Serve(table, policytest.Request("GET", "/items/1", "Cookie", "test=none")); len(unknown.Result().Cookies()) != 1 {
		t.Error("a cookie that leads nowhere is not replaced")
	}
}
