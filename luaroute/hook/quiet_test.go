package hook

import (
	"fmt"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

func TestAMessageIsLoggedTenTimesASecondAndTheNextLineCountsTheRest(t *testing.T) {
	t.Parallel()
	var q quiet
	now := time.Unix(1_000, 0)
	function := origin.Origin{Script: "main.lua", Line: 3}
	allowed := 0
	for range 1_000 {
		if suppressed, ok := q.allow(saying{function, "broken"}, now); ok {
			if allowed++; suppressed != 0 {
				t.Fatalf("line %d counts %d before it", allowed, suppressed)
			}
		}
	}
	if allowed != linesOfMessage {
		t.Errorf("%d lines were allowed", allowed)
	}
	if suppressed, ok := q.allow(saying{function, "broken otherwise"}, now); !ok || suppressed != 990 {
		t.Errorf("another message: %v, %d before it", ok, suppressed)
	}
	if _, ok := q.allow(saying{origin.Origin{Script: "main.lua", Line: 9}, "broken"}, now); !ok {
		t.Error("the message of another function is not allowed")
	}
	if _, ok := q.allow(saying{function, "broken"}, now.Add(time.Second-1)); ok {
		t.Error("the line is allowed in the same second")
	}
	if suppressed, ok := q.allow(saying{function, "broken"}, now.Add(time.Second)); !ok || suppressed != 1 {
		t.Errorf("a second later: %v, %d before it", ok, suppressed)
	}
}

func TestMessagesThatAllDifferAreLimitedTogether(t *testing.T) {
	t.Parallel()
	var q quiet
	now := time.Unix(1_000, 0)
	for second := range 3 {
		allowed := 0
		for i := range 10_000 {
			if _, ok := q.allow(saying{message: fmt.Sprint(second, i)}, now.Add(time.Duration(second)*time.Second)); ok {
				allowed++
			}
		}
		if allowed != linesOfTenant || len(q.said) > linesOfTenant {
			t.Errorf("second %d: %d lines were allowed, %d are remembered", second, allowed, len(q.said))
		}
	}
}
