package instance

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

func TestAChangeIsTakenWhenItHasSettled(t *testing.T) {
	t.Parallel()
	trace, next := new(source.Trace), new(source.Trace)
	edited, again := source.Changes{All: "edited"}, source.Changes{All: "edited again"}
	gone := source.Changes{All: "gone", Lost: true}
	type look struct {
		after   time.Duration // the look before
		of      *source.Trace
		changes source.Changes
	}
	for name, row := range map[string]struct {
		looks []look
		want  bool
	}{
		"nothing":                          {[]look{{0, trace, source.Changes{}}, {time.Hour, trace, source.Changes{}}}, false},
		"an edit once":                     {[]look{{0, trace, edited}}, false},
		"an edit that stays":               {[]look{{0, trace, edited}, {settles, trace, edited}}, true},
		"an edit that stays for too short": {[]look{{0, trace, edited}, {settles - 1, trace, edited}}, false},
		"an edit that goes on":             {[]look{{0, trace, edited}, {time.Hour, trace, again}}, false},
		"an edit that was taken back":      {[]look{{0, trace, edited}, {time.Hour, trace, source.Changes{}}, {time.Hour, trace, edited}}, false},
		"an edit of another load":          {[]look{{0, trace, edited}, {time.Hour, next, edited}}, false},
		"a file that is gone":              {[]look{{0, trace, gone}, {missed / 2, trace, gone}, {0, trace, gone}, {missed / 2, trace, gone}}, true},
		"a file that is gone for a moment": {[]look{{0, trace, gone}, {missed / 2, trace, gone}, {0, trace, gone}, {missed/2 - 1, trace, gone}}, false},
		"a file that is gone for few looks, on a machine that stood still": {[]look{{0, trace, gone}, {time.Hour, trace, gone}}, false},
		"a file that comes back as another one":                            {[]look{{0, trace, gone}, {time.Hour, trace, edited}}, false},
	} {
		var p pending
		now, got := time.Now(), false
		for _, l := range row.looks {
			now = now.Add(l.after)
			got = p.settled(l.of, l.changes, now)
		}
		if got != row.want {
			t.Errorf("%s: settled is %t, want %t", name, got, row.want)
		}
	}
}

func TestReloadsThatIsolatedTenantsAskForComeOnceAMinuteAndNoneIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &Instance{wanted: newWish(), wantedByTenants: newWish()}
		go i.handOn(t.Context())
		start := time.Now()
		var came []time.Duration
		go func() {
			for {
				select {
				case <-t.Context().Done():
					return
				case <-i.wanted:
					came = append(came, time.Since(start))
				}
			}
		}()
		for range 1500 { // for two and a half minutes
			i.wantedByTenants.make()
			i.wantedByTenants.make()
			time.Sleep(time.Minute / 600)
		}
		time.Sleep(time.Hour)
		i.wantedByTenants.make()
		synctest.Wait()
		if want := []time.Duration{0, time.Minute, 2 * time.Minute, 3 * time.Minute, 62*time.Minute + 30*time.Second}; !slices.Equal(came, want) {
			t.Errorf("reloads came after %v, want %v", came, want)
		}
	})
}

func TestOnlyTheReloadsOfIsolatedTenantsWait(t *testing.T) {
	const script = `local route = require("luaroute")
		route.every(0.1, function() route.reload() end)
		route:get("/", { status = 204 })`
	i, err := fleet(t, 2, false, func(int) string { return script })
	if err != nil {
		t.Fatal(err)
	}
	i.start()
	testkit.Until(t, "the first ask is a reload", func() bool { return i.State().Version >= 2 })
	testkit.Until(t, "the second one waits", func() bool { return len(i.wantedByTenants) == 1 || i.State().Version > 2 })
	if v := i.State().Version; v != 2 || len(i.wanted) != 0 {
		t.Errorf("it is table %d, and %d reloads are to come; want the second table", v, len(i.wanted))
	}
	i.loader.tenants[0].scripting.allowed = nil // from the next load on it is a trusted one
	i.wanted.make()
	testkit.Until(t, "reloads of a trusted tenant do not wait", func() bool { return i.State().Version >= 5 })
}
