package budget_test

import (
	"context"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/budget"
)

// limiter notes what it is asked for.
type limiter struct {
	kv.Store
	asked kv.Take
}

func (l *limiter) Take(_ context.Context, take kv.Take) (kv.Taken, error) {
	l.asked = take
	return kv.Taken{OK: true, Remaining: 7, Reset: 2, RetryAfter: 3}, nil
}

func TestALimitCountsInTheScopeOfItsTenant(t *testing.T) {
	l, scope := new(limiter), kv.Scope{Instance: "main", Tenant: "acme"}
	got, err := budget.Of(&kv.Space{Store: l, Scope: scope}).Take(t.Context(), limit.Ask{Key: "api:1", Interval: time.Hour, Burst: 5, Cost: 2})
	if want := (limit.Budget{OK: true, Remaining: 7, Reset: 2, RetryAfter: 3}); got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if want := (kv.Take{Scope: scope, Key: "api:1", Interval: time.Hour, Burst: 5, Cost: 2}); l.asked != want {
		t.Errorf("it was asked for %+v", l.asked)
	}
}

// plain counts no limits.
type plain struct{ kv.Store }

func TestAStoreThatCountsNoLimitsIsNone(t *testing.T) {
	for _, space := range []*kv.Space{nil, {Store: plain{}}} {
		if got := budget.Of(space); got != nil {
			t.Errorf("%+v", got)
		}
	}
}
