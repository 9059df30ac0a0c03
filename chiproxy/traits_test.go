package chiproxy

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/ports"
)

// What an action says of itself before it runs is what it does: on a pool that answers and on one that does not.
func TestAnActionDoesWhatItsTraitsSay(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	pools := scopeOf(t, byName{
		"alive": mustAcquire(t, p, dials("", named(t, "alive"))),
		"dead":  mustAcquire(t, p, dials("", ports.Dead(t))),
	})
	stripping := *pools
	stripping.Strip = "/a"
	declining := &ErrorPolicy{Mode: FailDecline}
	for name, row := range map[string]struct {
		action   Action
		pools    *PoolScope
		declines bool
		forwards bool
		status   int
		refuses  bool
	}{
		"an error":                         {action: Error{Status: 401}, status: 401, refuses: true},
		"an error without a status":        {action: Error{}, status: 500, refuses: true},
		"decline":                          {action: Decline{}, declines: true},
		"a handler":                        {action: Module{Handler: answering{}}},
		"a pool":                           {action: Proxy{Pool: "alive"}, forwards: true},
		"a pool that fails":                {action: Proxy{Pool: "dead"}, forwards: true},
		"a pool without the prefix":        {action: Proxy{Pool: "alive"}, pools: &stripping, forwards: true},
		"a pool that declines":             {action: Proxy{Pool: "dead", OnError: declining}, declines: true, forwards: true},
		"one that declines, and no prefix": {action: Proxy{Pool: "dead", OnError: declining}, pools: &stripping, declines: true, forwards: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := row.pools
			if in == nil {
				in = pools
			}
			bound, err := in.Bind(row.action)
			if err != nil {
				t.Fatal(err)
			}
			traits := bound.Traits()
			if traits.Declines != row.declines || traits.Forwards != row.forwards || traits.Status != row.status || traits.Refuses() != row.refuses || !traits.Pure {
				t.Errorf("%+v", traits)
			}
			if open := row.forwards || row.status/100 == 2; traits.Open() != open {
				t.Errorf("open: %v", traits.Open())
			}
			out := perform(t, row.action, in, get("http://a.example/a/x"))
			if (out.verdict == Declined) != row.declines {
				t.Errorf("it declined: %v", out.verdict == Declined)
			}
			if row.status == 0 {
				return
			}
			status := out.Code
			if out.err != nil {
				status = out.ex.answerOf(out.err).StatusCode
			}
			if status != row.status {
				t.Errorf("it answered %d", status)
			}
		})
	}
}

func TestWhatCouldNotBeBoundMayDoAnything(t *testing.T) {
	t.Parallel()
	traits := TraitsOf(nil)
	if traits.NeverDeclines(&ErrorPolicy{}) || !traits.Changes || traits.Pure || traits.Open() || traits.Refuses() {
		t.Errorf("%+v", traits)
	}
}
