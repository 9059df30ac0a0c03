package vm

import (
	"testing"
	"time"
)

func TestShortCallsCountByTheirInstructions(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, "keep(function() return 1 end) keep(function() local n = 0 for i = 1, 200 do n = n + i end return n end)", Options{})
	spent := func(i int) time.Duration {
		s := img.NewState()
		s.Arm(Limits{CPU: time.Minute}, t.Context())
		if _, err := call(s, refs[i]); err != nil {
			t.Fatal(err)
		}
		return s.Spent()
	}
	if short, long := spent(0), spent(1); short <= 0 || short > time.Microsecond || long < 200*usualStep || long > unseen {
		t.Errorf("a call of two instructions took %v, one of some hundred %v", short, long)
	}
}
