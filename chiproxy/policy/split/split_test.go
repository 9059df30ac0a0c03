package split_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/key"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/split"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// says is an action that answers with a word.
func says(word string) chiproxy.Action { return static.Respond{Body: word} }

// parts returns parts that answer with their names, from names and weights in turn.
func parts(namesAndWeights ...any) []split.Part {
	var all []split.Part
	for i := 0; i < len(namesAndWeights); i += 2 {
		name := namesAndWeights[i].(string)
		all = append(all, split.Part{Name: name, Action: says(name), Weight: float64(namesAndWeights[i+1].(int))})
	}
	return all
}

func byUser(t testing.TB) *key.Key {
	t.Helper()
	k, err := key.Parse("header:X-User")
	if err != nil {
		t.Fatal(err)
	}
	return &k
}

func made(t testing.TB, o split.Options) *split.Split {
	t.Helper()
	if o.Name == "" {
		o.Name = "canary"
	}
	s, err := split.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const users = 4000

// where returns where each of many users goes.
func where(t *testing.T, o split.Options) []string {
	t.Helper()
	table := policytest.Table(t, made(t, o))
	all := make([]string, users)
	for i := range all {
		all[i] = policytest.Serve(table, policytest.Request("GET", "/items/1", "X-User", fmt.Sprint("user-", i))).Body.String()
	}
	return all
}

func share(all []string, of string) float64 {
	n := 0
	for _, v := range all {
		if v == of {
			n++
		}
	}
	return float64(n) / float64(len(all))
}

func TestRequestsAreDividedAsTheWeightsSay(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]*key.Key{"by a key": byUser(t), "by chance": nil} {
		all := where(t, split.Options{Parts: parts("a", 5, "b", 2, "c", 2, "d", 1, "e", 0), By: by})
		for part, want := range map[string]float64{"a": .5, "b": .2, "c": .2, "d": .1, "e": 0} {
			if got := share(all, part); math.Abs(got-want) > 4*math.Sqrt(want*(1-want)/users) {
				t.Errorf("%s, %s has %.3f; want %.3f", name, part, got, want)
			}
		}
	}
}

// TestAGreaterShareMovesNoMoreThanItTakes raises one share and compares where each user goes before and after.
func TestAGreaterShareMovesNoMoreThanItTakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		before, after []split.Part
		grows         string
		moved         float64
	}{
		{"a canary", parts("v1", 90, "v2", 10), parts("v1", 80, "v2", 20), "v2", .1},
		{"a new part", parts("v1", 1), parts("v1", 9, "v2", 1), "v2", .1},
		{"all of it", parts("v1", 90, "v2", 10), parts("v1", 0, "v2", 100), "v2", .9},
		{"the last of three", parts("v1", 80, "v2", 10, "v3", 10), parts("v1", 70, "v2", 10, "v3", 20), "v3", .1},
		{"the first of three", parts("v1", 60, "v2", 20, "v3", 20), parts("v1", 80, "v2", 20, "v3", 0), "v1", .2},
		{"other units", parts("v1", 9, "v2", 1), parts("v1", 900, "v2", 100), "", 0},
	} {
		before := where(t, split.Options{Parts: c.before, By: byUser(t)})
		after := where(t, split.Options{Parts: c.after, By: byUser(t)})
		moved, elsewhere := 0, 0
		for i := range before {
			if before[i] != after[i] {
				moved++
				if after[i] != c.grows {
					elsewhere++
				}
			}
		}
		if got := float64(moved) / users; math.Abs(got-c.moved) > .02 || elsewhere > 0 {
			t.Errorf("%s: %.3f moved, %d of them elsewhere; want %.3f, all to %s", c.name, got, elsewhere, c.moved, c.grows)
		}
	}
}

func TestTwoSplitsDivideTheSameClientsDifferently(t *testing.T) {
	t.Parallel()
	one := where(t, split.Options{Name: "one", Parts: parts("a", 1, "b", 1), By: byUser(t)})
	two := where(t, split.Options{Name: "two", Parts: parts("a", 1, "b", 1), By: byUser(t)})
	again := where(t, split.Options{Name: "one", Parts: parts("a", 1, "b", 1), By: byUser(t)})
	same, kept := 0, 0
	for i := range one {
		if one[i] == two[i] {
			same++
		}
		if one[i] == again[i] {
			kept++
		}
	}
	if math.Abs(float64(same)/users-.5) > .05 || kept != users {
		t.Errorf("%d of %d go the same way in both, and %d in the same again; want half, and all", same, users, kept)
	}
}

// TestWhereAClientGoesIsTheSameInEveryProcess pins some, so that servers that are updated one by one agree.
func TestWhereAClientGoesIsTheSameInEveryProcess(t *testing.T) {
	t.Parallel()
	got := strings.Join(where(t, split.Options{Parts: parts("a", 1, "b", 1), By: byUser(t)})[:24], "")
	if want := "bbababbbaaaababbbbbbaaaa"; got != want {
		t.Errorf("the first users go to %s; want %s", got, want)
	}
}

func TestAClientWithACookieStaysWhereItWent(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", "0123456789abcdef"} {
		sticky := &split.Sticky{Cookie: "v", TTL: 3600e9, Secret: secret}
		table := policytest.Table(t, made(t, split.Options{Parts: parts("a", 1, "b", 1), Sticky: sticky}))
		later := policytest.Table(t, made(t, split.Options{Parts: parts("a", 1, "b", 0), Sticky: sticky}))
		seen := map[string]string{}
		for range 100 {
			first := policytest.Serve(table, policytest.Request("GET", "/items/1"))
			set := first.Result().Cookies()
			if len(set) != 1 || set[0].Name != "v" || set[0].MaxAge != 3600 || !set[0].HttpOnly || set[0].Secure || set[0].Path != "/" {
				t.Fatalf("the cookies are %v", set)
			}
			seen[first.Body.String()] = set[0].Value
		}
		if len(seen) != 2 {
			t.Fatalf("a hundred clients went to %v", seen)
		}
		for part, value := range seen {
			for _, cookie := range []string{"v=" + value, "x=1; v=" + value + "; y=2", "v=nonsense; v=" + value} {
				w := policytest.Serve(later, policytest.Request("GET", "/items/1", "Cookie", cookie))
				if w.Body.String() != part || len(w.Result().Cookies()) > 0 {
					t.Errorf("with %s a client of %s went to %s, and got %v", cookie, part, w.Body, w.Result().Cookies())
				}
			}
		}
		for _, cookie := range []string{"v=", "v=7", "v=b", "w=" + seen["b"], "v=" + seen["b"] + "x"} { // b is drained: chance leads to a
			w := policytest.Serve(later, policytest.Request("GET", "/items/1", "Cookie", cookie))
			if w.Body.String() != "a" || len(w.Result().Cookies()) != 1 {
				t.Errorf("with %s a client went to %s, and got %v; want a and a cookie", cookie, w.Body, w.Result().Cookies())
			}
		}
		if secret != "" && (seen["a"] == "1" || len(seen["a"]) < 20) {
			t.Errorf("a value is %q; want one that nobody can guess", seen["a"])
		}
	}
}

// poolsTable is a table of a split of pools of which one has no upstream that is available, and an action in place of names.
func poolsTable(t *testing.T, action chiproxy.Action) *routing.Table {
	t.Helper()
	return policytest.Build(t, chiproxy.Spec{
		Pools: []pool.Spec{
			{Name: "up", Config: []byte(testkit.Dials("", ports.Dead(t)))},
			{Name: "down", Config: []byte(`{"upstreams": [{"dial": "` + ports.Dead(t) + `", "max_requests": 1}], "health_checks": {"passive": {"fail_duration": "1h"}}}`)},
		},
		Default: chiproxy.Tenant{Root: chiproxy.Scope{Items: []chiproxy.Item{{Route: &chiproxy.Route{
			Pattern: "/items/{id}", Action: action, Origin: origin.Origin{Script: "main.lua", Line: 1},
		}}}}},
	})
}

func TestOthersTakeTheRequestsOfAPartWhosePoolIsDown(t *testing.T) {
	t.Parallel()
	down := chiproxy.Proxy{Pool: "down"}
	inner := made(t, split.Options{Name: "inner", Parts: []split.Part{{Name: "x", Action: down, Weight: 1}}})
	for _, c := range []struct {
		name   string
		down   chiproxy.Action
		others bool
		want   float64
	}{
		{"others", down, true, 0},
		{"fail", down, false, .5},
		{"a split of what is down", inner, true, 0},
	} {
		table := poolsTable(t, made(t, split.Options{
			Parts:  []split.Part{{Name: "down", Action: c.down, Weight: 2}, {Name: "a", Action: says("a"), Weight: 1}, {Name: "b", Action: says("b"), Weight: 1}},
			Others: c.others, By: byUser(t),
		}))
		if c.others { // fails once, and is down from then on
			for i := range 100 {
				policytest.Serve(table, policytest.Request("GET", "/items/1", "X-User", fmt.Sprint("first-", i)))
			}
		}
		all := make([]string, users)
		for i := range all {
			w := policytest.Serve(table, policytest.Request("GET", "/items/1", "X-User", fmt.Sprint("user-", i)))
			if all[i] = w.Body.String(); w.Code >= 500 {
				all[i] = "failed"
			}
		}
		left := (1 - c.want) / 2
		if f, a, b := share(all, "failed"), share(all, "a"), share(all, "b"); math.Abs(f-c.want) > .04 || math.Abs(a-left) > .04 || math.Abs(b-left) > .04 {
			t.Errorf("%s: %.2f failed, a has %.2f and b %.2f; want %.2f, %.2f, %.2f", c.name, f, a, b, c.want, left, left)
		}
	}
}

func TestASplitOfSplitsDividesTwice(t *testing.T) {
	t.Parallel()
	inner := made(t, split.Options{Name: "inner", Parts: parts("b", 1, "c", 1), By: byUser(t)})
	all := where(t, split.Options{
		Name: "outer", By: byUser(t),
		Parts: []split.Part{{Name: "a", Action: says("a"), Weight: 1}, {Name: "inner", Action: inner, Weight: 1}},
	})
	for part, want := range map[string]float64{"a": .5, "b": .25, "c": .25} {
		if got := share(all, part); math.Abs(got-want) > .04 {
			t.Errorf("%s has %.3f; want %.3f", part, got, want)
		}
	}
}

func TestAnExplanationNamesThePart(t *testing.T) {
	t.Parallel()
	table := poolsTable(t, made(t, split.Options{Parts: []split.Part{{Name: "v1", Action: chiproxy.Proxy{Pool: "up"}, Weight: 0}, {Name: "v2", Action: chiproxy.Proxy{Pool: "down", Path: "/x"}, Weight: 1}}}))
	d := explain.Decide(table, policytest.From(policytest.Request("GET", "/items/1"), policytest.Client), false)
	if d.Action != "split canary" || d.Variant != "v2" || d.Pool != "down" || d.Request.URI != "/x" || d.Stops != "" {
		t.Errorf("the decision is %+v", d)
	}
}

func TestAPartThatDeclinesLeavesNothing(t *testing.T) {
	t.Parallel()
	s := made(t, split.Options{Parts: []split.Part{{Name: "none", Action: chiproxy.Decline{}, Weight: 1}}, Sticky: &split.Sticky{Cookie: "v"}})
	if w := policytest.Serve(policytest.Table(t, s), policytest.Request("GET", "/items/1")); w.Code != http.StatusTeapot || len(w.Header()["Set-Cookie"]) > 0 {
		t.Errorf("%d, %v; want what is next, and no cookie", w.Code, w.Header())
	}
}

func TestASplitThatCannotBeIsAnError(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]split.Options{
		"expected 1 to 100":             {},
		"two parts are named":           {Parts: parts("a", 1, "a", 1)},
		"all weights are 0":             {Parts: parts("a", 0)},
		"the weight of \"a\" is -1":     {Parts: parts("a", -1, "b", 2)},
		"is not a cookie name":          {Parts: parts("a", 1), Sticky: &split.Sticky{Cookie: "a b"}},
		"expected 1s or more":           {Parts: parts("a", 1), Sticky: &split.Sticky{Cookie: "a", TTL: 1}},
		"the secret has 5 bytes":        {Parts: parts("a", 1), Sticky: &split.Sticky{Cookie: "a", Secret: "short"}},
		"expected 0 or more":            {Parts: []split.Part{{Name: "a", Action: says("a"), Weight: math.NaN()}}},
		"is +Inf; expected 0 or more":   {Parts: []split.Part{{Name: "b", Action: says("a"), Weight: math.Inf(1)}}},
		"there are 101 parts; expected": {Parts: make([]split.Part, 101)},
	} {
		if _, err := split.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}

func TestDividingAllocatesNothing(t *testing.T) {
	k, err := key.Parse("client_ip")
	if err != nil {
		t.Fatal(err)
	}
	nothing := policytest.Action(func(*chiproxy.Exchange) error { return nil })
	for name, o := range map[string]split.Options{
		"by a key":      {By: &k, Others: true},
		"by chance":     {},
		"with a cookie": {Sticky: &split.Sticky{Cookie: "v", Secret: "0123456789abcdef"}},
	} {
		o.Parts = []split.Part{{Name: "1", Action: nothing, Weight: 1}, {Name: "2", Action: nothing, Weight: 1}}
		cookie := "a=b; v=none"
		if o.Sticky != nil {
			s := made(t, o)
			w := policytest.Serve(policytest.Table(t, s), policytest.Request("GET", "/items/1"))
			cookie = w.Result().Cookies()[0].Name + "=" + w.Result().Cookies()[0].Value
		}
		var measured float64
		var inner chiproxy.Action
		measure := policytest.Action(func(ex *chiproxy.Exchange) error {
			measured = testkit.Allocs(100, func() { _, _ = ex.Act(inner) })
			return nil
		})
		table := policytest.Table(t, binding{measure, made(t, o), &inner})
		policytest.Serve(table, policytest.Request("GET", "/items/1", "Cookie", cookie))
		if measured != 0 {
			t.Errorf("%s there are %v allocations; want none", name, measured)
		}
	}
}

// binding is an action that keeps what another is bound to.
type binding struct {
	chiproxy.Action
	of *split.Split
	to *chiproxy.Action
}

func (b binding) Bind(pools *chiproxy.PoolScope) (chiproxy.Action, error) {
	var err error
	*b.to, err = b.of.Bind(pools)
	return b.Action, err
}

func BenchmarkSplit(b *testing.B) {
	k, err := key.Parse("client_ip")
	if err != nil {
		b.Fatal(err)
	}
	nothing := policytest.Action(func(*chiproxy.Exchange) error { return nil })
	var inner chiproxy.Action
	measure := policytest.Action(func(ex *chiproxy.Exchange) error {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = ex.Act(inner)
		}
		return nil
	})
	s := made(b, split.Options{By: &k, Sticky: &split.Sticky{Cookie: "v"}, Parts: []split.Part{{Name: "1", Action: nothing, Weight: 1}}})
	table := policytest.Table(b, binding{measure, s, &inner})
	policytest.Serve(table, policytest.Request("GET", "/items/1", "Cookie", "a=b; v=1"))
}
