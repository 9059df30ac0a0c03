package allow_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/allow"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// somebody is an identity in some groups.
type somebody struct {
	name   string
	groups []string
}

func (s *somebody) Name() string { return s.name }
func (*somebody) JSON() string   { return "{}" }
func (*somebody) ID() string     { return "" }
func (s *somebody) Any(field string, values []string) bool {
	return field == "groups" && slices.ContainsFunc(values, func(v string) bool { return slices.Contains(s.groups, v) })
}

// identifies is middleware that says who a request is from.
type identifies []*somebody

func (i identifies) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	for _, s := range i {
		ex.Identify(s)
	}
	return next()
}

func (identifies) Traits() chiproxy.Traits { return chiproxy.Traits{} }

func TestWhoIsInOneOfTheGroupsPasses(t *testing.T) {
	t.Parallel()
	of := func(name string, groups ...string) *somebody { return &somebody{name, groups} }
	for name, row := range map[string]struct {
		who    identifies
		field  string
		status int
	}{
		"in one":                        {identifies{of("claims", "a", "admin")}, "groups", 200},
		"in none":                       {identifies{of("claims", "a")}, "groups", 403},
		"nobody":                        {nil, "groups", 403},
		"another field":                 {identifies{of("claims", "admin")}, "roles", 403},
		"the second of two":             {identifies{of("claims"), of("consumer", "root")}, "groups", 200},
		"one that replaces the same":    {identifies{of("claims", "admin"), of("claims", "a")}, "groups", 403},
		"one that is replaced is in it": {identifies{of("claims", "a"), of("claims", "admin")}, "groups", 200},
	} {
		table := policytest.Table(t, policytest.Answer(http.StatusOK), row.who, &allow.Middleware{Groups: []string{"root", "admin"}, Field: row.field})
		for _, method := range []string{"GET", "HEAD", "POST"} {
			if got := policytest.Serve(table, policytest.Request(method, "/items/1")); got.Code != row.status {
				t.Errorf("%s: %s got %d; want %d", name, method, got.Code, row.status)
			}
		}
		steps, note := policytest.Explain(table, policytest.Request("GET", "/items/1")), ""
		if row.status == 403 {
			note = "refused: in none of the groups"
		}
		if len(steps) != 2 || steps[1].Note != note {
			t.Errorf("%s: the steps are %+v; want the note %q", name, steps, note)
		}
	}
}

func TestARequestThatIsAllowedAllocatesNothing(t *testing.T) {
	m := &allow.Middleware{Groups: []string{"admin"}, Field: "groups"}
	who := identifies{{"claims", []string{"admin"}}}
	action := policytest.Action(func(*chiproxy.Exchange) error { return nil })
	r := policytest.From(policytest.Request("GET", "/items/1"), policytest.Client)
	w := policytest.Discard()
	count := func(around ...chiproxy.Middleware) float64 {
		table := policytest.Table(t, action, around...)
		return testkit.Allocs(100, func() { _ = table.Serve(w, r, nil) })
	}
	if bare, with := count(who), count(who, m); with > bare {
		t.Errorf("it allocates %v times, and %v without", with, bare)
	}
}
