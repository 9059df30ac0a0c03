package routing

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// TestAFieldThatARequestRepeatsFindsEachRouteOnce repeats fields many times: what an index finds is no more than the routes it has, and the
// memory that it takes for that no more either.
func TestAFieldThatARequestRepeatsFindsEachRouteOnce(t *testing.T) {
	t.Parallel()
	const routes, times = 64, 2000
	for kind, condition := range map[string]func(i int) chiproxy.Condition{
		"any value":     func(int) chiproxy.Condition { return chiproxy.Condition{} },
		"one value":     func(int) chiproxy.Condition { return chiproxy.Condition{Values: []string{"b"}} },
		"many values":   func(i int) chiproxy.Condition { return chiproxy.Condition{Values: []string{"b", fmt.Sprint(i)}} },
		"one prefix":    func(int) chiproxy.Condition { return chiproxy.Condition{Prefixes: []string{"b"}} },
		"many prefixes": func(i int) chiproxy.Condition { return chiproxy.Condition{Prefixes: []string{"", "b", fmt.Sprint(i)}} },
		"both": func(i int) chiproxy.Condition {
			return chiproxy.Condition{Values: []string{"b"}, Prefixes: []string{fmt.Sprint(i), "b"}}
		},
	} {
		for in := chiproxy.InHeader; in <= chiproxy.InCookie; in++ {
			t.Run(fmt.Sprint(kind, " ", in), func(t *testing.T) {
				t.Parallel()
				var all []candidate
				one := new(scope)
				for i := range routes {
					c := condition(i)
					c.In, c.Name = in, "A"
					all = append(all, candidate{scope: one, common: new(common), route: &chiproxy.Route{Guards: []chiproxy.Guard{&chiproxy.DataGuard{Conditions: []chiproxy.Condition{c}}}}})
				}
				r := httptest.NewRequest("GET", "/?"+strings.Repeat("A=b&", times), nil)
				r.Header["A"] = slices.Repeat([]string{"b"}, times)
				r.Header["Cookie"] = []string{strings.TrimSuffix(strings.Repeat("A=b; ", times), "; ")}
				var fd finder
				hits := fd.find(newGuardIndex(all), r)
				if len(hits) != routes || !slices.IsSorted(hits) {
					t.Errorf("found %d routes, want %d: %v", len(hits), routes, hits)
				}
				if cap(hits) > 8*routes {
					t.Errorf("it took memory for %d positions to find %d", cap(hits), routes)
				}
			})
		}
	}
}

// TestOfManyRoutesThatDifferInAPrefixOnlyThoseAreAskedThatMayHold counts what an index finds.
func TestOfManyRoutesThatDifferInAPrefixOnlyThoseAreAskedThatMayHold(t *testing.T) {
	t.Parallel()
	var all []candidate
	one := new(scope)
	for i := range 2000 {
		c := chiproxy.Condition{In: chiproxy.InQuery, Name: "a", Prefixes: []string{fmt.Sprintf("p%d-", i), fmt.Sprintf("q%d-", i)}}
		all = append(all, candidate{scope: one, common: new(common), route: &chiproxy.Route{Guards: []chiproxy.Guard{&chiproxy.DataGuard{Conditions: []chiproxy.Condition{c}}}}})
	}
	x := newGuardIndex(all)
	var fd finder
	for query, want := range map[string][]int32{
		"a=p7-x": {7}, "a=q1999-": {1999}, "a=p7": nil, "a=": nil, "": nil, "b=p7-": nil, "a=p3-&a=q2-": {2, 3}, "a=p3-&a=q3-": {3},
	} {
		if got := fd.find(x, httptest.NewRequest("GET", "/?"+query, nil)); !slices.Equal(got, want) {
			t.Errorf("%s: found %v, want %v", query, got, want)
		}
	}
}
