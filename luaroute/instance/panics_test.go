package instance

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/luaroute/caddy-luaroute/chiproxy/tally"
)

// passed calls a function that panics, and returns what is left of that.
func passed(p *panics, fails func()) (left any) {
	defer func() { left = recover() }()
	defer p.pass()
	fails()
	return nil
}

func TestOnePanicOfAPlaceGoesOnInASecondAndTheOthersAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.ErrorLevel)
		p := newPanics(zap.New(core))
		var table map[string]int
		places := map[string]func(){
			"a value":       func() { panic("broken") },
			"a nil map":     func() { table["a"] = 1 },
			"an index":      func() { _ = make([]int, len(table))[len(table)] },
			"one once more": func() { defer func() { panic(recover()) }(); panic("inner") },
		}
		for name, fails := range places {
			if got := passed(p, fails); got == nil || got == http.ErrAbortHandler {
				t.Errorf("%s: the first panic became %v", name, got)
			}
			for range 10 {
				if got := passed(p, fails); got != http.ErrAbortHandler {
					t.Errorf("%s: another one is %v; want an abort that no server logs", name, got)
				}
			}
		}
		time.Sleep(tally.Interval)
		synctest.Wait()
		if said := logs.All(); len(said) != 1 || said[0].ContextMap()["panics"] != int64(10*len(places)) {
			t.Errorf("got %v; want one line for %d panics", said, 10*len(places))
		}
		if got := passed(p, places["a value"]); got != "broken" {
			t.Errorf("after a second the panic is %v", got)
		}
	})
}

func TestAnAbortGoesOnUncounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.ErrorLevel)
		p := newPanics(zap.New(core))
		for range 10 {
			if got := passed(p, func() { panic(http.ErrAbortHandler) }); got != http.ErrAbortHandler {
				t.Errorf("got %v", got)
			}
		}
		if got := passed(p, func() {}); got != nil {
			t.Errorf("no panic became %v", got)
		}
		time.Sleep(tally.Interval)
		synctest.Wait()
		if logs.Len() != 0 {
			t.Errorf("logged %v", logs.All())
		}
	})
}

// again raises a panic once more, as code does that recovers to clean up.
func again(fails func()) {
	defer func() { panic(recover()) }()
	fails()
}

func TestAPanicThatIsRaisedAgainCountsWhereItBegan(t *testing.T) {
	t.Parallel()
	p := newPanics(zap.NewNop())
	for _, fails := range []func(){
		func() { panic("one") },
		func() { panic("two") },
	} {
		if got := passed(p, func() { again(fails) }); got == nil || got == http.ErrAbortHandler {
			t.Errorf("the first panic of a place became %v", got)
		}
		if got := passed(p, func() { again(fails) }); got != http.ErrAbortHandler {
			t.Errorf("the second is %v", got)
		}
	}
}

func TestBeyondManyPlacesOfPanicsAllOthersAreOne(t *testing.T) {
	t.Parallel()
	p, now := newPanics(zap.NewNop()), time.Now()
	first := func(place int, want bool) {
		t.Helper()
		if got := p.first(fmt.Sprint(place), now); got != want {
			t.Errorf("place %d goes on: %v, want %v", place, got, want)
		}
	}
	for place := range maxPlaces {
		first(place, true)
	}
	first(maxPlaces, true)
	first(maxPlaces+1, false)
	first(maxPlaces, false)
	if first(0, false); len(p.seen) > maxPlaces+1 {
		t.Errorf("%d places are kept", len(p.seen))
	}
	now = now.Add(tally.Interval)
	first(0, true)
	first(maxPlaces+1, true)
	first(maxPlaces+2, false)
}
