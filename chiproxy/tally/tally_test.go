package tally_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/tally"
)

func TestATallySaysOnceAnIntervalWhatItHasCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said []tally.Count
		counts := tally.New(tally.Interval, func(c tally.Count) { said = append(said, c) })
		place := func(name string) func() string { return func() string { return name } }
		for range 1000 {
			counts.Add(10, place("a.lua:1"))
			time.Sleep(time.Millisecond / 2)
		}
		counts.Add(1, place("a.lua:2"))
		time.Sleep(5 * tally.Interval) // nothing is left out, so nothing is said
		synctest.Wait()
		if want := (tally.Count{Lines: 1001, Bytes: 10_001, First: "a.lua:1"}); len(said) != 1 || said[0] != want {
			t.Fatalf("got %v, want %v once", said, want)
		}
		counts.Add(7, place("b.lua:1"))
		time.Sleep(tally.Interval)
		synctest.Wait()
		if want := (tally.Count{Lines: 1, Bytes: 7, First: "b.lua:1"}); len(said) != 2 || said[1] != want {
			t.Errorf("got %v, want %v behind the first", said, want)
		}
	})
}
