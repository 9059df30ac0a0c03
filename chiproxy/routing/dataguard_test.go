package routing

import (
	"fmt"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

func TestDataGuard(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		conditions []chiproxy.Condition
		want       map[string]bool
	}{
		"a header with a value": {
			[]chiproxy.Condition{{Name: "x-tenant", Values: []string{"a", "b"}}},
			map[string]bool{"/ | X-Tenant: a": true, "/ | X-Tenant: b": true, "/ | X-Tenant: A": false, "/": false, "/ | X-Tenant: c | X-Tenant: b": true},
		},
		"a header that is there": {
			[]chiproxy.Condition{{Name: "X-Tenant"}}, map[string]bool{"/ | X-Tenant: a": true, "/": false},
		},
		"the host": {
			[]chiproxy.Condition{{Name: "host", Values: []string{"a.example"}}}, map[string]bool{"http://a.example/": true, "http://b.example/": false},
		},
		"a parameter of the query": {
			[]chiproxy.Condition{{In: chiproxy.InQuery, Name: "v", Values: []string{"1 &"}}},
			map[string]bool{"/?v=1+%26": true, "/?v=0&v=1%20%26": true, "/?v=1": false, "/?%76=1+%26": true, "/?v=%zz&v=1+%26": true, "/": false, "/?v=1+%26;": false},
		},
		"a parameter that is there": {
			[]chiproxy.Condition{{In: chiproxy.InQuery, Name: "debug"}}, map[string]bool{"/?debug": true, "/?debug=": true, "/?a=1&debug=x": true, "/?d": false},
		},
		"a parameter that net/url does not read": {
			[]chiproxy.Condition{{In: chiproxy.InQuery, Name: "role", Values: []string{"a;b", "%zz", "x%y"}}},
			map[string]bool{
				"/?role=a;b": true, "/?role=%zz": true, "/?role=%78%%79": true, "/?role=a%3Bb&c": true, "/?x;role=a;b": false, "/?role=a": false, "/?%=1&role=%zz": true,
			},
		},
		"a cookie": {
			[]chiproxy.Condition{{In: chiproxy.InCookie, Name: "beta", Values: []string{"1"}}},
			map[string]bool{"/ | Cookie: a=b; beta=1": true, "/ | Cookie: beta=2": false, "/ | Cookie: Beta=1": false, "/": false},
		},
		"all conditions": {
			[]chiproxy.Condition{{Name: "A"}, {In: chiproxy.InQuery, Name: "q"}},
			map[string]bool{"/?q | A: 1": true, "/?q": false, "/ | A: 1": false},
		},
		"no condition": {nil, map[string]bool{"/": true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &chiproxy.DataGuard{Conditions: c.conditions}
			few := []chiproxy.Item{at("/", say("true"), g), at("/", say("false"))}
			many := few[:1:1] // so many routes that they have an index, by all kinds of fields
			for i := range 3 * manyRoutes {
				never := chiproxy.Condition{In: chiproxy.Source(i % 3), Name: fmt.Sprint("none-", i%7), Values: []string{fmt.Sprint(i)}}
				many = append(many, at("/", say("never"), &chiproxy.DataGuard{Conditions: []chiproxy.Condition{never}}))
			}
			many = append(many, few[1])
			want := expect{}
			for line, holds := range c.want {
				want[line] = fmt.Sprint(holds)
			}
			want.check(t, only(few...))
			want.check(t, only(many...))
		})
	}
}

func TestIndexedRoutesAreTriedInOrder(t *testing.T) {
	t.Parallel()
	var items []chiproxy.Item
	for i := range 20 {
		items = append(items, at("GET /", say(fmt.Sprint("a", i)), header("X-A", fmt.Sprint(i))))
		items = append(items, at("GET /", say(fmt.Sprint("b", i)), header("X-B", fmt.Sprint(i))))
	}
	items[9].Route.Priority = 1 // b4
	items = append(items, at("GET /", say("function"), guardFunc(func(ex *chiproxy.Exchange) (bool, error) { return ex.R.Header.Get("X-F") != "", nil })),
		at("GET /", say("late"), header("X-A")), at("GET /", say("rest")))
	expect{
		"/ | X-A: 7 | X-B: 3": "b3", "/ | X-A: 3 | X-B: 3": "a3", "/ | X-A: 1 | X-B: 4": "b4", "/ | X-A: 99": "late",
		"/ | X-A: 99 | X-F: 1": "function", "/": "rest", "POST / | X-A: 1": "405",
	}.check(t, only(items...))
}

func TestIndexedRoutesOfAnotherMethodAreAnsweredByTheScopeAroundAll(t *testing.T) {
	t.Parallel()
	answers := func(who string) *chiproxy.Answer { return saying(static.Respond{Status: 405, Body: who}) }
	var inner, outer []chiproxy.Item
	for i := range manyRoutes {
		inner = append(inner, at("GET /", say(""), header("X-A", fmt.Sprint(i))))
		outer = append(outer, at("GET /", say(""), header("X-B", fmt.Sprint(i))))
	}
	group := in(chiproxy.Scope{Middleware: []chiproxy.Middleware{key}, MethodNotAllowed: answers("group")}, inner...)
	around := root(group)
	around.MethodNotAllowed = answers("root")
	expect{"POST /": "401", "POST / | Key: 1": "group"}.check(t, chiproxy.Spec{Default: chiproxy.Tenant{Root: around}})
	for _, items := range [][]chiproxy.Item{append([]chiproxy.Item{group}, outer...), append(outer, group)} {
		around.Items = items
		expect{"POST /": "root", "POST / | X-A: 1": "root"}.check(t, chiproxy.Spec{Default: chiproxy.Tenant{Root: around}})
	}
}
