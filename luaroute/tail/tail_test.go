package tail_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/tail"
)

var start = time.Unix(1_700_000_000, 0)

func at(d time.Duration) *tail.Event {
	return &tail.Event{Time: start.Add(d), Method: "GET", Path: "/a", Tenant: "acme", Pattern: "/{x}", Pool: "app", Outcome: "proxied", Status: 404}
}

func look(t *testing.T, h *tail.Hub, f tail.Filter, perSecond float64) *tail.Viewer {
	t.Helper()
	v, err := h.Look(f, perSecond)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAViewerGetsWhatEndsWhileItLooks(t *testing.T) {
	t.Parallel()
	var h tail.Hub
	h.Send(at(0))
	if h.Watched() {
		t.Error("it is watched before anybody looks")
	}
	v := look(t, &h, tail.Filter{}, 50)
	if !h.Watched() {
		t.Error("it is not watched")
	}
	e := at(0)
	h.Send(e)
	if got := <-v.Events; got != e {
		t.Errorf("got %+v", got)
	}
	v.Close()
	v.Close()
	if h.Watched() {
		t.Error("it is watched after the last has left")
	}
}

func TestAViewerGetsAtMostItsRateAndLearnsWhatItMissed(t *testing.T) {
	t.Parallel()
	var h tail.Hub
	v := look(t, &h, tail.Filter{}, 10)
	for i := range 1000 { // one each millisecond
		h.Send(at(time.Duration(i) * time.Millisecond))
	}
	if got, missed := len(v.Events), v.Skipped(); got != 10+9 || missed != 1000-19 {
		t.Errorf("of 1000 in a second it got %d and missed %d; want 10 at once, 9 more as time went on, and the rest missed", got, missed)
	}
	if v.Skipped() != 0 {
		t.Error("what was told is told again")
	}
}

func TestARateBelowOneInASecondLetsSomethingPass(t *testing.T) {
	t.Parallel()
	var h tail.Hub
	v := look(t, &h, tail.Filter{}, 0.5)
	for i := range 10 {
		h.Send(at(time.Duration(i) * time.Second))
	}
	if got := len(v.Events); got != 5 {
		t.Errorf("in 10 seconds it got %d; want 5", got)
	}
}

func TestAViewerThatDoesNotReadHoldsNothingUp(t *testing.T) {
	t.Parallel()
	var h tail.Hub
	v := look(t, &h, tail.Filter{}, 1e6)
	for range 1000 {
		h.Send(at(0))
	}
	if got, missed := len(v.Events), v.Skipped(); got != 256 || missed != 744 {
		t.Errorf("%d wait and %d were missed; want 256 and 744", got, missed)
	}
}

func TestEightMayLookAtOnce(t *testing.T) {
	t.Parallel()
	var h tail.Hub
	var last *tail.Viewer
	for range tail.MaxViewers {
		last = look(t, &h, tail.Filter{}, 1)
	}
	if _, err := h.Look(tail.Filter{}, 1); !errors.Is(err, tail.ErrFull) {
		t.Errorf("the ninth got %v", err)
	}
	last.Close()
	look(t, &h, tail.Filter{}, 1)
}

func TestTheEndOfAConfigurationEndsItsViewers(t *testing.T) {
	t.Parallel()
	var h tail.Hub
	v := look(t, &h, tail.Filter{}, 1)
	h.End()
	h.End()
	<-v.Ended
	v.Close()
	if _, err := h.Look(tail.Filter{}, 1); !errors.Is(err, tail.ErrEnded) {
		t.Errorf("a viewer afterwards got %v", err)
	}
	h.Send(at(0))
}

func TestAFilterTakesWhatItNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tail.Filter
		want bool
	}{
		{tail.Filter{}, true},
		{tail.Filter{Tenant: "acme"}, true},
		{tail.Filter{Tenant: "other"}, false},
		{tail.Filter{TenantSet: true}, false},
		{tail.Filter{Pattern: "/{x}"}, true},
		{tail.Filter{Pattern: "/"}, false},
		{tail.Filter{Pool: "app"}, true},
		{tail.Filter{Pool: "ap"}, false},
		{tail.Filter{Outcome: "proxied"}, true},
		{tail.Filter{Outcome: "error"}, false},
		{tail.Filter{Status: 404}, true},
		{tail.Filter{Status: 4}, true},
		{tail.Filter{Status: 5}, false},
		{tail.Filter{Status: 400}, false},
	} {
		if got := c.Takes(at(0)); got != c.want {
			t.Errorf("%s: %t", fmt.Sprintf("%+v", c.Filter), got)
		}
	}
}

func TestViewersComeAndGoWhileRequestsEnd(t *testing.T) {
	t.Parallel()
	var h tail.Hub
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				h.Send(at(0))
			}
		})
		wg.Go(func() {
			for range 100 {
				if v, err := h.Look(tail.Filter{}, 1e6); err == nil {
					v.Close()
				}
			}
		})
	}
	wg.Wait()
	if h.Watched() {
		t.Error("somebody is left")
	}
}

func TestNobodyLookingCostsNoAllocation(t *testing.T) {
	var h tail.Hub
	if n := testkit.Allocs(100, func() {
		if h.Watched() {
			h.Send(at(0))
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUnwatched(b *testing.B) {
	var h tail.Hub
	for b.Loop() {
		if h.Watched() {
			b.Fatal("watched")
		}
	}
}

func BenchmarkEightViewers(b *testing.B) {
	var h tail.Hub
	for range tail.MaxViewers {
		if _, err := h.Look(tail.Filter{}, 50); err != nil {
			b.Fatal(err)
		}
	}
	e := at(0)
	for b.Loop() {
		h.Send(e)
	}
}
