package instance

import (
	"testing"
	"time"

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
